r"""Transcripts: dialogues of a client and a server in plain text, for people and for tests.

    # A comment. Empty lines mean nothing.
    ! require-tls                           what the server is told, or what is to happen
    C: AUTH\t1\tPLAIN\tservice=smtp         a line that the client sends
    S: FAIL\t1\treason=no                   the next line that the server sends

A line ends in LF, which is not written. In it, ``\t`` is TAB, ``\r`` CR, ``\n`` LF, ``\\`` a
backslash, ``\xHH`` any byte; everything else stands for itself in UTF-8.
What follows ``!`` is a list of words, in which the same escapes hold; each corpus says in its
README which words it knows.
Knows the format only; whoever runs a transcript gives the words their meaning.
Fails with `TranscriptError`, which names file and line.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.|$)")
_ESCAPES = {b"t": b"\t", b"r": b"\r", b"n": b"\n", b"\\": b"\\"}


class TranscriptError(ValueError):
    """A line that is no part of a transcript."""


@dataclass(frozen=True, slots=True)
class FromClient:
    """A line that the client sends, without its LF."""

    line: bytes
    number: int


@dataclass(frozen=True, slots=True)
class FromServer:
    """A line that the server is to send, without its LF."""

    line: bytes
    number: int


@dataclass(frozen=True, slots=True)
class Direction:
    """What stands behind ``!``: at least one word."""

    words: tuple[str, ...]
    number: int


Step = FromClient | FromServer | Direction


def read_transcript(path: Path) -> list[Step]:
    """Read a file."""
    try:
        return list(parse_transcript(path.read_text(encoding="utf-8").splitlines()))
    except TranscriptError as error:
        raise TranscriptError(f"{path.name}, {error}") from None


def parse_transcript(lines: Iterable[str]) -> Iterator[Step]:
    """Yield the steps, numbered from 1 by line."""
    for number, line in enumerate(lines, 1):
        mark, _, text = line.partition(" ")
        match mark:
            case "C:":
                yield FromClient(_unescape(text, number), number)
            case "S:":
                yield FromServer(_unescape(text, number), number)
            case "!" if text.split():
                words = (_unescape(word, number) for word in text.split())
                yield Direction(tuple(map(_text, words)), number)
            case _ if line and not line.startswith("#"):
                raise TranscriptError(f"line {number}: neither C:, S:, ! nor #")


def _text(word: bytes) -> str:
    return word.decode("utf-8", "surrogateescape")


def _unescape(text: str, number: int) -> bytes:
    def value(match: re.Match[bytes]) -> bytes:
        name = match[1]
        if name.startswith(b"x") and len(name) > 1:
            return bytes.fromhex(name[1:].decode())
        if name not in _ESCAPES:
            raise TranscriptError(f"line {number}: unknown escape \\{name.decode()}")
        return _ESCAPES[name]

    return _ESCAPE.sub(value, text.encode())
