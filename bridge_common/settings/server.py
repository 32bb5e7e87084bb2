"""One `[[server]]`: an entry of the list of those who are asked about a login.

Knows the keys of an entry, and the usual ports of mail servers. What must hold between the keys
is `rules`', what is doubtful about them `doubts`'. Pure; raises nothing.
"""

# ruff: noqa: RUF009  # a declaration makes a dataclass field, which is a call

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

from bridge_common.settings import texts
from bridge_common.settings.declaration import key
from bridge_common.settings.kinds import Choice, Flag, Integer, Text, TextList
from bridge_common.settings.login_format import login_format

T = TypeVar("T")
Protocol = Literal["imap", "pop3", "ldap"]
Security = Literal["plain", "ssl", "tls"]
OnReject = Literal["next", "stop"]
ForwardClient = Literal["none", "id", "xclient"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One `[[server]]`. ``port`` is 0 for a directory only: elsewhere the default stands in."""

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
        prose="The protocol in which the server is asked whether a password is right.\n"
        "`ldap` puts a directory into the list: how it is asked stands in its `[[ldap_profile]]`, "
        "and the entry has `name`, `enabled`, `domains`, `on_reject`, `required`, `directory` and "
        "`ldap_profile` only.",
        example='"imap"',
    )
    ldap_profile: str = key(
        Text("the name of an [[ldap_profile]]", texts.optional(texts.word)),
        default="",
        prose='The directory to ask; it is required with `protocol = "ldap"`, and for it only.',
        example='"corp"',
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
        Text("a host name or an address", texts.optional(texts.host)),
        default="",
        prose="The server's host name, or its address.\n"
        "When the name has several addresses, the next one is tried where one is not ready for a "
        "login.\n"
        "It is required with `imap` and with `pop3`.",
        example='"mail.example.com"',
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
    directory: str = key(
        Text("one word", texts.optional(texts.word)),
        default="",
        prose="Where this server's passwords come from, if other servers ask there too: "
        "entries with the same word here share one lock-out budget (`[restraint]`).\n"
        "When it is empty, it is the name of the `ldap_profile` or, where there is none, "
        "of the server.",
        example='"corp"',
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
        "Those that wait, ready for the logins to come, are among them, and never more than half; "
        "they exist only while logins come, and only if the server is not near.\n"
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
            port = USUAL_PORTS.get((self.protocol, self.security), 0)
            object.__setattr__(self, "port", port)


def numbered(entries: tuple[T, ...], name: str = "server") -> list[tuple[str, T]]:
    """Return each entry with its path, `server[1]` or `sender.context[1]` being the first."""
    return [(f"{name}[{number}]", entry) for number, entry in enumerate(entries, start=1)]
