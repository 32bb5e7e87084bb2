"""What must hold between settings."""

import dataclasses

import pytest

from bridge_common.settings.findings import Finding
from bridge_common.settings.model import IdentitySettings, Settings, SmtpAuth
from bridge_common.settings.rules import problems_in
from bridge_common.settings.server import Server

SERVER = Server(name="one", host="mail.example.com")
OURS = IdentitySettings(domains=("example.com", "example.org"))
GOOD = Settings(smtp_auth=SmtpAuth(enabled=True), identity=OURS, servers=(SERVER,))


def with_smtp_auth(**changes: object) -> Settings:
    smtp_auth = dataclasses.replace(GOOD.smtp_auth, **changes)  # type: ignore[arg-type]  # any key
    return dataclasses.replace(GOOD, smtp_auth=smtp_auth)


def with_identity(**changes: object) -> Settings:
    identity = dataclasses.replace(OURS, **changes)  # type: ignore[arg-type]  # any key
    return dataclasses.replace(GOOD, identity=identity)


def with_server(**changes: object) -> Settings:
    server = dataclasses.replace(SERVER, **changes)  # type: ignore[arg-type]  # any key
    return dataclasses.replace(GOOD, servers=(server,))


def problems(settings: Settings) -> list[str]:
    return [f"{finding.path}: {finding.message}" for finding in problems_in(settings)]


@pytest.mark.parametrize("settings", [GOOD, Settings()])
def test_good_settings_have_no_problems(settings: Settings) -> None:
    assert problems(settings) == []


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            with_smtp_auth(failure_delay=7.0),
            (
                "smtp_auth.failure_delay: 7s, lengthened by a fifth, "
                "must stay below connection_timeout (8s)"
            ),
        ),
        (with_smtp_auth(listen=()), "smtp_auth.listen: must name at least one endpoint"),
        (
            with_smtp_auth(listen=("inet:192.0.2.1:12345",)),
            (
                "smtp_auth.listen: inet:192.0.2.1:12345 can be reached from other machines, "
                "which needs allow_remote = true"
            ),
        ),
        (
            with_smtp_auth(control="unix:/var/spool/postfix/sasl-bridge/auth"),
            "smtp_auth.control: is also in listen",
        ),
        (
            with_smtp_auth(metrics_listen="inet:0.0.0.0:9119"),
            (
                "smtp_auth.metrics_listen: inet:0.0.0.0:9119 can be reached from other machines, "
                "which needs allow_remote = true"
            ),
        ),
        (
            with_smtp_auth(listen=("inet:[::1]:9119",), metrics_listen="inet:[::1]:9119"),
            "smtp_auth.metrics_listen: is also in listen",
        ),
        (with_identity(domains=("*", "example.com")), 'identity.domains: "*" must stand alone'),
        (
            with_identity(username_format="username"),
            'identity.default_domain: is required with username_format = "username"',
        ),
        (
            with_identity(default_domain="example.net"),
            'identity.default_domain: "example.net" is not one of domains',
        ),
        (
            with_identity(windows_domains={"CORP": "example.net"}),
            'identity.windows_domains: CORP: "example.net" is not one of domains',
        ),
        (
            with_identity(windows_domains={"CORP": "example.com", "Corp": "example.org"}),
            'identity.windows_domains: "Corp" is there twice',
        ),
        (
            with_identity(domains=()),
            'identity.domains: must list your own domains, or ["*"] for every domain there is',
        ),
        (
            with_server(enabled=False),
            "server: smtp_auth is enabled, but there is no enabled [[server]] to ask",
        ),
        (
            dataclasses.replace(GOOD, servers=()),
            "server: smtp_auth is enabled, but there is no enabled [[server]] to ask",
        ),
        (
            dataclasses.replace(GOOD, servers=(SERVER, Server(name="b", host="b"), SERVER)),
            'server[3].name: "one" is already the name of server[1]',
        ),
        (
            with_server(domains=("example.com", "example.net")),
            'server[1].domains: "example.net" is not one of [identity] domains',
        ),
        (
            with_server(protocol="pop3", forward_client="id"),
            'server[1].forward_client: "id" is for imap, not for pop3',
        ),
        (
            with_server(protocol="imap", forward_client="xclient"),
            'server[1].forward_client: "xclient" is for pop3, not for imap',
        ),
    ],
)
def test_a_contradiction_is_a_problem(settings: Settings, problem: str) -> None:
    assert problems(settings) == [problem]


@pytest.mark.parametrize(
    "settings",
    [
        with_smtp_auth(failure_delay=6.6),
        with_smtp_auth(listen=("inet:192.0.2.1:12345",), allow_remote=True),
        with_smtp_auth(listen=("inet:127.0.0.1:12345", "inet:[::1]:1", "inet:localhost:2")),
        with_smtp_auth(metrics_listen="inet:192.0.2.1:9119", allow_remote=True),
        with_smtp_auth(metrics_listen="inet:127.0.0.1:9119"),
        with_identity(domains=("*",), default_domain="a.de", windows_domains={"CORP": "b.de"}),
        with_identity(username_format="username", default_domain="example.org"),
        with_server(domains=("example.org",)),
        with_server(protocol="pop3", forward_client="xclient"),
        with_server(protocol="imap", forward_client="id"),
        with_server(protocol="pop3", forward_client="none"),
        Settings(servers=(dataclasses.replace(SERVER, enabled=False),)),
    ],
)
def test_what_only_looks_like_a_contradiction_is_none(settings: Settings) -> None:
    assert problems(settings) == []


def test_a_server_may_serve_any_domain_where_every_domain_may_log_in() -> None:
    identity = IdentitySettings(domains=("*",))
    server = dataclasses.replace(SERVER, domains=("example.net",))
    assert problems(dataclasses.replace(GOOD, identity=identity, servers=(server,))) == []


def test_a_finding_names_the_keys_that_it_rests_on() -> None:
    second = Server(name="two", host="b", enabled=False)
    settings = with_server(enabled=False)
    settings = dataclasses.replace(settings, servers=(*settings.servers, second))
    [finding] = problems_in(settings)
    assert finding == Finding(
        "server",
        "smtp_auth is enabled, but there is no enabled [[server]] to ask",
        ("smtp_auth.enabled", "smtp_auth.method", "server[1].enabled", "server[2].enabled"),
    )
