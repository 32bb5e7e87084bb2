"""Kinds of trouble with a server, and how those of its asker are told apart.

Pure. Knows the sentences in which `passdb`, `dialogue` and the directory's connections tell their
troubles, from the first word on. What a server said itself stands behind such a beginning, or
behind NO, -ERR: no kind is found there, or a stranger could choose what the administrator is
advised to do.
Raises nothing.
"""

import enum
import re
from collections.abc import Sequence


class Trouble(enum.StrEnum):
    """What is the matter; those of the first opinion in the order of how far it got."""

    NONE = ""
    NO_ROOM = "no room"
    NO_ADDRESS = "no address"
    NO_ROUTE = "no route"
    NO_CONNECTION = "no connection"
    REFUSED = "connection refused"
    HUNG_UP = "hung up"
    NO_TLS = "no TLS"
    SILENT_TLS = "silent in the handshake"
    TLS_FAILED = "TLS failed"
    CERTIFICATE = "certificate"
    SILENT = "silent"
    SILENT_LATER = "silent after the greeting"
    OTHER = "other"
    GARBLED = "garbled"
    TOO_MUCH = "too much"
    NO_CAPABILITIES = "no capabilities"
    TURNED_AWAY = "turned away"
    PREAUTH = "taken for logged in"
    NOT_OFFERED = "TLS not offered"
    TLS_REFUSED = "TLS refused"
    INJECTED = "unencrypted where TLS was due"
    NO_WAY_IN = "no way in"
    NO_ANSWER = "no answer to the login"
    BAD_ANSWER = "no answer that counts"
    SAID_NO = "said no"
    # Of the second opinion, and no fault of the server.
    NO_OPINION = "no opinion"
    NOT_STARTED = "not started"


_ORDER = tuple(Trouble)
_ENDPOINT = r"\S+ port \d+"
_NO_WAY = (  # as far as they come from errno(3): Linux has these words for them
    "Network is unreachable|Network is down|No route to host|Host is down"
    "|Cannot assign requested address"
)

# The first that fits the beginning.
_BEGINNINGS: tuple[tuple[str, Trouble], ...] = (
    (r"(?:NO|-ERR)(?: |$)|\(text withheld", Trouble.SAID_NO),
    (r"all \d+ connections \(max_connections\)", Trouble.NO_ROOM),
    (r"no address for ", Trouble.NO_ADDRESS),
    (rf"{_ENDPOINT}: (?:{_NO_WAY})", Trouble.NO_ROUTE),
    (rf"no connection to |{_ENDPOINT}: Connection timed out", Trouble.NO_CONNECTION),
    (r"connection refused by ", Trouble.REFUSED),
    (r"connection (?:reset|closed)", Trouble.HUNG_UP),
    (rf"{_ENDPOINT} (?:does not speak TLS|spoke (?:or hung up )?before TLS)", Trouble.NO_TLS),
    (rf"{_ENDPOINT} does not begin TLS", Trouble.TLS_REFUSED),
    (rf"{_ENDPOINT}: (?:what it says is not LDAP|unreadable answer)", Trouble.GARBLED),
    (rf"{_ENDPOINT}: an answer that nobody asked for", Trouble.GARBLED),
    (rf"{_ENDPOINT}: a message is longer than ", Trouble.TOO_MUCH),
    (rf"{_ENDPOINT}: the server ended the connection", Trouble.TURNED_AWAY),
    (rf"{_ENDPOINT}: [A-Za-z(),. ]+ \((?:3|51|52|80)\)", Trouble.TURNED_AWAY),
    (rf"{_ENDPOINT}: the domain controller reaches nobody ", Trouble.TURNED_AWAY),
    (r"no TLS handshake ", Trouble.SILENT_TLS),
    (rf"TLS with {_ENDPOINT} failed", Trouble.TLS_FAILED),
    (r"certificate ", Trouble.CERTIFICATE),
    (r"no greeting ", Trouble.SILENT),
    (r"no answer to the login ", Trouble.NO_ANSWER),
    (r"no [A-Za-z ]+ (?:from|within) ", Trouble.SILENT_LATER),
    (r"the server sent (?:a line of )?more than \d+ ", Trouble.TOO_MUCH),
    (r"the server announces a literal without bound", Trouble.TOO_MUCH),
    (r"the server (?:greets with|said) PREAUTH\b", Trouble.PREAUTH),
    (r"the server (?:greets with|said) ", Trouble.TURNED_AWAY),
    (r"the server does not offer ST", Trouble.NOT_OFFERED),
    (r"the server refuses ST", Trouble.TLS_REFUSED),
    (r"the server went on unencrypted ", Trouble.INJECTED),
    (r"the server announces LOGINDISABLED", Trouble.NO_WAY_IN),
    (r"the server offers neither USER nor SASL PLAIN", Trouble.NO_WAY_IN),
    (r"the server answers the login with |before it had the password", Trouble.BAD_ANSWER),
    (r"the server sent (?:a malformed line|something else)", Trouble.GARBLED),
    (r"the server did not (?:name|list) its capabilities", Trouble.NO_CAPABILITIES),
    (r"the server (?:answered before|waits for more)|unasked, ", Trouble.GARBLED),
)
_PATTERNS = tuple((re.compile(pattern), trouble) for pattern, trouble in _BEGINNINGS)


def trouble_of(text: str) -> Trouble:
    """Return what this sentence of `passdb` or `dialogue` is about."""
    found = (trouble for pattern, trouble in _PATTERNS if pattern.match(text))
    return next(found, Trouble.OTHER)


def furthest(texts: Sequence[str]) -> Trouble:
    """Return the trouble at the address where we got furthest."""
    return max(map(trouble_of, texts), key=_ORDER.index, default=Trouble.NONE)
