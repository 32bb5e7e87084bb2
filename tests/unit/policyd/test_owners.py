"""Who owns an address by all that is known: the login itself, the aliases file, the directory."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from lab.asking_directory import ALICE
from lab.scripted_directory import Asked, ScriptedDirectory, own, run

from bridge_common.deadline import Deadline
from bridge_common.directory.results import AddressesResult, Fault, NoEntry, OwnAddresses, Trouble
from bridge_common.identity import DEFAULT_LOGIN_CHARACTERS, Identity, IdentityRules, LoginForm
from policyd.ownership.aliases import AliasRules, parse_aliases
from policyd.ownership.aliases_file import AliasesFile, Reading
from policyd.ownership.interface import Belonging, Belongings, Owned, Ownership, Scope
from policyd.ownership.owners import AllOwners

RULES = AliasRules("example.com", IdentityRules(frozenset({"example.com", "example.org"})))
BOB = Identity("bob", "example.com", LoginForm.ADDRESS)
BOSS = Identity("boss", "example.com", LoginForm.ADDRESS)

OWN = "it is the login's own address"
DOWN = Trouble("connection refused by 127.0.0.1 port 389", Fault.HOST)
DOWN_TEXT = "ldap_profile corp: connection refused by 127.0.0.1 port 389"
UNREADABLE = Reading(None, "cannot be read: Permission denied; what it allows is not known", (1,))
UNREADABLE_TEXT = f"/etc/aliases: {UNREADABLE.trouble}"


def aliases_file(content: str | Reading, rules: AliasRules = RULES) -> AliasesFile:
    """Return a file of these lines, or of this reading."""
    reading = content
    if isinstance(reading, str):
        reading = Reading(parse_aliases(reading, rules), stamp=(1,))
    return AliasesFile("/etc/aliases", rules, reading)


def owners(
    content: str | Reading = "", delimiters: str = "+", rules: AliasRules = RULES
) -> AllOwners:
    """Return who owns what by a file and without a directory."""
    return AllOwners(aliases_file(content, rules), None, delimiters)


def answer(
    whole: AllOwners, address: str, login: Identity = ALICE, scope: Scope = "address"
) -> Ownership:
    """Return what is answered at once."""
    ownership = whole.recall(login, address, scope)
    assert ownership is not None
    return ownership


def owns(
    whole: AllOwners, address: str, login: Identity = ALICE, scope: Scope = "address"
) -> Owned:
    return answer(whole, address, login, scope).owned


def yes_by_line(number: int) -> Ownership:
    return Ownership(Owned.YES, f"line {number} of /etc/aliases gives it to the login")


# By itself


@pytest.mark.parametrize(
    ("address", "scope", "ownership"),
    [
        ("alice@example.com", "address", Ownership(Owned.YES, OWN)),
        ("alice+lists@example.com", "address", Ownership(Owned.YES, OWN)),
        (
            "bob@example.com",
            "address",
            Ownership(Owned.NO, "alice@example.com does not own bob@example.com"),
        ),
        (
            "bob@example.com",
            "domain",
            Ownership(Owned.YES, "it is of the login's own domain, and match_scope is domain"),
        ),
        (
            "alice@sub.example.com",
            "domain",
            Ownership(Owned.NO, "alice@example.com does not own alice@sub.example.com"),
        ),
        (
            "alice@example.com@evil.org",
            "domain",
            Ownership(Owned.NO, "alice@example.com does not own alice@example.com@evil.org"),
        ),
    ],
)
def test_without_other_sources_a_login_owns_what_it_is(
    address: str, scope: Scope, ownership: Ownership
) -> None:
    assert answer(owners(), address, scope=scope) == ownership


def test_an_extension_begins_at_a_delimiter_only() -> None:
    assert owns(owners(delimiters=""), "alice+x@example.com") is Owned.NO
    assert owns(owners(delimiters="=+"), "alice=x@example.com") is Owned.YES


def test_what_may_be_another_login_is_no_extension() -> None:
    """Of all characters of login_characters, here the hyphen is one."""
    assert owns(owners(delimiters="-"), "alice-x@example.com") is Owned.NO
    without = frozenset(DEFAULT_LOGIN_CHARACTERS) - {"-"}
    rules = replace(RULES, identity=replace(RULES.identity, login_characters=without))
    assert owns(owners("", "-", rules), "alice-x@example.com") is Owned.YES


# By the aliases file


def test_a_line_gives_an_address_a_domain_or_everything_and_is_named() -> None:
    whole = owners(
        "sales@example.com: alice@example.com\n"
        "@example.org: alice@example.com\n"
        "*: boss@example.com\n"
    )
    assert answer(whole, "sales@example.com") == yes_by_line(1)
    assert answer(whole, "sales+x@example.com") == yes_by_line(1)
    assert answer(whole, "anybody@example.org") == yes_by_line(2)
    assert answer(whole, "who@else.where", BOSS) == yes_by_line(3)
    assert owns(whole, "anybody@sub.example.org") is Owned.NO
    assert owns(whole, "victim@example.org@evil.org") is Owned.NO
    assert owns(whole, "sales@example.com", BOB) is Owned.NO


def test_the_most_specific_line_decides() -> None:
    """As in Postfix; a line that nobody can use decides too."""
    whole = owners(
        "@example.com: boss@example.com\n"
        "*: bob@example.com\n"
        "sales@example.com: alice@example.com\n"
        "sales+x@example.com: bob@example.com\n"
        "ceo@example.com: ceo@exampel.com\n"
    )
    assert owns(whole, "any@example.com", BOSS) is Owned.YES
    assert owns(whole, "sales@example.com", BOSS) is Owned.NO
    assert owns(whole, "sales+y@example.com", BOSS) is Owned.NO
    assert owns(whole, "sales+y@example.com") is Owned.YES
    assert owns(whole, "sales+x@example.com") is Owned.NO
    assert owns(whole, "sales+x@example.com", BOB) is Owned.YES
    assert owns(whole, "ceo@example.com", BOSS) is Owned.NO
    assert owns(whole, "any@example.com", BOB) is Owned.NO
    assert owns(whole, "any@example.net", BOB) is Owned.YES


def test_no_line_takes_a_login_its_own_address_but_one_of_an_extension_that_extension() -> None:
    whole = owners("alice@example.com: bob@example.com\nalice+x@example.com: bob@example.com\n")
    assert answer(whole, "alice@example.com") == Ownership(Owned.YES, OWN)
    assert answer(whole, "alice@example.com", BOB) == yes_by_line(1)
    assert owns(whole, "alice+x@example.com") is Owned.NO
    assert owns(whole, "alice+y@example.com") is Owned.YES


def test_a_bare_name_is_of_myorigin_and_comes_behind_the_address() -> None:
    whole = owners("info: alice@example.com\ndesk: alice@example.com\ndesk@example.com: bob@x.y\n")
    assert answer(whole, "info@example.com") == yes_by_line(1)
    assert owns(whole, "info@example.org") is Owned.NO
    assert owns(whole, "desk@example.com") is Owned.NO


def test_as_long_as_nobody_knows_the_lines_only_the_login_s_own_address_is_sure() -> None:
    whole = owners(UNREADABLE)
    assert owns(whole, "alice@example.com") is Owned.YES
    unknown = Ownership(Owned.UNKNOWN, UNREADABLE_TEXT)
    assert answer(whole, "sales@example.com") == unknown
    # There may be a line of its own for this one.
    assert answer(whole, "alice+x@example.com") == unknown


def test_what_was_read_before_the_trouble_is_known() -> None:
    reading = Reading(parse_aliases("sales@example.com: alice@example.com", RULES), "gone", (1,))
    whole = owners(reading)
    assert answer(whole, "sales@example.com") == yes_by_line(1)
    assert owns(whole, "info@example.com") is Owned.NO


def test_a_new_reading_is_in_force_at_once() -> None:
    whole = owners()
    assert owns(whole, "sales@example.com") is Owned.NO
    whole.aliases.reading = aliases_file("sales@example.com: alice@example.com").reading
    assert owns(whole, "sales@example.com") is Owned.YES


# By the directory


class Whole:
    """All three sources, on the clock of a scripted directory."""

    def __init__(self, asked: Asked, content: str | Reading = "") -> None:
        self.owners = AllOwners(aliases_file(content), asked.known, "+")
        self._asked = asked

    def deadline(self, seconds: float = 4.0) -> Deadline:
        return Deadline.after(seconds, self._asked.clock)

    async def answer(self, address: str, seconds: float = 4.0) -> Ownership:
        """Return what is answered after the directory was asked."""
        assert self.owners.recall(ALICE, address, "address") is None
        return await self.owners.look_up(ALICE, address, "address", self.deadline(seconds))

    def at_once(self, address: str) -> Ownership | None:
        return self.owners.recall(ALICE, address, "address")


SHARED = OwnAddresses(("alice@example.com", "a.smith@example.com"), ("sales@example.com",))
BY_ATTRIBUTES = Ownership(Owned.YES, "address_attributes of ldap_profile corp")
BY_FILTER = Ownership(Owned.YES, "send_as_filter of ldap_profile corp")


def test_what_the_directory_says_is_asked_for_once_and_then_known() -> None:
    async def test(asked: Asked) -> None:
        whole = Whole(asked)
        assert await whole.answer("a.smith@example.com") == BY_ATTRIBUTES
        assert whole.at_once("a.smith+x@example.com") == BY_ATTRIBUTES
        assert whole.at_once("sales@example.com") == BY_FILTER
        no = Ownership(Owned.NO, "alice@example.com does not own bob@example.com")
        assert whole.at_once("bob@example.com") == no

    assert run(ScriptedDirectory(SHARED), test).asked == [ALICE]


def test_the_directory_is_not_asked_where_the_others_say_yes() -> None:
    async def test(asked: Asked) -> None:
        whole = Whole(asked, "info@example.com: alice@example.com\n")
        assert whole.at_once("alice@example.com") == Ownership(Owned.YES, OWN)
        assert whole.at_once("info@example.com") == yes_by_line(1)
        for address in ("alice+x@example.com", "info@example.com"):
            found = await whole.owners.look_up(ALICE, address, "address", whole.deadline())
            assert found.owned is Owned.YES

    assert run(ScriptedDirectory(DOWN), test).asked == []


def test_a_directory_that_is_away_leaves_it_unknown_and_is_no_no() -> None:
    async def test(asked: Asked) -> None:
        whole = Whole(asked)
        unknown = Ownership(Owned.UNKNOWN, DOWN_TEXT)
        assert await whole.answer("bob@example.com") == unknown
        assert whole.at_once("carol@example.com") == unknown
        assert whole.at_once("alice@example.com") == Ownership(Owned.YES, OWN)

    run(ScriptedDirectory(DOWN), test)


def test_a_directory_that_stays_silent_leaves_it_unknown_by_the_deadline() -> None:
    async def test(asked: Asked) -> None:
        ownership = await Whole(asked).answer("bob@example.com", 1.5)
        assert ownership.owned is Owned.UNKNOWN
        assert asked.now() == 1.5

    run(ScriptedDirectory(SHARED, 60.0), test)


def test_an_answer_that_is_not_whole_is_a_yes_where_it_says_so_and_else_unknown() -> None:
    async def test(asked: Asked) -> None:
        whole = Whole(asked)
        assert await whole.answer("a.smith@example.com") == BY_ATTRIBUTES
        missing = "ldap_profile corp: send_as_filter: Size limit exceeded (4)"
        assert whole.at_once("sales@example.com") == Ownership(Owned.UNKNOWN, missing)

    part = OwnAddresses(("a.smith@example.com",), (), "send_as_filter: Size limit exceeded (4)")
    run(ScriptedDirectory(part), test)


def test_a_login_without_an_entry_owns_nothing_by_the_directory() -> None:
    async def test(asked: Asked) -> None:
        assert (await Whole(asked).answer("sales@example.com")).owned is Owned.NO

    run(ScriptedDirectory(NoEntry("no entry matches")), test)


def test_while_the_file_cannot_be_read_the_directory_may_say_yes_but_nobody_no() -> None:
    async def test(asked: Asked) -> None:
        whole = Whole(asked, UNREADABLE)
        assert await whole.answer("sales@example.com") == BY_FILTER
        assert whole.at_once("bob@example.com") == Ownership(Owned.UNKNOWN, UNREADABLE_TEXT)
        assert whole.at_once("sales+x@example.com") == Ownership(Owned.UNKNOWN, UNREADABLE_TEXT)

    run(ScriptedDirectory(SHARED), test)


def test_no_line_takes_away_what_the_directory_gives_but_one_of_an_extension_that() -> None:
    async def test(asked: Asked) -> None:
        lines = "sales@example.com: bob@example.com\nsales+x@example.com: bob@example.com\n"
        whole = Whole(asked, lines)
        assert await whole.answer("sales@example.com") == BY_FILTER
        no = Ownership(Owned.NO, "alice@example.com does not own sales+x@example.com")
        assert whole.at_once("sales+x@example.com") == no

    run(ScriptedDirectory(SHARED), test)


class Slow(ScriptedDirectory):
    """Who has time to think, while somebody writes another aliases file."""

    meanwhile: Callable[[], None]

    async def addresses_of(self, identity: Identity, deadline: Deadline) -> AddressesResult:
        self.meanwhile()
        return await super().addresses_of(identity, deadline)


def test_a_line_that_comes_while_the_directory_is_asked_counts() -> None:
    directory = Slow(own("alice@example.com"))

    async def test(asked: Asked) -> None:
        whole = Whole(asked)

        def write() -> None:
            whole.owners.aliases.reading = aliases_file(
                "info@example.com: alice@example.com"
            ).reading

        directory.meanwhile = write
        assert await whole.answer("info@example.com") == yes_by_line(1)

    run(directory, test)


# All that a login owns


def test_all_that_a_login_owns_is_told_with_its_reason() -> None:
    async def test(asked: Asked) -> None:
        whole = Whole(
            asked,
            "sales@example.org: bob@example.com\n"
            "info: alice@example.com\n"
            "@example.org: bob@example.com,\n"
            "  alice@example.com\n",
        )
        assert await whole.owners.belongings(ALICE, whole.deadline()) == Belongings(
            (
                Belonging("alice@example.com", OWN),
                Belonging("@example.org", "line 4 of /etc/aliases"),
                Belonging("info@example.com", "line 2 of /etc/aliases"),
                Belonging("a.smith@example.com", "address_attributes of ldap_profile corp"),
                Belonging("sales@example.com", "send_as_filter of ldap_profile corp"),
            )
        )

    run(ScriptedDirectory(SHARED), test)


def test_what_cannot_be_told_of_it_is_told_too() -> None:
    async def test(asked: Asked) -> None:
        belongings = await Whole(asked, UNREADABLE).owners.belongings(
            ALICE, Whole(asked).deadline()
        )
        assert belongings == Belongings(
            (Belonging("alice@example.com", OWN),), f"{UNREADABLE_TEXT}; {DOWN_TEXT}"
        )

    run(ScriptedDirectory(DOWN), test)


async def test_without_a_directory_it_is_what_the_file_says() -> None:
    whole = owners("sales@example.com: alice@example.com")
    assert await whole.belongings(ALICE, Deadline.after(1.0)) == Belongings(
        (
            Belonging("alice@example.com", OWN),
            Belonging("sales@example.com", "line 1 of /etc/aliases"),
        )
    )
