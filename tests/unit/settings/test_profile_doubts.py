"""What is allowed in a profile, but doubtful."""

import dataclasses
from typing import Any

import pytest

from bridge_common.secret import Secret
from bridge_common.settings.doubts import doubts_about
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.model import IdentitySettings, Settings, SmtpAuth
from bridge_common.settings.rules import problems_in
from bridge_common.settings.sender import Sender, SenderContext
from bridge_common.settings.server import Server

LIST = SmtpAuth(enabled=True)
DIRECTORY = SmtpAuth(enabled=True, method="ldap", ldap_profile="corp")
OURS = IdentitySettings(domains=("example.com", "example.org"))
ENTRY = Server(name="staff", protocol="ldap", ldap_profile="corp")
OFF = dataclasses.replace(ENTRY, enabled=False)
MAIL = Server(name="mail", host="mail.example.com")


def profile(**changes: Any) -> LdapProfile:
    usual = {"kind": "openldap", "hosts": ("ldap.example.com",), "base_dn": "DC=example"}
    return LdapProfile(name="corp", **(usual | changes))


def settings(profile: LdapProfile, *servers: Server, smtp_auth: SmtpAuth = DIRECTORY) -> Settings:
    return Settings(smtp_auth=smtp_auth, identity=OURS, servers=servers, ldap_profiles=(profile,))


def doubts(settings: Settings) -> list[str]:
    """Return the doubts; what is doubtful is allowed all the same."""
    assert list(problems_in(settings)) == []
    return [f"{finding.path}: {finding.message}" for finding in doubts_about(settings)]


PLAIN = "ldap_profile[1].security: passwords travel unencrypted to"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"security": "tls"}, []),
        (
            {"security": "plain", "hosts": ("a.de", "localhost", "192.0.2.1")},
            [f"{PLAIN} a.de", f"{PLAIN} 192.0.2.1"],
        ),
        ({"security": "plain", "hosts": ("127.0.0.1", "::1")}, []),
        (
            {"verify": False},
            [
                (
                    "ldap_profile[1].verify: the certificate is not checked: "
                    "anyone on the way can collect passwords"
                )
            ],
        ),
        (
            {"security": "plain", "hosts": ("::1",), "ca_file": "/ca.pem", "tls_name": "b"},
            [
                'ldap_profile[1].tls_name: has no effect with security = "plain"',
                'ldap_profile[1].ca_file: has no effect with security = "plain"',
            ],
        ),
        (
            {"kind": "active-directory"},
            [
                (
                    "ldap_profile[1].bind_dn: is empty, "
                    "but Active Directory lets nobody search without an account"
                )
            ],
        ),
        (
            {"kind": "active-directory", "bind_dn": "a@b.de", "bind_password": Secret(b"x")},
            [],
        ),
        (
            {
                "kind": "active-directory",
                "auth": "direct",
                "base_dn": "",
                "bind_template": "{login}",
            },
            [],
        ),
    ],
)
def test_a_directory_is_doubted_as_a_server_is(
    changes: dict[str, Any], expected: list[str]
) -> None:
    assert doubts(settings(profile(**changes))) == expected


@pytest.mark.parametrize(
    ("security", "port", "usual"),
    [
        ("ssl", 389, 'ldap with "plain" or "tls"'),
        ("tls", 636, 'ldap with "ssl"'),
        ("plain", 636, 'ldap with "ssl"'),
        ("ssl", 3268, 'the global catalog with "plain" or "tls"'),
        ("tls", 3269, 'the global catalog with "ssl"'),
        ("plain", 3269, 'the global catalog with "ssl"'),
    ],
)
def test_a_port_that_belongs_to_another_choice_is_doubtful(
    security: str, port: int, usual: str
) -> None:
    directory = profile(security=security, port=port, hosts=("localhost",))
    assert doubts(settings(directory)) == [
        (
            f"ldap_profile[1].port: {port} is the usual port of {usual}; "
            f'"{security}" will hang or fail there'
        )
    ]


@pytest.mark.parametrize(
    ("security", "port"),
    [("ssl", 636), ("ssl", 3269), ("tls", 3268), ("plain", 389), ("tls", 1389), ("ssl", 0)],
)
def test_the_usual_ports_and_ones_own_are_not(security: str, port: int) -> None:
    directory = profile(security=security, port=port, hosts=("localhost",))
    assert doubts(settings(directory)) == []


INSECURE = profile(verify=False)
UNCHECKED = (
    "ldap_profile[1].verify: the certificate is not checked: "
    "anyone on the way can collect passwords"
)
UNUSED = "ldap_profile[1]: is not used: neither [smtp_auth] nor a [[server]] nor [sender] names it"


@pytest.mark.parametrize(
    ("smtp_auth", "servers", "expected"),
    [
        (DIRECTORY, (), [UNCHECKED]),
        (LIST, (ENTRY,), [UNCHECKED]),
        (LIST, (MAIL, OFF), []),
        (LIST, (MAIL,), [UNUSED]),
        (
            dataclasses.replace(DIRECTORY, method="pop3-imap"),
            (MAIL,),
            ['smtp_auth.ldap_profile: has no effect with method = "pop3-imap"'],
        ),
    ],
)
def test_a_directory_that_nobody_asks_is_only_said_to_be_one(
    smtp_auth: SmtpAuth, servers: tuple[Server, ...], expected: list[str]
) -> None:
    assert doubts(settings(INSECURE, *servers, smtp_auth=smtp_auth)) == expected


def test_the_list_is_left_alone_where_a_directory_is_asked() -> None:
    bad = Server(name="bad", host="mail.example.com", security="plain", verify=False)
    assert doubts(settings(profile(), *[bad, ENTRY])) == []


def test_a_domain_that_the_directory_does_not_serve_is_doubtful() -> None:
    assert doubts(settings(profile(domains=("example.com",)))) == [
        (
            'identity.domains: [[ldap_profile]] "corp" does not serve "example.org": '
            "its logins are always refused"
        )
    ]


def test_an_entry_of_the_list_serves_the_domains_of_its_directory() -> None:
    limited = settings(profile(domains=("example.com",)), ENTRY, smtp_auth=LIST)
    assert doubts(limited) == [
        'identity.domains: no enabled server serves "example.org": its logins are always refused'
    ]


def test_directories_are_counted_among_those_who_are_asked() -> None:
    mail = [dataclasses.replace(MAIL, name=f"mail{number}") for number in range(3)]
    assert doubts(settings(profile(), *mail, smtp_auth=LIST)) == [UNUSED]
    assert doubts(settings(profile(), *mail, ENTRY, smtp_auth=LIST)) == [
        (
            'server: 4 servers are asked about a login of "example.com", "example.org": '
            "each has only its share of connection_timeout (8s); limit domains, or enable fewer"
        )
    ]


NOT_THE_ADDRESS = (
    "ldap_profile[1].identity_attribute: is empty: a bare or DOMAIN\\user login becomes "
    "user@example.com, whether or not that is the account's address; "
    'set it, to "mail" for example'
)
ANOTHER_DOMAIN = (
    "ldap_profile[1].bare_login_filter: the global catalog also knows the domains below base_dn: "
    "by {local} alone, a bare or DOMAIN\\user login may be somebody of another one; "
    "use port 636 or 389, or write {login}"
)
BARE = {"default_domain": "example.com"}
WINDOWS = {"windows_domains": {"CORP": "example.com"}}
CATALOG = {"port": 3269, "identity_attribute": "mail"}


@pytest.mark.parametrize(
    ("identity", "changes", "expected"),
    [
        (BARE, {}, [NOT_THE_ADDRESS]),
        (WINDOWS, {}, [NOT_THE_ADDRESS]),
        (BARE | {"username_format": "username"}, {}, [NOT_THE_ADDRESS]),
        (BARE, {"bare_login_filter": "(cn={local})"}, [NOT_THE_ADDRESS]),
        (BARE, {"identity_attribute": "mail"}, []),
        (BARE, {"bare_login_filter": "(mail={login})"}, []),
        (BARE, {"bare_login_filter": "(&(uid={local})(o={domain}))"}, []),
        (BARE, {"auth": "direct", "base_dn": "", "bind_template": "{login}"}, []),
        ({}, {}, []),
        (BARE, CATALOG, [ANOTHER_DOMAIN]),
        (BARE, CATALOG | {"identity_attribute": ""}, [ANOTHER_DOMAIN, NOT_THE_ADDRESS]),
        (BARE, CATALOG | {"bare_login_filter": "(mail={login})"}, []),
        ({}, CATALOG, []),
    ],
)
def test_a_bare_login_that_may_become_somebody_else_s_is_doubtful(
    identity: dict[str, Any], changes: dict[str, Any], expected: list[str]
) -> None:
    ours = dataclasses.replace(OURS, **identity)
    asked = dataclasses.replace(settings(profile(**changes)), identity=ours)
    assert doubts(asked) == expected


def test_a_directory_that_no_bare_login_reaches_is_not_doubted() -> None:
    ours = dataclasses.replace(OURS, default_domain="example.com")
    limited = settings(profile(domains=("example.org",)), ENTRY, MAIL, smtp_auth=LIST)
    assert doubts(dataclasses.replace(limited, identity=ours)) == []


ON: dict[str, Any] = {"ldap_profile": "corp", "match_login": "monitor"}


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        (Sender(**ON), [UNCHECKED]),
        (Sender(ldap_profile="corp", foreign_sender="enforce"), [UNCHECKED]),
        (
            Sender(ldap_profile="corp", contexts=(SenderContext(name="a", match_login="enforce"),)),
            [UNCHECKED],
        ),
        (Sender(ldap_profile="corp"), []),
        (Sender(ldap_profile="corp", fake_sender_control="enforce"), []),
        (Sender(match_login="enforce"), [UNUSED]),
    ],
)
def test_a_directory_that_only_the_sender_rules_ask_is_used(
    sender: Sender, expected: list[str]
) -> None:
    asked = dataclasses.replace(settings(INSECURE, MAIL, smtp_auth=LIST), sender=sender)
    assert doubts(asked) == expected


def test_logins_do_not_reach_a_directory_that_only_the_sender_rules_ask() -> None:
    identity = dataclasses.replace(OURS, default_domain="example.com")
    by_name = profile(bare_login_filter="(uid={local})")
    of_logins = dataclasses.replace(settings(by_name), identity=identity)
    [doubt] = doubts(of_logins)
    assert doubt.startswith("ldap_profile[1].identity_attribute: is empty")
    of_senders = settings(by_name, MAIL, smtp_auth=LIST)
    of_senders = dataclasses.replace(of_senders, identity=identity, sender=Sender(**ON))
    assert doubts(of_senders) == []
