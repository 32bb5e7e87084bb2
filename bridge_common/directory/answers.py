"""What the server's messages say: results and entries.

Knows as much of LDAP (RFC 4511) and BER (X.690) as answers need. libldap is not asked: python-ldap
3.4 breaks down, and the process with it, where the URL of a referral or a reference, or the name of
an attribute is no UTF-8 (Modules/constants.c and message.c).
Pure; fails with `BrokenStreamError`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from bridge_common.directory.framing import NO_LDAP, BrokenStreamError
from bridge_common.directory.results import Entry

BIND_RESULT = 0x61
SEARCH_ENTRY = 0x64
SEARCH_RESULT = 0x65
SEARCH_REFERENCE = 0x73
EXTENDED_RESULT = 0x78
_RESULTS = frozenset({BIND_RESULT, SEARCH_RESULT, EXTENDED_RESULT})

_SEQUENCE = 0x30
_INTEGER = 0x02
_ENUMERATED = 0x0A
_LONG_FORM = 0x80
_SHORTEST_HEADER = 2
_MOST_INTEGER_BYTES = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """A message: the ``number`` of the request that it answers, and the tag of its ``kind``.

    Number 0: it answers none (section 4.4). ``code`` and ``text``: of a result (section 4.1.9).
    ``entry``: the one that was found. What else there may be is not looked at.
    """

    number: int
    kind: int
    code: int = 0
    text: str = ""
    entry: Entry | None = None


def parse_answer(message: bytes) -> Answer:
    """Return what a whole message says. Raises BrokenStreamError."""
    try:
        (whole,) = _elements(message, 0, len(message))
        number, operation, *_ = _elements(message, whole.begin, whole.end)
        return _answer(message, _integer(message, number, _INTEGER), operation)
    except ValueError:  # too few elements, or a name that is no UTF-8
        raise BrokenStreamError(NO_LDAP) from None


def bare_result(answer: Answer) -> bytes:
    """Return the message that says no more than the code of this result."""
    number = answer.number.to_bytes(_MOST_INTEGER_BYTES, "big", signed=True)
    code = answer.code.to_bytes(_MOST_INTEGER_BYTES, "big", signed=True)
    result = bytes((_ENUMERATED, len(code))) + code + b"\x04\0\x04\0"
    numbered = bytes((_INTEGER, len(number))) + number + bytes((answer.kind, len(result))) + result
    return bytes((_SEQUENCE, len(numbered))) + numbered


class _Element(NamedTuple):
    """A tag, and where its content is."""

    tag: int
    begin: int
    end: int


def _elements(message: bytes, start: int, end: int) -> Iterator[_Element]:
    """Yield the elements from ``start`` on; the last one ends at ``end``."""
    while start < end:
        begin = start + _SHORTEST_HEADER
        length = message[start + 1] if begin <= end else _LONG_FORM
        if length & _LONG_FORM:
            first, begin = begin, begin + length - _LONG_FORM
            if first == begin:  # the indefinite form (section 5.1 forbids it)
                raise BrokenStreamError(NO_LDAP)
            length = int.from_bytes(message[first:begin], "big")
        if begin + length > end:
            raise BrokenStreamError(NO_LDAP)
        yield _Element(message[start], begin, begin + length)
        start = begin + length


def _integer(message: bytes, element: _Element, tag: int) -> int:
    content = message[element.begin : element.end]
    if element.tag != tag or not 1 <= len(content) <= _MOST_INTEGER_BYTES:
        raise BrokenStreamError(NO_LDAP)
    return int.from_bytes(content, "big", signed=True)


def _answer(message: bytes, number: int, operation: _Element) -> Answer:
    kind, begin, end = operation
    if kind == SEARCH_ENTRY:
        return Answer(number, kind, entry=_entry(message, operation))
    if kind not in _RESULTS:
        return Answer(number, kind)
    code, _, text, *_ = _elements(message, begin, end)
    # Active Directory ends its texts as C does.
    told = message[text.begin : text.end].rstrip(b"\0").decode("utf-8", "replace")
    return Answer(number, kind, _integer(message, code, _ENUMERATED), told)


def _entry(message: bytes, operation: _Element) -> Entry:
    """Return an entry (section 4.5.2); values may be any bytes, names are text."""
    name, attributes = _elements(message, operation.begin, operation.end)
    read: dict[str, list[str]] = {}
    for attribute in _elements(message, attributes.begin, attributes.end):
        kind, values = _elements(message, attribute.begin, attribute.end)
        key = message[kind.begin : kind.end].decode().lower()
        read.setdefault(key, []).extend(
            message[value.begin : value.end].decode("utf-8", "replace")
            for value in _elements(message, values.begin, values.end)
        )
    told = {key: tuple(values) for key, values in read.items()}
    return Entry(message[name.begin : name.end].decode(), told)
