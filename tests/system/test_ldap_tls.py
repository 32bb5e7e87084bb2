"""TLS with a real OpenLDAP: who is trusted, by whose word, and what becomes of a login if not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab.certificates import Certificates, make_certificates
from lab.corp import PASSWORD
from lab.directory_entries import GATEWAY, PEOPLE, SCRIPTED, Person, entry
from lab.gateway import Gateway
from lab.openldap import (
    ALICE,
    DIRECT,
    SEARCH,
    bridge_of_profiles,
    reason_of_each,
    told_by_each,
)
from lab.replies import ACCEPTED, TRY_LATER, WRONG
from lab.slapd import Slapd

ELSEWHERE = Person("elsewhere", PASSWORD, ("elsewhere@example.com",), bind_result="0x00")
ALIAS = entry(
    f"cn=alias,{PEOPLE}", "alias", "extensibleObject", cn=["alias"], aliasedObjectName=[SCRIPTED]
)


@pytest.fixture(scope="module")
def slapd(running_gateway: Gateway) -> Iterator[Slapd]:
    """Serve Alice, and somebody whom only an alias leads to from ou=people."""
    with running_gateway.slapd([ALICE, ELSEWHERE], running_gateway.tls, ldif=ALIAS) as slapd:
        yield slapd


@pytest.fixture(scope="module")
def strangers(running_gateway: Gateway) -> Certificates:
    """Make an authority that did not sign the server's certificate."""
    folder = running_gateway.folder / "other-authority"
    folder.mkdir()
    return make_certificates(folder)


def _binds(slapd: Slapd) -> int:
    return slapd.binds(GATEWAY) + slapd.binds(ALICE.dn)


STARTTLS: dict[str, Any] = {"security": "tls"}
SSL: dict[str, Any] = {"security": "ssl"}


def test_an_unknown_authority_or_another_name_is_try_later_before_any_password(
    gateway: Gateway, slapd: Slapd, strangers: Certificates
) -> None:
    stranger = {"ca_file": str(strangers.authority)}
    nobody = {"ca_file": ""}  # the machine's own authorities do not know the lab's
    other_name = {"tls_name": "ldap.example.com"}
    unsigned = "certificate is not signed by a trusted authority"
    misnamed = "certificate is not valid for ldap.example.com"
    profiles = {
        f"{what}-{security['security']}{auth.get('auth', '')}": security | auth | keys
        for what, keys in (("stranger", stranger), ("nobody", nobody), ("name", other_name))
        for security in (STARTTLS, SSL)
        for auth in (SEARCH, DIRECT)
    }
    before = _binds(slapd)
    with bridge_of_profiles(gateway, slapd, profiles) as bridge:
        assert told_by_each(gateway, profiles, "alice") == dict.fromkeys(profiles, TRY_LATER)
        reasons = reason_of_each(bridge, profiles)
    assert reasons == {name: misnamed if name.startswith("name") else unsigned for name in profiles}
    assert _binds(slapd) == before


def test_the_name_in_the_certificate_is_what_the_settings_say_and_unverified_any(
    gateway: Gateway, slapd: Slapd
) -> None:
    unverified: dict[str, Any] = {"verify": False, "ca_file": "", "tls_name": "ldap.example.com"}
    profiles = {
        "named-tls": STARTTLS | {"tls_name": "localhost"},
        "named-ssl": SSL | {"tls_name": "localhost"},
        "unverified-tls": STARTTLS | unverified,
        "unverified-ssl": SSL | unverified,
    }
    with bridge_of_profiles(gateway, slapd, profiles):
        assert told_by_each(gateway, profiles, "alice") == dict.fromkeys(profiles, ACCEPTED)


def test_a_server_that_cannot_encrypt_hears_no_password(gateway: Gateway) -> None:
    with gateway.slapd([ALICE]) as slapd:
        profiles = {"starttls": STARTTLS, "ssl": SSL | {"port": slapd.port}}
        with bridge_of_profiles(gateway, slapd, profiles) as bridge:
            assert told_by_each(gateway, profiles, "alice") == dict.fromkeys(profiles, TRY_LATER)
            reasons = reason_of_each(bridge, profiles)
        assert _binds(slapd) == 0
    assert "does not begin TLS: " in reasons["starttls"]
    assert reasons["ssl"].startswith("connection reset by 127.0.0.1 port ")


WANTS_TLS = 'the server wants TLS: set security = "ssl" or "tls" (Confidentiality required, 13)'


def test_a_server_that_demands_encryption_says_so_in_words(gateway: Gateway) -> None:
    profiles = {
        "search": SEARCH,
        "anonymous": {"bind_dn": "", "bind_password": ""},
        "direct": DIRECT,
    }
    plain = {name: {**keys, "security": "plain"} for name, keys in profiles.items()}
    encrypted = {f"{name}-tls": {**keys, "security": "tls"} for name, keys in profiles.items()}
    expected = {
        "search": "the directory refuses our own account (bind_dn): " + WANTS_TLS,
        "anonymous": "search: " + WANTS_TLS,
        "direct": WANTS_TLS,
    }
    strict: dict[str, Any] = {"security": "ssf=128", "anonymous_search": True}
    with (
        gateway.slapd([ALICE], gateway.tls, **strict) as slapd,
        bridge_of_profiles(gateway, slapd, plain | encrypted) as bridge,
    ):
        for password in (PASSWORD, "wrong"):
            replies = told_by_each(gateway, plain, "alice", password)
            assert replies == dict.fromkeys(plain, TRY_LATER)
            assert reason_of_each(bridge, plain) == expected
        loud = {name: bridge.lines_with(f"error: ldap_profile {name}: ") for name in plain}
        assert told_by_each(gateway, encrypted, "alice") == dict.fromkeys(encrypted, ACCEPTED)
        assert told_by_each(gateway, encrypted, "alice", "no") == dict.fromkeys(encrypted, WRONG)
    assert {name: line.endswith(expected[name]) for name, [line] in loud.items()} == dict.fromkeys(
        plain, True
    )


def _lax(gateway: Gateway, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have every place that libldap reads say what would make it trust anybody, follow anything."""
    authority = gateway.tls.authority
    text = f"TLS_REQCERT never\nTLS_CACERT {authority}\nDEREF always\nREFERRALS on\n"
    for name in ("ldap.conf", ".ldaprc", "ldaprc", "named"):
        (folder / name).write_text(text)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("LDAPCONF", str(folder / "ldap.conf"))
    monkeypatch.setenv("LDAPRC", "named")
    monkeypatch.setenv("LDAPTLS_REQCERT", "never")
    monkeypatch.setenv("LDAPTLS_CACERT", str(authority))
    monkeypatch.setenv("LDAPDEREF", "always")
    monkeypatch.setenv("LDAPREFERRALS", "on")


def test_ldap_conf_ldaprc_and_the_environment_have_no_say(
    gateway: Gateway,
    slapd: Slapd,
    strangers: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Neither in what certificate is trusted, nor in where a search goes."""
    _lax(gateway, monkeypatch, tmp_path)
    unsigned = {"ca_file": str(strangers.authority)}
    bad = {"bad-tls": STARTTLS | unsigned, "bad-ssl": SSL | unsigned}
    good = {"good-tls": STARTTLS, "good-ssl": SSL, "good-plain": {"security": "plain"}}
    good = {name: {**keys, "base_dn": PEOPLE} for name, keys in good.items()}
    with bridge_of_profiles(gateway, slapd, bad | good):
        assert told_by_each(gateway, bad, "alice") == dict.fromkeys(bad, TRY_LATER)
        assert told_by_each(gateway, good, "alice") == dict.fromkeys(good, ACCEPTED)
        assert told_by_each(gateway, good, "elsewhere") == dict.fromkeys(good, WRONG)
