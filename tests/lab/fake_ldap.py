"""A scripted LDAP server: any bytes at any stage of a login, for `fake_server.FakeServer`.

Knows how answers are encoded (RFC 4511, X.690), and requests as far as to tell them apart.
A directory that behaves is in `ldap_replies`.
"""

import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from lab.directory_entries import GATEWAY
from lab.fake_server import Behaviour, Peer, hear_hello, start_tls

Security = Literal["plain", "ssl", "tls"]
Stage = Literal["start_tls", "handshake", "service", "search", "login"]

STAGES: dict[Security, tuple[Stage, ...]] = {
    "plain": ("service", "search", "login"),
    "ssl": ("handshake", "service", "search", "login"),
    "tls": ("start_tls", "handshake", "service", "search", "login"),
}
"""How far a login can get: bind of our own account, search, and bind as the entry found."""

DN = b"uid=alice,ou=people,dc=example,dc=com"

_MESSAGE = 0x30
_BIND, _UNBIND, _SEARCH, _EXTENDED = 0x60, 0x42, 0x63, 0x77
_LONGEST_SHORT_LENGTH = 0x7F


# Encoding


def tlv(tag: int, *parts: bytes) -> bytes:
    """Return an element with this content."""
    content = b"".join(parts)
    if len(content) <= _LONGEST_SHORT_LENGTH:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def message(number: int, operation: bytes, controls: bytes = b"") -> bytes:
    """Return a whole message; ``controls`` are encoded ones, if there are any."""
    digits = number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True)
    return tlv(_MESSAGE, tlv(0x02, digits), operation, tlv(0xA0, controls) if controls else b"")


def told(tag: int, code: int = 0, text: bytes = b"", *, rest: bytes = b"") -> bytes:
    """Return what an answer says at its end; ``rest`` follows the server's text."""
    return tlv(tag, tlv(0x0A, bytes([code])), tlv(0x04), tlv(0x04, text), rest)


def bound(code: int = 0, text: bytes = b"", *, rest: bytes = b"") -> bytes:
    """Return the answer to a bind."""
    return told(0x61, code, text, rest=rest)


def searched(code: int = 0, text: bytes = b"", *, rest: bytes = b"") -> bytes:
    """Return the end of a search."""
    return told(0x65, code, text, rest=rest)


def extended(code: int = 0, text: bytes = b"", *, rest: bytes = b"") -> bytes:
    """Return the answer to StartTLS."""
    return told(0x78, code, text, rest=rest)


def found(dn: bytes = DN, **attributes: Sequence[bytes]) -> bytes:
    """Return an entry."""
    lines = (
        tlv(0x30, tlv(0x04, name.encode()), tlv(0x31, *(tlv(0x04, value) for value in values)))
        for name, values in attributes.items()
    )
    return tlv(0x64, tlv(0x04, dn), tlv(0x30, *lines))


def reference(url: bytes = b"ldap://elsewhere.example/") -> bytes:
    """Return a search continuation reference."""
    return tlv(0x73, tlv(0x04, url))


def control(kind: bytes, value: bytes | None = None, *, critical: bool = False) -> bytes:
    """Return one control of an answer."""
    criticality = tlv(0x01, b"\xff") if critical else b""
    return tlv(0x30, tlv(0x04, kind), criticality, b"" if value is None else tlv(0x04, value))


NOTICE = message(0, extended(52, b"going down", rest=tlv(0x8A, b"1.3.6.1.4.1.1466.20036")))
"""The notice of disconnection (RFC 4511 section 4.4.1)."""


# Requests


@dataclass(frozen=True)
class Request:
    """A request: its number, the tag of its operation, and what that says, element by element."""

    number: int
    operation: int
    elements: tuple[bytes, ...]

    @property
    def stage(self) -> Stage:
        """What of a login it is."""
        if self.operation == _BIND:
            return "service" if self.elements[1] == GATEWAY.encode() else "login"
        return "search" if self.operation == _SEARCH else "start_tls"


def requests_in(heard: bytes) -> list[Request]:
    """Return the requests that were heard; what is not a whole one, or a farewell, is none."""
    requests = []
    for _, content in _elements(heard):
        (_, number), (operation, said), *_ = _elements(content)
        elements = tuple(value for _, value in _elements(said))
        if operation != _UNBIND:
            requests.append(Request(int.from_bytes(number, "big"), operation, elements))
    return requests


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each whole element."""
    while len(data) > 1:
        tag, length, begin = data[0], data[1], 2
        if length & 0x80:
            begin += length & 0x7F
            length = int.from_bytes(data[2:begin], "big")
        yield tag, data[begin : begin + length]
        data = data[begin + length :]


def _hear_request(peer: Peer) -> Request:
    """Return the next request. Raises EOFError, also when it is none."""
    header = peer.hear_bytes(2)
    if header[0] != _MESSAGE:
        raise EOFError
    if header[1] & 0x80:
        header += peer.hear_bytes(header[1] & 0x7F)
    length = int.from_bytes(header[2:], "big") if header[2:] else header[1]
    (request,) = requests_in(header + peer.hear_bytes(length))
    return request


# What is answered


@dataclass(frozen=True)
class Answer:
    """Operations in answer to the last request, said in one piece.

    ``ahead``: to one that is so many later. ``piece``: in pieces of so many bytes. ``behind``:
    bytes that follow in the same piece.
    """

    operations: tuple[bytes, ...]
    controls: bytes = b""
    ahead: int = 0
    piece: int = 0
    behind: bytes = b""

    def say(self, peer: Peer, number: int) -> None:
        number += self.ahead
        data = b"".join(message(number, one, self.controls) for one in self.operations)
        data += self.behind
        size = self.piece or len(data)
        for start in range(0, len(data), size):
            peer.say(data[start : start + size])


Steps = tuple[bytes | Answer | Behaviour, ...]
"""Bytes are an operation, said in answer to the last request; see also `raw`."""


def raw(data: bytes) -> Behaviour:
    """Say these bytes as they are."""
    return lambda peer: peer.say(data)


GOOD_SEARCH: Steps = (found(), searched())


@dataclass
class FakeDirectory:
    """What is done at each stage; with a context, TLS is begun. ``asked`` is how far it came."""

    security: Security = "plain"
    tls: ssl.SSLContext | None = None
    start_tls: Steps = (extended(),)
    handshake: Steps | None = None
    service: Steps = (bound(),)
    search: Steps = GOOD_SEARCH
    login: Steps = (bound(),)
    asked: list[Stage] = field(default_factory=list)

    def __call__(self, peer: Peer) -> None:
        """Answer one request after the other."""
        if self.security == "ssl":
            self._shake_hands(peer)
        while True:
            request = _hear_request(peer)
            self.asked.append(request.stage)
            self._do(getattr(self, request.stage), peer, request.number)
            if request.stage == "start_tls":
                self._shake_hands(peer)

    def _shake_hands(self, peer: Peer) -> None:
        if self.handshake is not None:
            self._do(self.handshake, peer, 0)
        elif self.tls is not None:
            self._do((hear_hello, start_tls(self.tls)), peer, 0)

    def _do(self, steps: Steps, peer: Peer, number: int) -> None:
        for step in steps:
            if isinstance(step, bytes):
                step = Answer((step,))  # noqa: PLW2901  # the short way to write it
            if isinstance(step, Answer):
                step.say(peer, number)
            else:
                step(peer)
            if peer.left:
                raise EOFError
