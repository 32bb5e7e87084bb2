"""Whom a directory never tries a password for: our own account, and accounts of others."""

import pytest
from lab.asking_directory import asking
from lab.asking_ldap import DN, NAMES, SERVICE, Corp, closing, told
from lab.directory_entries import GATEWAY
from lab.fake_ldap import FakeDirectory, found, searched
from lab.fake_server import FakeServer
from lab.ldap_replies import Entries, Entry
from lab.settings import listed_profile, profile_at, server

from bridge_common.directory.results import NoEntry
from bridge_common.identity import Identity, LoginForm
from bridge_common.settings.read import parse_settings
from sasl_bridge.passdb.build import build_parts
from sasl_bridge.verdict import Verdict

ADDRESS, BARE, WINDOWS = LoginForm.ADDRESS, LoginForm.BARE, LoginForm.WINDOWS


@pytest.mark.parametrize(
    ("bind_dn", "dn", "form"),
    [
        (GATEWAY, GATEWAY, ADDRESS),
        (GATEWAY, GATEWAY.upper(), ADDRESS),
        (GATEWAY, GATEWAY.replace(",", ", ").replace("cn=", "cn = "), ADDRESS),
        (GATEWAY.replace(",", ", "), GATEWAY, ADDRESS),
        ("Gateway@Example.com", "CN=gw", ADDRESS),
        ("gateway@example.com", "CN=gw", BARE),
        ("CORP\\Gateway", "CN=gw", ADDRESS),
        ("CORP\\gateway", "CN=gw", WINDOWS),
    ],
)
async def test_our_own_account_is_no_login(bind_dn: str, dn: str, form: LoginForm) -> None:
    """Whoever guesses its password would lock it."""
    fake = FakeDirectory(search=(found(dn.encode()), searched()))
    async with asking(fake, bind_dn=bind_dn) as ask:
        result = await ask.ask(who=Identity("gateway", "example.com", form))
        assert result == NoEntry(f"{dn} is our own account (bind_dn), which is no login")
        assert len(fake.asked) == 2
        assert b"secret" not in ask.server.heard


async def test_an_account_of_ours_that_the_entry_of_the_list_does_not_serve_is_a_no() -> None:
    """A directory has no say about the domains that others of the list are asked about."""
    names = NAMES | {"employeeType": ["ceo@example.org"]}
    entries = Entries(Entry(DN, b"secret", names), SERVICE)
    with FakeServer(entries) as directory:
        text = "\n".join(
            [
                'identity.domains = ["example.com", "example.org"]',
                listed_profile("corp", domains=["example.com"]),
                server("others", 1, domains=["example.org"]),
                profile_at(directory.port, identity_attribute="employeeType"),
            ]
        )
        settings = parse_settings(text).settings
        parts = build_parts(settings)
        with closing(parts):
            answer = await Corp(entries, directory, settings, parts).answer()
    assert told(answer) == (
        Verdict.REJECTED,
        "the account is ceo@example.org, whose domain is not asked about here (domains)",
        True,
    )
