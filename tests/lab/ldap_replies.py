"""A small directory that does as it is told: `Entries`, a behaviour for `fake_server.FakeServer`.

Knows bind, search and StartTLS (RFC 4511 sections 4.2, 4.5 and 4.14), with filters of and, or,
equality and presence, and as much of BER (X.690) as they need.
"""

import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lab.fake_server import Peer

_INTEGER, _OCTETS, _ENUMERATED, _SEQUENCE, _SET = 0x02, 0x04, 0x0A, 0x30, 0x31
_BASE = b"\x00"  # a scope
_BIND, _BIND_DONE, _SEARCH, _FOUND, _SEARCH_DONE = 0x60, 0x61, 0x63, 0x64, 0x65
_EXTENDED, _EXTENDED_DONE = 0x77, 0x78
_AND, _OR, _PRESENT = 0xA0, 0xA1, 0x87


@dataclass(frozen=True)
class Told:
    """A result: its code (RFC 4511 appendix A), and the server's text."""

    code: int
    text: str = ""

    @property
    def encoded(self) -> bytes:
        """What an answer consists of (section 4.1.9)."""
        code = self.code.to_bytes(self.code.bit_length() // 8 + 1, "big", signed=True)
        parts = (_ENUMERATED, code), (_OCTETS, b""), (_OCTETS, self.text.encode())
        return b"".join(_tlv(*part) for part in parts)


SUCCESS = Told(0)
INVALID_CREDENTIALS = Told(49)


@dataclass(frozen=True)
class Entry:
    """An entry, found by its attributes; ``bind``: what a bind gets whatever the password."""

    dn: str
    password: bytes = b""
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    bind: Told | None = None

    def has(self, attribute: str, value: str) -> bool:
        """Say whether a filter finds this value here; ASCII case does not matter."""
        values = self.attributes.get(attribute, ())
        return value.lower() in (one.lower() for one in values)


class Entries:
    """A directory with these entries; `search` is what comes of every search.

    ``tls`` is what StartTLS begins, which without it ends the connection.
    ``binds`` and ``searches`` are what it was asked for: names, and the values in filters.
    """

    def __init__(
        self, *entries: Entry, search: Told = SUCCESS, tls: ssl.SSLContext | None = None
    ) -> None:
        self.entries = list(entries)
        self.search = search
        self.tls = tls
        self.binds: list[str] = []
        self.searches: list[str] = []

    def __call__(self, peer: Peer) -> None:
        """Answer one request after the other."""
        while True:
            number, operation, content = _hear(peer)
            if operation == _BIND:
                answers = [_tlv(_BIND_DONE, self._bind(content).encoded)]
            elif operation == _SEARCH:
                answers = self._search(content)
            elif operation == _EXTENDED and self.tls is not None:
                answers = [_tlv(_EXTENDED_DONE, SUCCESS.encoded)]
            else:
                return
            for answer in answers:
                peer.say(_tlv(_SEQUENCE, _tlv(_INTEGER, number) + answer))
            if operation == _EXTENDED and self.tls is not None:
                peer.start_tls(self.tls)

    def _bind(self, content: bytes) -> Told:
        _, (_, name), (_, password) = _elements(content)
        dn = name.decode()
        self.binds.append(dn)
        for entry in self.entries:
            if entry.dn == dn:
                right = entry.password == password
                return entry.bind or (SUCCESS if right else INVALID_CREDENTIALS)
        return INVALID_CREDENTIALS

    def _search(self, content: bytes) -> list[bytes]:
        (_, base), (_, scope), *_, wanted, (_, asked) = _elements(content)
        self.searches.append(" ".join(_values(*wanted)))
        attributes = [name.decode() for _, name in _elements(asked)]
        found = [one for one in self.entries if _matches(one, *wanted)]
        if scope == _BASE:
            found = [one for one in found if one.dn == base.decode()]
        done = _tlv(_SEARCH_DONE, self.search.encoded)
        return [*(_found(one, attributes) for one in found), done]


class Gated(Entries):
    """A directory that answers nothing on its first connection before it may."""

    def __init__(self, *entries: Entry) -> None:
        super().__init__(*entries)
        self.asked, self.may_answer = threading.Event(), threading.Event()

    def __call__(self, peer: Peer) -> None:
        """Wait with the first connection."""
        if not self.asked.is_set():
            self.asked.set()
            self.may_answer.wait(20)
        super().__call__(peer)


def _hear(peer: Peer) -> tuple[bytes, int, bytes]:
    """Return a request: its number, its operation, and what belongs to that."""
    header = peer.hear_bytes(2)
    length = header[1]
    if length & 0x80:
        length = int.from_bytes(peer.hear_bytes(length & 0x7F), "big")
    (_, number), (operation, content), *_ = _elements(peer.hear_bytes(length))
    return number, operation, content


def _elements(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each element."""
    while content:
        tag, length, begin = content[0], content[1], 2
        if length & 0x80:
            begin += length & 0x7F
            length = int.from_bytes(content[2:begin], "big")
        yield tag, content[begin : begin + length]
        content = content[begin + length :]


def _tlv(tag: int, content: bytes) -> bytes:
    short = len(content) < 0x80
    length = bytes([len(content)]) if short else b"\x84" + len(content).to_bytes(4, "big")
    return bytes([tag]) + length + content


def _found(entry: Entry, attributes: Sequence[str]) -> bytes:
    told = b""
    for name in attributes:
        if values := entry.attributes.get(name):
            texts = b"".join(_tlv(_OCTETS, value.encode()) for value in values)
            told += _tlv(_SEQUENCE, _tlv(_OCTETS, name.encode()) + _tlv(_SET, texts))
    return _tlv(_FOUND, _tlv(_OCTETS, entry.dn.encode()) + _tlv(_SEQUENCE, told))


def _matches(entry: Entry, tag: int, content: bytes) -> bool:
    if tag == _AND:
        return all(_matches(entry, *inner) for inner in _elements(content))
    if tag == _OR:
        return any(_matches(entry, *inner) for inner in _elements(content))
    if tag == _PRESENT:
        return content == b"objectClass" or content.decode() in entry.attributes
    (_, attribute), (_, value) = _elements(content)
    return entry.has(attribute.decode(), value.decode())


def _values(tag: int, content: bytes) -> Iterator[str]:
    """Yield each comparison of a filter, in order."""
    if tag in {_AND, _OR}:
        for inner in _elements(content):
            yield from _values(*inner)
    elif tag == _PRESENT:
        yield f"{content.decode()}=*"
    else:
        (_, attribute), (_, value) = _elements(content)
        yield f"{attribute.decode()}={value.decode()}"
