"""Which logins a directory is asked about, in which words, and whose they are."""

from typing import Any

import pytest
from lab.asking_ldap import DN, NAMES, OURS, corp, errors, told
from lab.directory_entries import GATEWAY
from lab.ldap_replies import SUCCESS, Entry

from bridge_common.identity import Identity, LoginForm
from bridge_common.secret import Secret
from sasl_bridge.credentials import Credentials
from sasl_bridge.verdict import Refused, Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE


# Whose login it is


async def test_an_alias_logs_in_as_the_account() -> None:
    names = NAMES | {"mailAlias": ["smith@example.com"]}
    keys: dict[str, Any] = {
        "login_filter": "(|(mail={login})(mailAlias={login}))",
        "identity_attribute": "mail",
    }
    async with corp(Entry(DN, b"secret", names), **keys) as directory:
        for login in ("smith@example.com", "Smith@Example.com", "alice@example.com"):
            answer = await directory.answer(login)
            assert (answer.verdict, answer.identity) == (ACCEPTED, "alice@example.com")
        refused = await directory.answer("smith@example.com", b"wrong")
        assert (refused.verdict, refused.identity) == (REJECTED, "smith@example.com")
    assert (
        directory.entries.searches[:2] == ["mail=smith@example.com mailAlias=smith@example.com"] * 2
    )


@pytest.mark.expect_warnings("identity_attribute employeeType has")
@pytest.mark.parametrize("values", [[], ["alice@example.com", "smith@example.com"]])
async def test_a_right_password_without_a_single_identity_is_trouble_and_loud(
    values: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    account = Entry(DN, b"secret", NAMES | {"employeeType": values})
    async with corp(account, identity_attribute="employeeType") as directory:
        answer = await directory.answer()
        assert (answer.verdict, answer.password_sent) == (UNAVAILABLE, True)
        assert len(errors(caplog)) == 1
        assert (await directory.answer(password=b"wrong")).verdict is REJECTED


async def test_an_account_outside_our_domains_is_refused() -> None:
    account = Entry(DN, b"secret", NAMES | {"employeeType": ["alice@elsewhere.example"]})
    async with corp(account, identity_attribute="employeeType") as directory:
        answer = await directory.answer()
    reason = "the account is alice@elsewhere.example, which is not ours"
    assert told(answer) == (REJECTED, reason, True)


@pytest.mark.parametrize(
    "login", ["alice@München.example", "ALICE@MÜNCHEN.example", "alice@xn--mnchen-3ya.EXAMPLE"]
)
@pytest.mark.parametrize("ours", ["münchen.example", "XN--MNCHEN-3YA.example"])
async def test_a_domain_may_be_written_in_its_own_letters(login: str, ours: str) -> None:
    canonical = "alice@xn--mnchen-3ya.example"
    names = NAMES | {"mail": [canonical], "employeeType": ["Alice@MÜNCHEN.example"]}
    keys: dict[str, Any] = {"domains": [ours], "identity_attribute": "employeeType"}
    rules = {"identity.domains": f'["{ours}"]'}
    async with corp(Entry(DN, b"secret", names), ours=rules, **keys) as directory:
        answer = await directory.answer(login)
    assert (answer.verdict, answer.identity) == (ACCEPTED, canonical)
    assert directory.entries.searches == [f"objectClass=person mail={canonical}"]


async def test_where_every_domain_is_ours_the_directory_is_asked_about_each() -> None:
    names = NAMES | {"mail": ["alice@elsewhere.example"]}
    every = {"identity.domains": '["*"]'}
    async with corp(Entry(DN, b"secret", names), ours=every) as directory:
        answer = await directory.answer("alice@elsewhere.example")
    assert (answer.verdict, answer.identity) == (ACCEPTED, "alice@elsewhere.example")


# How it was typed


BARE = {
    "identity.domains": '["example.com"]',
    "identity.default_domain": '"example.com"',
    "identity.windows_domains": '{ CORP = "example.com" }',
}
BY_NAME = "objectClass=person uid=alice"
BY_ADDRESS = "objectClass=person mail=alice@example.com"


async def test_bare_and_windows_logins_are_searched_for_in_their_own_way() -> None:
    async with corp(ours=BARE) as directory:
        for login in ("alice", "CORP\\alice", "corp\\Alice"):
            answer = await directory.answer(login)
            assert (answer.verdict, answer.identity) == (ACCEPTED, "alice@example.com")
    assert directory.entries.searches == [BY_NAME] * 3


async def test_an_account_name_is_never_taken_for_the_local_part_of_an_address() -> None:
    """Account john need not be john@example.com."""
    john = {"objectClass": ["person"], "uid": ["john"], "mail": ["j.smith@example.com"]}
    dn = "uid=john,ou=people,dc=example,dc=com"
    async with corp(Entry(dn, b"secret", john), ours=BARE) as directory:
        assert (await directory.answer("john@example.com")).verdict is REJECTED
        assert directory.entries.binds == [GATEWAY]
        assert (await directory.answer("john")).verdict is ACCEPTED
    by_address = "objectClass=person mail=john@example.com"
    assert directory.entries.searches == [by_address, "objectClass=person uid=john"]


async def test_username_format_username_is_about_what_is_typed() -> None:
    ours = {
        "identity.domains": '["example.com", "example.org"]',
        "identity.default_domain": '"example.com"',
        "identity.username_format": '"username"',
    }
    account = Entry(DN, b"secret", NAMES | {"employeeType": ["alice@example.org"]})
    async with corp(account, ours=ours, identity_attribute="employeeType") as directory:
        for login in ("alice", "alice@example.com"):
            answer = await directory.answer(login)
            assert (answer.verdict, answer.identity) == (ACCEPTED, "alice@example.org")
        assert isinstance(await directory.ask("alice@example.org"), Refused)
    assert directory.entries.searches == [BY_NAME, BY_ADDRESS]


# What it never sees


@pytest.mark.parametrize(
    "login",
    [
        "\uff41lice@example.com",
        "alice\uff20example.com",
        " alice@example.com",
        "alice @example.com",
        "al  ice@example.com",
        "\u00a0alice@example.com",
        "alice\u00ad@example.com",
        "\u2028alice@example.com",
        "ali\u0000ce@example.com",
        "",
        "alice",
        "alice@elsewhere.example",
        "CORP\\alice",
    ],
)
async def test_no_directory_is_asked_about_another_spelling_of_a_login(login: str) -> None:
    """Directories would find the account all the same; not even these characters help."""
    characters = '"abcdefghijklmnopqrstuvwxyz\uff41 "'
    for rules in (OURS, OURS | {"identity.login_characters": characters}):
        async with corp(ours=rules) as directory:
            refused = await directory.ask(login)
            assert isinstance(refused, Refused)
            assert refused.verdict is REJECTED
        assert directory.server.peers == []


async def test_it_never_hears_of_a_domain_that_it_does_not_serve() -> None:
    async with corp(domains=["example.org"]) as directory:
        answer = await directory.answer("alice@example.com")
        assert told(answer) == (REJECTED, "no server serves example.com", False)
        assert directory.server.peers == []
        assert (await directory.answer("alice@example.org")).source == "corp"
    assert b"example.com" not in directory.server.heard.replace(b"dc=example,dc=com", b"")
    assert b"secret" not in directory.server.heard


async def test_an_empty_password_is_not_admitted() -> None:
    """RFC 4513 section 5.1.2: a server may take it for nobody's bind, and say success."""
    anybody = Entry(DN, b"", NAMES, SUCCESS)
    async with corp(anybody) as directory:
        assert isinstance(await directory.ask("alice@example.com", b""), Refused)
        assert directory.server.peers == []


@pytest.mark.expect_warnings("a bind needs a name and a password")
@pytest.mark.parametrize("auth", ["search", "direct"])
async def test_an_empty_password_is_refused_below_admission_too(auth: str) -> None:
    anybody = Entry(DN, b"", NAMES, SUCCESS)
    keys: dict[str, Any] = {"auth": auth, "domains": ["example.com"]}
    if auth == "direct":
        keys["bind_template"] = "uid={local},ou=people,dc=example,dc=com"
    async with corp(anybody, **keys) as directory:
        alice = Identity("alice", "example.com", LoginForm.ADDRESS)
        answer = await directory.verify(Credentials(alice, Secret(b"")))
    assert answer.verdict is UNAVAILABLE
    assert DN not in directory.entries.binds


# Without a search


async def test_direct_the_name_is_made_of_the_login() -> None:
    keys: dict[str, Any] = {"auth": "direct", "domains": ["example.com"]}
    template = "uid={local},ou=people,dc=example,dc=com"
    async with corp(bind_template=template, **keys) as directory:
        assert told(await directory.answer()) == (ACCEPTED, "bound", True)
        wrong = await directory.answer(password=b"wrong")
        assert told(wrong) == (REJECTED, "Invalid credentials (49)", True)
    assert directory.entries.binds == [DN, DN]
    assert directory.entries.searches == []
