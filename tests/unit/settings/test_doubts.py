"""What is allowed in the settings, but doubtful."""

import dataclasses

import pytest

from bridge_common.settings.doubts import doubts_about
from bridge_common.settings.model import IdentitySettings, Settings, SmtpAuth
from bridge_common.settings.rules import problems_in
from bridge_common.settings.server import Server

SERVER = Server(name="one", host="mail.example.com")
OURS = IdentitySettings(domains=("example.com", "example.org"))
GOOD = Settings(smtp_auth=SmtpAuth(enabled=True), identity=OURS, servers=(SERVER,))
EVERY_DOMAIN = (
    "identity.domains: every domain that the servers know may log in and send mail through you"
)
ONE_ACCOUNT = (
    "server[1].login_format: the same user in two domains is one account on this server; "
    "limit domains to one, or add {domain}"
)


def with_server(**changes: object) -> Settings:
    """Return good settings, but for these keys of the one server, whose port is the usual one."""
    server = Server(name="one", **{"host": "mail.example.com", **changes})  # type: ignore[arg-type]  # any key
    return dataclasses.replace(GOOD, servers=(server,))


def with_servers(identity: tuple[str, ...], *served: tuple[str, ...]) -> Settings:
    """Return settings with these domains, and a server for each further tuple of them."""
    servers = (
        Server(name=f"s{number}", host="mail.example.com", domains=domains)
        for number, domains in enumerate(served)
    )
    return dataclasses.replace(
        GOOD, identity=IdentitySettings(domains=identity), servers=tuple(servers)
    )


def doubts(settings: Settings) -> list[str]:
    """Return the doubts; what is doubtful is allowed all the same."""
    assert list(problems_in(settings)) == []
    return [f"{finding.path}: {finding.message}" for finding in doubts_about(settings)]


@pytest.mark.parametrize("settings", [GOOD, Settings()])
def test_there_are_none_about_good_settings(settings: Settings) -> None:
    assert doubts(settings) == []


def test_postfix_is_better_asked_over_unix_sockets() -> None:
    smtp_auth = SmtpAuth(enabled=True, listen=("unix:/a", "inet:127.0.0.1:12345"))
    [doubt] = doubts(dataclasses.replace(GOOD, smtp_auth=smtp_auth))
    assert doubt == (
        "smtp_auth.listen: inet:127.0.0.1:12345: Postfix shows a second 454 after trouble "
        "over inet:; use unix: for Postfix"
    )


# One server


@pytest.mark.parametrize(
    ("key", "changes", "unused"),
    [
        ("ca_file", {"security": "plain", "host": "localhost"}, 'security = "plain"'),
        ("tls_name", {"security": "plain", "host": "localhost"}, 'security = "plain"'),
        ("ca_file", {"security": "tls", "verify": False}, "verify = false"),
    ],
)
def test_what_is_said_of_certificates_that_nobody_looks_at(
    key: str, changes: dict[str, object], unused: str
) -> None:
    found = doubts(with_server(**changes, **{key: "/ca.pem"}))
    assert found[-1] == f"server[1].{key}: has no effect with {unused}"
    assert not [doubt for doubt in doubts(with_server(**changes)) if "effect" in doubt]


def test_a_name_is_asked_for_even_if_the_certificate_is_not_checked() -> None:
    """A server with several certificates chooses by it."""
    found = doubts(with_server(tls_name="mail.example.org", verify=False))
    assert not [doubt for doubt in found if "effect" in doubt]


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize(
    "host", ["mail.example.com", "192.0.2.1", "2001:db8::1", "localhost.example"]
)
def test_plain_is_for_this_machine_only(protocol: str, host: str) -> None:
    settings = with_server(protocol=protocol, security="plain", host=host)
    assert doubts(settings) == [f"server[1].security: passwords travel unencrypted to {host}"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_plain_on_this_machine_is_fine(host: str) -> None:
    assert doubts(with_server(security="plain", host=host, verify=False)) == []


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("security", ["ssl", "tls"])
def test_a_certificate_should_be_checked(protocol: str, security: str) -> None:
    assert doubts(with_server(protocol=protocol, security=security)) == []
    assert doubts(with_server(protocol=protocol, security=security, verify=False)) == [
        "server[1].verify: the certificate is not checked: anyone on the way can collect passwords"
    ]


@pytest.mark.parametrize(
    ("protocol", "security", "port", "usual"),
    [
        ("imap", "ssl", 143, 'imap with "plain" or "tls"'),
        ("imap", "tls", 993, 'imap with "ssl"'),
        ("imap", "plain", 993, 'imap with "ssl"'),
        ("pop3", "ssl", 110, 'pop3 with "plain" or "tls"'),
        ("pop3", "tls", 995, 'pop3 with "ssl"'),
        ("pop3", "plain", 995, 'pop3 with "ssl"'),
        ("imap", "tls", 110, 'pop3 with "plain" or "tls"'),
        ("imap", "ssl", 995, 'pop3 with "ssl"'),
        ("pop3", "tls", 143, 'imap with "plain" or "tls"'),
        ("pop3", "ssl", 993, 'imap with "ssl"'),
    ],
)
def test_a_port_that_belongs_to_another_choice_is_doubtful(
    protocol: str, security: str, port: int, usual: str
) -> None:
    settings = with_server(protocol=protocol, security=security, port=port, host="localhost")
    [doubt] = doubts(settings)
    where = f"server[1].port: {port} is the usual port of {usual}"
    assert doubt == f'{where}; {protocol} with "{security}" will hang or fail there'


@pytest.mark.parametrize("port", [25, 465, 587])
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_a_port_for_sending_mail_is_doubtful(protocol: str, port: int) -> None:
    assert doubts(with_server(protocol=protocol, security="tls", port=port)) == [
        f"server[1].port: {port} is for sending mail: no {protocol} server is there"
    ]


@pytest.mark.parametrize("port", [0, 1993])
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("security", ["plain", "ssl", "tls"])
def test_the_usual_port_and_one_of_ones_own_are_not(
    protocol: str, security: str, port: int
) -> None:
    settings = with_server(protocol=protocol, security=security, port=port, host="localhost")
    assert doubts(settings) == []


def test_only_pop3_knows_a_mailbox_in_use() -> None:
    assert doubts(with_server(protocol="pop3", in_use_is_success=True)) == []
    assert doubts(with_server(protocol="imap", in_use_is_success=True)) == [
        "server[1].in_use_is_success: has no effect with imap: [IN-USE] is an answer of POP3"
    ]


def test_a_bare_name_of_several_domains_is_one_account() -> None:
    assert doubts(with_server(login_format="{local}")) == [ONE_ACCOUNT]
    assert doubts(with_server(login_format="{local}+{domain}")) == []


def test_every_domain_is_doubtful_and_so_are_bare_names_then() -> None:
    settings = with_server(login_format="{local}")
    every = dataclasses.replace(settings, identity=IdentitySettings(domains=("*",)))
    assert doubts(every) == [EVERY_DOMAIN, ONE_ACCOUNT]


def test_a_bare_name_of_one_domain_is_fine() -> None:
    settings = with_server(login_format="{local}")
    one = dataclasses.replace(settings, identity=IdentitySettings(domains=("example.com",)))
    assert doubts(one) == []


def test_nobody_doubts_a_server_that_is_off() -> None:
    off = Server(
        name="off",
        host="b",
        security="plain",
        port=25,
        verify=False,
        in_use_is_success=True,
        login_format="{local}",
        enabled=False,
    )
    assert doubts(dataclasses.replace(GOOD, servers=(SERVER, off))) == []


# The whole list


def test_a_domain_that_nobody_serves_is_doubtful_unless_nobody_logs_in_at_all() -> None:
    settings = with_server(domains=("example.org",))
    assert doubts(settings) == [
        'identity.domains: no enabled server serves "example.com": its logins are always refused'
    ]
    assert doubts(dataclasses.replace(settings, smtp_auth=SmtpAuth(enabled=False))) == []


def test_each_domain_needs_one_server_not_every_server() -> None:
    servers = (
        dataclasses.replace(SERVER, domains=("example.com",), login_format="{local}"),
        Server(name="two", host="b", domains=("example.org",), login_format="{local}"),
    )
    assert doubts(dataclasses.replace(GOOD, servers=servers)) == []


def many(count: int, domains: str) -> str:
    return (
        f"server: {count} servers are asked about a login of {domains}: each has only its share of "
        "connection_timeout (8s); limit domains, or enable fewer"
    )


COM, ORG, NET, DE = ("example.com",), ("example.org",), ("example.net",), ("example.de",)
ALL: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (with_servers(COM, *[ALL] * 3), []),
        (with_servers(COM, *[ALL] * 4), [many(4, '"example.com"')]),
        (with_servers(COM, *[COM] * 5), [many(5, '"example.com"')]),
        (with_servers(COM + ORG, *[COM] * 3, *[ORG] * 3), []),
        (with_servers(COM + ORG, *[COM] * 3, *[ORG] * 2, ALL), [many(4, '"example.com"')]),
        (with_servers(COM + ORG, *[ALL] * 4), [many(4, '"example.com", "example.org"')]),
        (
            with_servers(COM + ORG, *[ALL] * 4, ORG),
            [many(4, '"example.com"'), many(5, '"example.org"')],
        ),
        (
            with_servers((*COM, *ORG, *NET, *DE, "example.info"), *[ALL] * 4),
            [many(4, '"example.com", "example.org", "example.net" and 2 more')],
        ),
        (
            with_servers(COM + ORG + NET + DE, *[ALL] * 4),
            [many(4, '"example.com", "example.org", "example.net" and 1 more')],
        ),
    ],
)
def test_more_than_three_servers_for_a_domain_are_many(
    settings: Settings, expected: list[str]
) -> None:
    assert doubts(settings) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (with_servers(("*",), *[ALL] * 3), []),
        (with_servers(("*",), *[ALL] * 4), [many(4, "any domain")]),
        (with_servers(("*",), *[ALL] * 2, COM, ORG), []),
        (
            with_servers(("*",), *[ALL] * 3, COM, ORG + COM),
            [many(5, '"example.com"'), many(4, '"example.org"')],
        ),
        (with_servers(("*",), *[ALL] * 4, COM), [many(4, "any domain"), many(5, '"example.com"')]),
    ],
)
def test_where_all_domains_may_log_in_those_that_servers_name_are_told_apart(
    settings: Settings, expected: list[str]
) -> None:
    assert doubts(settings) == [EVERY_DOMAIN, *expected]


def test_a_server_that_is_off_takes_no_share() -> None:
    settings = with_servers(COM, *[ALL] * 4)
    [first, *others] = settings.servers
    off = dataclasses.replace(first, enabled=False)
    assert doubts(dataclasses.replace(settings, servers=(off, *others))) == []


def test_the_time_that_is_shared_is_told() -> None:
    settings = with_servers(COM, *[ALL] * 4)
    smtp_auth = SmtpAuth(enabled=True, connection_timeout=9.5)
    [doubt] = doubts(dataclasses.replace(settings, smtp_auth=smtp_auth))
    assert "connection_timeout (9.5s)" in doubt
