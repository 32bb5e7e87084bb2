"""The declarations, and what is derived from the settings."""

import dataclasses
import tomllib

import pytest

from bridge_common.identity import (
    DEFAULT_LOGIN_CHARACTERS,
    Identity,
    IdentityRules,
    LoginForm,
    RefusedLogin,
    canonical_identity,
)
from bridge_common.settings.declaration import Key, keys_of, sections_below
from bridge_common.settings.findings import Findings
from bridge_common.settings.kinds import SecretReference
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.model import (
    IdentitySettings,
    LogSettings,
    Settings,
    SmtpAuth,
    identity_rules,
)
from bridge_common.settings.restraint import Restraint
from bridge_common.settings.sender import Sender, SenderContext, SenderException
from bridge_common.settings.server import Protocol, Security, Server
from bridge_common.settings.tables import read_section

EVERY_KEY = [
    pytest.param(about.declared, name, key, id=f"{path}.{name}")
    for path, about in sections_below(Settings)
    for name, key in keys_of(about.declared).items()
]

NEEDED: dict[type, dict[str, object]] = {
    Server: {"name": "x"},
    LdapProfile: {"name": "x", "kind": "openldap", "hosts": ["x"]},
    SenderException: {"sender": "a@b.de", "clients": ["::1"]},
    SenderContext: {"name": "x"},
}


def test_there_are_exactly_the_keys_that_work_today() -> None:
    keys = {path: list(keys_of(about.declared)) for path, about in sections_below(Settings)}
    assert keys == {
        "smtp_auth": [
            "enabled",
            "require_tls",
            "method",
            "ldap_profile",
            "connection_timeout",
            "on_unavailable",
            "failure_delay",
            "listen",
            "allow_remote",
            "socket_mode",
            "socket_owner",
            "control",
            "metrics_listen",
            "state_dir",
        ],
        "identity": [
            "username_format",
            "default_domain",
            "domains",
            "windows_domains",
            "login_characters",
        ],
        "server": [
            "name",
            "protocol",
            "ldap_profile",
            "security",
            "host",
            "port",
            "enabled",
            "domains",
            "login_format",
            "on_reject",
            "required",
            "directory",
            "forward_client",
            "max_connections",
            "in_use_is_success",
            "unavailable_texts",
            "verify",
            "ca_file",
            "tls_name",
        ],
        "ldap_profile": [
            "name",
            "kind",
            "security",
            "hosts",
            "port",
            "domains",
            "bind_dn",
            "bind_password",
            "base_dn",
            "scope",
            "auth",
            "login_filter",
            "bare_login_filter",
            "bind_template",
            "identity_attribute",
            "address_attributes",
            "send_as_filter",
            "max_connections",
            "verify",
            "ca_file",
            "tls_name",
        ],
        "sender": [
            "listen",
            "match_login",
            "match_scope",
            "fake_sender_control",
            "foreign_sender",
            "null_sender",
            "recipient_delimiter",
            "myorigin",
            "trusted_networks",
            "aliases_file",
            "ldap_profile",
            "on_lookup_failure",
            "lookup_timeout",
            "help_text",
            "allow_remote",
            "socket_mode",
            "socket_owner",
            "control",
            "metrics_listen",
        ],
        "sender.exception": ["sender", "clients"],
        "sender.context": [
            "name",
            "match_login",
            "match_scope",
            "fake_sender_control",
            "foreign_sender",
            "null_sender",
            "on_lookup_failure",
            "help_text",
        ],
        "cache": ["success_ttl", "failure_ttl", "size", "grace"],
        "restraint": [
            "mode",
            "interval",
            "failures_per_address",
            "failing_logins_per_address",
            "addresses_per_login",
            "block_for",
            "lockout_budget",
            "exempt_networks",
        ],
        "log": ["level", "format", "decisions"],
    }


def test_the_defaults_are_those_of_the_design() -> None:
    assert Settings() == Settings(
        smtp_auth=SmtpAuth(
            enabled=False,
            require_tls=True,
            method="pop3-imap",
            ldap_profile="",
            connection_timeout=8.0,
            on_unavailable="tempfail",
            failure_delay=2.0,
            listen=("unix:/var/spool/postfix/sasl-bridge/auth",),
            allow_remote=False,
            socket_mode="0660",
            socket_owner="",
            control="unix:/run/sasl-bridge/control",
            metrics_listen="",
        ),
        identity=IdentitySettings(
            username_format="domain",
            default_domain="",
            domains=(),
            windows_domains={},
            login_characters="",
        ),
        servers=(),
        ldap_profiles=(),
        sender=Sender(
            listen=("unix:/var/spool/postfix/sasl-bridge/policy",),
            match_login="off",
            match_scope="address",
            fake_sender_control="off",
            foreign_sender="off",
            null_sender="allow",
            recipient_delimiter="+",
            myorigin="",
            trusted_networks=("127.0.0.0/8", "::1/128"),
            aliases_file="/etc/sasl-bridge/aliases",
            ldap_profile="",
            on_lookup_failure="tempfail",
            lookup_timeout=4.0,
            help_text="",
            allow_remote=False,
            socket_mode="0660",
            socket_owner="",
            control="unix:/run/sasl-policyd/control",
            metrics_listen="",
            exceptions=(),
            contexts=(),
        ),
        restraint=Restraint(
            mode="monitor",
            interval=1800.0,
            failures_per_address=100,
            failing_logins_per_address=20,
            addresses_per_login=30,
            block_for=3600.0,
            lockout_budget=4,
            exempt_networks=("127.0.0.0/8", "::1/128"),
        ),
        log=LogSettings(level="info", format="text", decisions="all"),
    )
    assert Server(name="a", host="b.de") == Server(
        name="a",
        host="b.de",
        protocol="imap",
        ldap_profile="",
        security="ssl",
        port=993,
        enabled=True,
        domains=(),
        login_format="{login}",
        on_reject="next",
        required=True,
        forward_client="none",
        max_connections=50,
        in_use_is_success=False,
        unavailable_texts=(),
        verify=True,
        ca_file="",
        tls_name="",
    )


@pytest.mark.parametrize(("declared", "name", "key"), EVERY_KEY)
def test_each_key_has_a_sentence_of_help_and_an_example_that_reads(
    declared: type, name: str, key: Key
) -> None:
    for line in key.prose.split("\n"):
        assert line.endswith("."), line
        assert len(line) > 15
    table = tomllib.loads(f"{name} = {key.example}")
    if isinstance(key.kind, SecretReference):  # the file that the example names is not here
        assert key.kind.read(table[name])
        return
    needed = NEEDED.get(declared, {})
    findings = Findings()
    read: object = read_section(declared, needed | table, "x", findings)
    assert findings.problems == []
    assert key.kind.plain(getattr(read, name)) == table[name]


@pytest.mark.parametrize(("declared", "name", "key"), EVERY_KEY)
def test_each_default_is_a_value_that_the_kind_itself_would_read(
    declared: type, name: str, key: Key
) -> None:
    assert name in keys_of(declared)
    if isinstance(key.kind, SecretReference):
        assert not key.default
    elif key.default is not None and not key.required:
        assert key.kind.read(key.kind.plain(key.default)) == key.default


@pytest.mark.parametrize(
    ("protocol", "security", "port"),
    [
        ("imap", "plain", 143),
        ("imap", "tls", 143),
        ("imap", "ssl", 993),
        ("pop3", "plain", 110),
        ("pop3", "tls", 110),
        ("pop3", "ssl", 995),
    ],
)
def test_the_usual_port_stands_in_for_an_absent_one(
    protocol: Protocol, security: Security, port: int
) -> None:
    server = Server(name="a", host="b.de", protocol=protocol, security=security)
    assert server.port == port
    assert dataclasses.replace(server, port=1143).port == 1143


def test_identity_settings_become_rules() -> None:
    identity = IdentitySettings(
        username_format="username",
        default_domain="example.com",
        domains=("example.com", "example.org"),
        windows_domains={"CORP": "example.org"},
        login_characters="abc",
    )
    assert identity_rules(identity) == IdentityRules(
        domains=frozenset({"example.com", "example.org"}),
        bare_allowed=True,
        bare_required=True,
        default_domain="example.com",
        windows_domains={"corp": "example.org"},
        login_characters=frozenset("abc"),
    )


def test_no_default_domain_means_no_bare_logins_and_no_characters_means_dovecots() -> None:
    rules = identity_rules(IdentitySettings(domains=("example.com",)))
    assert not rules.bare_allowed
    assert not rules.bare_required
    assert rules.login_characters == frozenset(DEFAULT_LOGIN_CHARACTERS)


def test_a_windows_name_is_found_however_it_is_written() -> None:
    rules = identity_rules(
        IdentitySettings(domains=("example.com",), windows_domains={"CorP": "example.com"})
    )
    for login in (b"corp\\alice", b"CORP\\alice", b"cORp\\Alice"):
        expected = Identity("alice", "example.com", LoginForm.WINDOWS)
        assert canonical_identity(login, rules) == expected


def test_a_star_admits_every_domain_and_no_domains_admit_none() -> None:
    """An empty set of the rules admits every domain: no domains must not become one."""
    every = identity_rules(IdentitySettings(domains=("*",)))
    none = identity_rules(IdentitySettings())
    assert every.domains == frozenset()
    assert isinstance(canonical_identity(b"alice@example.com", every), Identity)
    assert isinstance(canonical_identity(b"alice@example.com", none), RefusedLogin)
