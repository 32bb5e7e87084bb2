"""What a good POP3 server says: `maildrops`, a behaviour for `fake_server.FakeServer`.

Knows the commands that a login needs: CAPA, STLS, XCLIENT, AUTH PLAIN, USER, PASS, QUIT.
A maildrop is locked until its connection ends (RFC 1939 section 4).
"""

import ssl
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.fake_imap import hear_plain
from lab.fake_server import Behaviour, Peer

FULL = ("USER", "SASL PLAIN", "RESP-CODES", "AUTH-RESP-CODE")
UNENCRYPTED = ("STLS", "RESP-CODES", "AUTH-RESP-CODE")
"""What a server lists that lets nobody log in without TLS."""


class _Maildrops:
    """Who may open which, and which of them are open."""

    def __init__(self, users: Mapping[str, bytes]) -> None:
        self._known = {login.encode(): password for login, password in users.items()}
        self._open: set[bytes] = set()
        self._lock = threading.Lock()

    def open(self, login: bytes, password: bytes) -> bytes:
        """Return the answer to a login; after +OK the maildrop is to be closed."""
        if self._known.get(login) != password:
            return b"-ERR [AUTH] out\r\n"
        with self._lock:
            if login in self._open:
                return b"-ERR [IN-USE] the maildrop is locked\r\n"
            self._open.add(login)
        return b"+OK in\r\n"

    def close(self, login: bytes) -> None:
        self._open.discard(login)


@dataclass(frozen=True)
class _Offer:
    """What it announces, without TLS and with it, and how TLS is begun."""

    capabilities: Sequence[str] | None
    xclient: bool
    tls: ssl.SSLContext | None
    unencrypted: Sequence[str]


class _Session:
    """One connection."""

    def __init__(self, peer: Peer, drops: _Maildrops, offer: _Offer) -> None:
        self._peer, self._drops, self._offer = peer, drops, offer
        self._stls = offer.tls  # None: not to be begun, or not any more
        self._login = b""
        self._opened = False

    def run(self) -> None:
        code = b"[XCLIENT] " if self._offer.xclient else b""
        self._peer.say(b"+OK " + code + b"fake server ready\r\n")
        name = b""
        try:
            while name != b"QUIT":
                name, _, rest = self._peer.hear_line().partition(b" ")
                self._peer.say(self._answer(name, rest))
                self._begin_tls_after(name)
        finally:
            if self._opened:
                self._drops.close(self._login)

    def _answer(self, name: bytes, rest: bytes) -> bytes:
        answer = b"-ERR unknown command\r\n"
        match name:
            case b"CAPA" if (listed := self._listed()) is not None:
                answer = b"".join(f"{line}\r\n".encode() for line in ("+OK", *listed, "."))
            case b"STLS" if self._stls:
                answer = b"+OK begin TLS now\r\n"
            case b"XCLIENT" if self._offer.xclient:
                answer = b"+OK updated\r\n"
            case b"USER":
                self._login = rest
                answer = b"+OK\r\n"
            case b"PASS":
                answer = self._open(self._login, rest)
            case b"AUTH":
                answer = self._open(*hear_plain(self._peer, rest))
            case b"QUIT":
                answer = b"+OK bye\r\n"
        return answer

    def _listed(self) -> Sequence[str] | None:
        return self._offer.unencrypted if self._stls else self._offer.capabilities

    def _open(self, login: bytes, password: bytes) -> bytes:
        answer = self._drops.open(login, password)
        self._login, self._opened = login, answer.startswith(b"+OK")
        return answer

    def _begin_tls_after(self, name: bytes) -> None:
        if name == b"STLS" and self._stls:
            self._peer.start_tls(self._stls)
            self._stls = None


def maildrops(
    users: Mapping[str, bytes],
    capabilities: Sequence[str] | None = FULL,
    *,
    xclient: bool = False,
    tls: ssl.SSLContext | None = None,
    unencrypted: Sequence[str] = UNENCRYPTED,
) -> Behaviour:
    """Return a server that knows these logins and passwords, and does what it should.

    ``capabilities``: None: it is older than CAPA. ``xclient``: it takes it, and says so.
    ``tls``: it offers STLS, and lists ``unencrypted`` until then.
    """
    drops = _Maildrops(users)
    offer = _Offer(capabilities, xclient, tls, unencrypted)
    return lambda peer: _Session(peer, drops, offer).run()
