"""Never laxer than Postfix: reject_sender_login_mismatch with the same file as its map."""

from collections.abc import Mapping
from typing import Any, NoReturn

from hypothesis import example, given
from hypothesis import strategies as st

from bridge_common.identity import Identity, IdentityRules, LoginForm
from policyd.ownership.aliases import Aliases, AliasRules, parse_aliases
from policyd.ownership.aliases_file import AliasesFile, Reading
from policyd.ownership.interface import Owned
from policyd.ownership.owners import AllOwners

MYORIGIN = "example.com"
RULES = AliasRules(MYORIGIN, IdentityRules(frozenset({"example.com", "example.org"})))

LOCALS = st.sampled_from(["a", "b", "a+x", "b+x", "a+x+y", "a-x", "owner-a", "a-request", "+x"])
DOMAINS = st.sampled_from(["example.com", "example.org", "sub.example.com"])
ADDRESSES = st.builds("{}@{}".format, LOCALS, DOMAINS)
LOGINS = st.sampled_from(["a@example.com", "b@example.com", "a-x@example.com", "a@example.org"])
KEYS = st.one_of(ADDRESSES, LOCALS, DOMAINS.map("@{}".format))
MAPS = st.dictionaries(
    KEYS, st.lists(st.one_of(LOGINS, st.just("a@elsewhere.example")), min_size=1), max_size=8
)
DELIMITERS = st.sampled_from(["", "+", "-", "+-"])

Map = Mapping[str, list[str]]


def split(local: str, delimiters: str) -> str:
    """split_addr.c, with owner_request_special = yes."""
    if "-" in delimiters and (local[:6] == "owner-" or local[-8:] == "-request"):
        return local
    for place, character in enumerate(local):
        if character in delimiters:
            return local[:place] if place else local
    return local


def found(table: Map, sender: str, delimiters: str) -> list[str]:
    """mail_addr_find.c: the first of these that there is, myorigin being our only own domain."""
    local, domain = sender.split("@")
    plain = split(local, delimiters)
    keys = [sender, f"{plain}@{domain}"]
    keys += [local, plain] if domain == MYORIGIN else []
    return next((table[key] for key in [*keys, f"@{domain}"] if key in table), [])


def owned(table: Map, login: str, sender: str, delimiters: str) -> bool:
    """Return the answer, with this map as the aliases file and without a directory."""
    text = "".join(f"{key}: {', '.join(logins)}\n" for key, logins in table.items())
    reading = Reading(parse_aliases(text, RULES), stamp=(1,))
    whole = AllOwners(AliasesFile("/etc/aliases", RULES, reading), None, delimiters)
    local, domain = login.split("@")
    answer = whole.recall(Identity(local, domain, LoginForm.ADDRESS), sender, "address")
    assert answer is not None
    assert answer.owned is not Owned.UNKNOWN
    return answer.owned is Owned.YES


@given(MAPS, LOGINS, ADDRESSES, DELIMITERS)
@example({"a+x@example.com": ["b@example.com"]}, "a@example.com", "a+x@example.com", "+")
@example({"a": ["b@example.com"]}, "b@example.com", "a@example.com", "")
@example(
    {"a": ["b@example.com"], "a@example.com": ["a@example.org"]},
    "b@example.com",
    "a@example.com",
    "",
)
@example(
    {"a@example.com": ["a@elsewhere.example"], "@example.com": ["b@example.com"]},
    "b@example.com",
    "a@example.com",
    "",
)
def test_a_login_owns_what_postfix_would_let_it_use_and_nothing_else(
    table: dict[str, list[str]], login: str, sender: str, delimiters: str
) -> None:
    """The map of Postfix has one more line, by which the login owns its own address.

    The only difference: what may be another login is no extension, which Postfix lets pass.
    """
    lines = {**table, login: [*table.get(login, []), login]}
    by_postfix = login in found(lines, sender, delimiters)
    by_us = owned(table, login, sender, delimiters)
    if by_us != by_postfix:
        assert by_postfix
        assert sender in ("a-x@example.com", "a-x@example.org")
        assert "-" in delimiters


@given(LOGINS, ADDRESSES, DELIMITERS)
@example("a@example.com", "a-x@example.com", "-")
def test_no_login_owns_by_an_extension_what_another_login_is(
    login: str, sender: str, delimiters: str
) -> None:
    """As if the map of Postfix had a line for each login there may be."""
    logins = ("a@example.com", "b@example.com", "a-x@example.com", "a@example.org")
    by_postfix = login in found({each: [each] for each in logins}, sender, delimiters)
    assert by_postfix or not owned({}, login, sender, delimiters)


class Counted(dict[str, Mapping[str, int]]):
    """Lines that count how often one is looked for, and let nobody look at all of them."""

    looks = 0

    def get(self, key: str, default: Any = None) -> Any:
        self.looks += 1
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self.looks += 1
        return super().__contains__(key)

    def __iter__(self) -> NoReturn:
        raise AssertionError

    def items(self) -> NoReturn:
        raise AssertionError


def test_of_a_hundred_thousand_lines_only_those_of_the_sender_s_keys_are_looked_for() -> None:
    text = "".join(f"user{n}@example.com: a@example.com\n" for n in range(100_000))
    lines = Counted(parse_aliases(text, RULES).owners)
    reading = Reading(Aliases(lines), stamp=(1,))
    whole = AllOwners(AliasesFile("/etc/aliases", RULES, reading), None, "+")
    login = Identity("a", "example.com", LoginForm.ADDRESS)
    for sender, owns, looks in [
        ("user99999+x@example.com", Owned.YES, 3),
        ("nobody+x@example.com", Owned.NO, 7),
        ("nobody@example.org", Owned.NO, 3),
    ]:
        lines.looks = 0
        answer = whole.recall(login, sender, "address")
        assert answer is not None
        assert (answer.owned, lines.looks) == (owns, looks)


def test_a_line_for_an_address_gives_away_no_other_login_by_an_extension() -> None:
    """Postfix would find that login's own line first; its own line, or the domain's, counts."""
    assert not owned({"a@example.com": ["b@example.com"]}, "b@example.com", "a-x@example.com", "-")
    assert owned({"a-x@example.com": ["b@example.com"]}, "b@example.com", "a-x@example.com", "-")
    assert owned({"@example.com": ["b@example.com"]}, "b@example.com", "a-x@example.com", "-")
    assert owned({"a@example.com": ["b@example.com"]}, "b@example.com", "a+x@example.com", "+")
