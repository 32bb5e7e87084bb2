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
from bridge_common.settings.declaration import key, section, sections
from bridge_common.settings.endpoint import endpoint_text, unix_endpoint_text
from bridge_common.settings.kinds import (
    Choice,
    Duration,
    Flag,
    Integer,
    Text,
    TextList,
    TextTable,
)
from bridge_common.settings.login_format import login_format

OnUnavailable = Literal["tempfail", "reject"]
UsernameFormat = Literal["domain", "username"]
Protocol = Literal["imap", "pop3"]
Security = Literal["plain", "ssl", "tls"]
OnReject = Literal["next", "stop"]
ForwardClient = Literal["none", "id", "xclient"]
Level = Literal["debug", "info", "warning", "error"]
Format = Literal["text", "json"]
Decisions = Literal["all", "refused"]

USUAL_PORTS: Mapping[tuple[Protocol, Security], int] = {
    ("imap", "plain"): 143,
    ("imap", "tls"): 143,
    ("imap", "ssl"): 993,
    ("pop3", "plain"): 110,
    ("pop3", "tls"): 110,
    ("pop3", "ssl"): 995,
}
"""STARTTLS and STLS are said on the unencrypted port (RFC 2595); TLS from the start has its own
(RFC 8314 section 3)."""
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
    allow_remote: bool = key(
        Flag(),
        default=False,
        prose="Whether `listen` may name an `inet:` endpoint that other machines can reach.\n"
        "Passwords travel over it unencrypted.",
        example="false",
    )
    socket_mode: str = key(
        Text("an octal mode", texts.socket_mode),
        default="0660",
        prose="The mode of the UNIX sockets in `listen`.\n"
        "Who may write to such a socket may try passwords.",
        example='"0660"',
    )
    socket_owner: str = key(
        Text("user:group", texts.optional(texts.socket_owner)),
        default="",
        prose="The user and the group that own the UNIX sockets in `listen`.\n"
        "When it is empty, those that the program runs as own them.",
        example='"sasl-bridge:postfix"',
    )
    control: str = key(
        Text("a UNIX socket, unix:/path", unix_endpoint_text),
        default="unix:/run/sasl-bridge/control",
        prose="Where `bridgectl` asks the running program; for root and the program's own group.",
        example='"unix:/run/sasl-bridge/control"',
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
class Server:
    """One `[[server]]`. ``port`` is never 0: the default stands in for it."""

    name: str = key(
        Text("one word", texts.word),
        default="",
        prose="What this server is called in the log and by `bridgectl`; each name is there once.",
        example='"exchange"',
        required=True,
    )
    protocol: Protocol = key(
        Choice(get_args(Protocol)),
        default="imap",
        prose="The protocol in which the server is asked whether a password is right.",
        example='"imap"',
    )
    security: Security = key(
        Choice(get_args(Security)),
        default="ssl",
        prose="`ssl`: the connection is encrypted from its start.\n"
        "`tls`: it is encrypted by STARTTLS (IMAP) or STLS (POP3) before a login is said.\n"
        "`plain`: passwords travel unencrypted, which is for servers on this machine only.\n"
        "There is no falling back from one to another: "
        "where encryption fails, no password is sent, and the server counts as unavailable.",
        example='"ssl"',
    )
    host: str = key(
        Text("a host name or an address", texts.host),
        default="",
        prose="The server's host name, or its address.\n"
        "When the name has several addresses, the next one is tried where one is not ready for a "
        "login.",
        example='"mail.example.com"',
        required=True,
    )
    port: int = key(
        Integer(0, 65535),
        default=0,
        prose="The server's port.\n"
        "When it is absent or 0, it is the usual one: with `ssl` 993 (IMAP) or 995 (POP3), "
        "with `tls` and `plain` 143 (IMAP) or 110 (POP3).",
        example="993",
    )
    enabled: bool = key(
        Flag(),
        default=True,
        prose="Whether the server is asked at all.",
        example="true",
    )
    domains: tuple[str, ...] = key(
        TextList("domain names", texts.domain),
        default=(),
        prose="The domains whose logins this server is asked about.\n"
        "It never sees a password of any other domain.\n"
        "When the list is empty, it is asked about all of yours.",
        example='["example.com"]',
    )
    login_format: str = key(
        Text("a string with {login}, {local} or {domain} in it", login_format),
        default="{login}",
        prose="How the login is written for this server.\n"
        "`{login}` is all of it, `user@domain`; `{local}` is what stands before the @, "
        "`{domain}` what stands behind it.\n"
        "Servers that know their users by bare names need `{local}`.",
        example='"{local}"',
    )
    on_reject: OnReject = key(
        Choice(get_args(OnReject)),
        default="next",
        prose="What follows when this server says that the password is wrong.\n"
        "`next`: the servers after it are asked.\n"
        "`stop`: the login is refused, and nobody else is asked.\n"
        "If the server is slow, the next one is asked beside it meanwhile, and its yes counts.",
        example='"next"',
    )
    required: bool = key(
        Flag(),
        default=True,
        prose="Whether a login that no server accepted may only be refused "
        "if this server has answered.\n"
        "`true`: while the server is down, its users get a temporary failure.\n"
        "`false`: while it is down, its users are told that their password is wrong.",
        example="true",
    )
    forward_client: ForwardClient = key(
        Choice(get_args(ForwardClient)),
        default="none",
        prose="Whether the server is told from which address the mail client logs in.\n"
        "Many servers slow down an address that sends wrong passwords, and all logins reach them "
        "from the gateway's: untold, they let one guesser delay all of your users.\n"
        "`id` is for IMAP (ID with `x-originating-ip`), `xclient` for POP3 (XCLIENT).\n"
        "The server must trust the gateway, in Dovecot by `login_trusted_networks`; "
        "one that does not offer the command is not told.",
        example='"id"',
    )
    max_connections: int = key(
        Integer(1, 10000),
        default=50,
        prose="How many connections to the server there are at most, "
        "one for each login that it is asked about.\n"
        "Others wait; where no turn comes within `connection_timeout`, the server is unavailable.\n"
        "A wrong password keeps its connection as long as the server holds back the answer: "
        "leave room for those who guess.",
        example="50",
    )
    in_use_is_success: bool = key(
        Flag(),
        default=False,
        prose="Whether the POP3 answer `[IN-USE]` (the mailbox is open elsewhere) means that the "
        "password was right, as RFC 2449 says.\n"
        "`false`: while a mailbox is in use, the server is unavailable for its logins.\n"
        "Be sure before you set it: "
        "some servers lock the mailbox before they look at the password, "
        "and with those any password would do.",
        example="true",
    )
    unavailable_texts: tuple[str, ...] = key(
        TextList("texts", texts.some_text),
        default=(),
        prose="When a refusal of this server holds one of these texts, "
        "it means trouble at the server and not a wrong password, whatever reason code it gives.\n"
        "What common servers say of their own troubles is known without it.\n"
        "The log shows what a server says; capitals make no difference.",
        example='["directory is down", "mailbox is being moved"]',
    )
    verify: bool = key(
        Flag(),
        default=True,
        prose="Whether the server's certificate is checked, with `ssl` and with `tls`.\n"
        "Without this check, anyone between you and the server can collect passwords.",
        example="true",
    )
    ca_file: str = key(
        Text("an absolute path", texts.optional(texts.absolute_path)),
        default="",
        prose="The PEM file with the certificates of the authorities to trust for this server.\n"
        "When it is empty, the machine's own are trusted.",
        example='"/etc/sasl-bridge/ca.pem"',
    )
    tls_name: str = key(
        Text("a host name or an address", texts.optional(texts.host)),
        default="",
        prose="The name that must be in the server's certificate.\n"
        "When it is empty, it is `host`; set it when `host` is an address.",
        example='"mail.example.com"',
    )

    def __post_init__(self) -> None:
        if not self.port:
            port = USUAL_PORTS[self.protocol, self.security]
            object.__setattr__(self, "port", port)


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
        prose="Which logins get their line in the log: `all`, or only the `refused` ones.",
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
    log: LogSettings = section(LogSettings, "log", "What is logged, and how.")


def numbered(servers: tuple[Server, ...]) -> list[tuple[str, Server]]:
    """Return each server with its path, `server[1]` being the first."""
    return [(f"server[{number}]", server) for number, server in enumerate(servers, start=1)]


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
