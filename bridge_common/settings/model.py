"""The settings: one declaration a key, with its type, default, help and example.

Knows every key there is, and nothing of files: `read` reads them, `rules` compares them with each
other. The field names are the keys of the settings file. Pure; raises nothing.
"""

# ruff: noqa: RUF009  # a declaration makes a dataclass field, which is a call

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from bridge_common.identity import DEFAULT_LOGIN_CHARACTERS, IdentityRules
from bridge_common.settings import texts
from bridge_common.settings.cache import CacheSettings
from bridge_common.settings.declaration import key, section, sections
from bridge_common.settings.endpoint import endpoint_text
from bridge_common.settings.kinds import (
    Choice,
    Duration,
    Flag,
    Text,
    TextList,
    TextTable,
)
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.listening import (
    allow_remote_key,
    control_key,
    metrics_listen_key,
    socket_mode_key,
    socket_owner_key,
)
from bridge_common.settings.restraint import Restraint
from bridge_common.settings.sender import Sender
from bridge_common.settings.server import Server

Method = Literal["pop3-imap", "ldap"]
OnUnavailable = Literal["tempfail", "reject"]
UsernameFormat = Literal["domain", "username"]
Level = Literal["debug", "info", "warning", "error"]
Format = Literal["text", "json"]
Decisions = Literal["all", "refused"]

# Nobody's domain: no login can have it. An empty set would admit every domain.
_NO_DOMAIN = frozenset({""})


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpAuth:
    """`[smtp_auth]`. Durations are in seconds."""

    enabled: bool = key(
        Flag(),
        default=False,
        prose='"Enable SMTP Authentication".\n'
        "While it is off, every login is answered with a temporary failure (454), "
        "and no server is asked.",
        example="true",
    )
    require_tls: bool = key(
        Flag(),
        default=True,
        prose='"Only allow SMTP AUTH with TLS".\n'
        "A login over an unencrypted SMTP connection is refused before the password is asked for.\n"
        "Postfix should not even offer it there: set `smtpd_tls_auth_only = yes` as well.",
        example="true",
    )
    method: Method = key(
        Choice(get_args(Method)),
        default="pop3-imap",
        prose='"Authentication Method": who is asked whether a password is right.\n'
        "`pop3-imap`: the servers of the `[[server]]` list, in their order; "
        "directories may be among them.\n"
        "`ldap`: the directory that `ldap_profile` names, and nobody else.",
        example='"ldap"',
    )
    ldap_profile: str = key(
        Text("the name of an [[ldap_profile]]", texts.optional(texts.word)),
        default="",
        prose='The `[[ldap_profile]]` to ask; it is required with `method = "ldap"`.',
        example='"corp"',
    )
    connection_timeout: float = key(
        Duration(highest=9.5, zero_allowed=False),
        default=8.0,
        prose='"Connection Timeout": the time for a whole login, '
        "all servers and `failure_delay` included.\n"
        "Postfix waits 10 seconds and no longer, so that this can be 9.5 seconds at most.",
        example='"8s"',
    )
    on_unavailable: OnUnavailable = key(
        Choice(get_args(OnUnavailable)),
        default="tempfail",
        prose="What a mail program is told when no server could say whether the password is right."
        "\n`tempfail` is a temporary failure (454): it tries again later.\n"
        "`reject` is the answer to a wrong password (535): it asks its user for the password, "
        "who may well change a password that was right.",
        example='"tempfail"',
    )
    failure_delay: float = key(
        Duration(),
        default=2.0,
        prose="How long the answer to a wrong password is held back, "
        "give or take a fifth, which slows down guessing.\n"
        "The delay is part of `connection_timeout` and, with that fifth, must stay below it.",
        example='"2s"',
    )
    listen: tuple[str, ...] = key(
        TextList("endpoints, unix:/path or inet:HOST:PORT", endpoint_text),
        default=("unix:/var/spool/postfix/sasl-bridge/auth",),
        prose="Where Postfix (`smtpd_sasl_path`) and other mail servers ask.\n"
        "Sockets that systemd passes are used instead of these.\n"
        "Use `unix:` for Postfix: after trouble, it shows one more temporary failure over `inet:`.",
        example='["unix:/var/spool/postfix/sasl-bridge/auth"]',
    )
    allow_remote: bool = allow_remote_key("Passwords travel over it unencrypted.")
    socket_mode: str = socket_mode_key("may try passwords")
    socket_owner: str = socket_owner_key()
    control: str = control_key("unix:/run/sasl-bridge/control")
    metrics_listen: str = metrics_listen_key("inet:127.0.0.1:9119")
    state_dir: str = key(
        Text("an absolute path", texts.absolute_path),
        default="/var/lib/sasl-bridge",
        prose="The folder that keeps what must survive a restart: who is blocked, "
        "and what was counted against guessing; never a password.\n"
        "`sasl-bridge` writes it, and `sasl-policyd` reads there who is blocked; "
        "the folder must be there already.\n"
        "If it cannot be written, the log says so, and logins go on.",
        example='"/var/lib/sasl-bridge"',
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySettings:
    """`[identity]`. Domains are A-labels, in lower case."""

    username_format: UsernameFormat = key(
        Choice(get_args(UsernameFormat)),
        default="domain",
        prose='"SMTP-AUTH username format".\n'
        "`domain`: users log in as `user@domain`; "
        "a bare `user` is refused unless `default_domain` is set.\n"
        "`username`: users log in as a bare `user`, or with `default_domain`; "
        "every other domain is refused.",
        example='"domain"',
    )
    default_domain: str = key(
        Text("a domain name", texts.optional(texts.domain)),
        default="",
        prose="The domain that a bare `user` belongs to.\n"
        'It must be one of `domains`, and is required with `username_format = "username"`.',
        example='"example.com"',
    )
    domains: tuple[str, ...] = key(
        TextList("domain names", texts.domain_or_any),
        default=(),
        prose="Your own domains: only their users may log in.\n"
        "Without this list, every customer of a provider that you ask could send mail through you."
        '\n`["*"]` says on purpose that every domain which the servers know may log in; '
        "it then stands alone.",
        example='["example.com", "example.org"]',
    )
    windows_domains: Mapping[str, str] = key(
        TextTable("Windows domains and mail domains", texts.windows_name, texts.domain),
        default={},
        prose="The mail domains that Windows domains stand for: "
        "with the example, `CORP\\alice` is `alice@corp.example.com`.\n"
        "Capitals make no difference, and each mail domain must be one of `domains`.",
        example='{ CORP = "corp.example.com" }',
    )
    login_characters: str = key(
        Text("a string", texts.printable),
        default="",
        prose="The characters that may stand in a login before the @, in lower case.\n"
        f"When it is empty, they are `{DEFAULT_LOGIN_CHARACTERS.replace('@', '')}`.",
        example='"abcdefghijklmnopqrstuvwxyz0123456789.-_+"',
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """`[log]`."""

    level: Level = key(
        Choice(get_args(Level)),
        default="info",
        prose="The least severe messages that are logged.\n"
        "Decision lines do not obey it: `decisions` says which of them are written.",
        example='"info"',
    )
    format: Format = key(
        Choice(get_args(Format)),
        default="text",
        prose="`text` is for people and for fail2ban; `json` is for programs.",
        example='"text"',
    )
    decisions: Decisions = key(
        Choice(get_args(Decisions)),
        default="all",
        prose="Which decisions about logins and envelope senders get their line in the log: "
        "`all`, or only the `refused` ones.",
        example='"all"',
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything there is to set."""

    smtp_auth: SmtpAuth = section(
        SmtpAuth,
        "smtp_auth",
        "SMTP AUTH itself: whether and where it is offered, and how long a login may take.",
    )
    identity: IdentitySettings = section(
        IdentitySettings,
        "identity",
        "Who may log in, and how a login is read: each becomes one `user@domain`.",
    )
    servers: tuple[Server, ...] = sections(
        Server,
        "server",
        'The "SMTP-AUTH server list": the servers that know the passwords, '
        "asked in the order in which they are written.\n"
        "The first one that accepts a login ends the search.",
    )
    ldap_profiles: tuple[LdapProfile, ...] = sections(
        LdapProfile,
        "ldap_profile",
        "Directories: Active Directory, OpenLDAP and others.\n"
        'One is asked when `[smtp_auth]` names it with `method = "ldap"`, '
        "when a `[[server]]` does, or when `[sender]` does, for the addresses of a login.",
    )
    sender: Sender = section(
        Sender,
        "sender",
        "Envelope senders, which `sasl-policyd` looks at: "
        "a login may use only its own, and outsiders may not use your domains.\n"
        "Every rule is off until it is switched on here, and Postfix is told to ask.",
    )
    cache: CacheSettings = section(
        CacheSettings,
        "cache",
        "Logins that `sasl-bridge` remembers, so that not each of them is a question to a server.\n"
        "It keeps no password, only what one can be recognised by; all is forgotten when it ends.",
    )
    restraint: Restraint = section(
        Restraint,
        "restraint",
        "What keeps strangers from guessing passwords, accounts from being locked by them, "
        "and a stolen password from being used for long.\n"
        "A client address is the one that Postfix tells; of IPv6, addresses of one /64 are one.",
    )
    log: LogSettings = section(
        LogSettings,
        "log",
        "What is logged, and how.\n"
        "Both programs log to standard error, and never wait for whoever reads it: beyond 1 MiB of "
        "unread lines further ones are dropped, and the log and `bridgectl status` say how many.",
    )


def identity_rules(identity: IdentitySettings) -> IdentityRules:
    """Return the rules by which a login becomes an identity."""
    domains = frozenset(identity.domains) or _NO_DOMAIN
    windows = {name.lower(): domain for name, domain in identity.windows_domains.items()}
    return IdentityRules(
        domains=frozenset() if texts.ANY_DOMAIN in domains else domains,
        bare_allowed=bool(identity.default_domain),
        bare_required=identity.username_format == "username",
        default_domain=identity.default_domain,
        windows_domains=windows,
        login_characters=frozenset(identity.login_characters or DEFAULT_LOGIN_CHARACTERS),
    )
