"""How a value is carried in a line of TAB-separated fields, and shown in a log line.

Dovecot strescape.c: byte 0x01, then `0` for NUL, `1` for 0x01, `t`, `r`, `n` for TAB, CR, LF.
Knows single values only; a line is split at its raw TABs before its fields are unescaped.
"""

import re
import string

_SPECIAL = re.compile(rb"[\x00\x01\t\r\n]")
_ESCAPED = re.compile(rb"\x01(.?)", re.DOTALL)

_LETTERS = {b"\0": b"0", b"\1": b"1", b"\t": b"t", b"\r": b"r", b"\n": b"n"}
_BYTES = {letter: byte for byte, letter in _LETTERS.items()}

_ASCII = string.ascii_letters + string.digits + string.punctuation + " "
_SHOWN = bytes(code if chr(code) in _ASCII else ord("?") for code in range(256))


def tab_escape(value: bytes) -> bytes:
    """Return the value in a form that holds no TAB, CR, LF or NUL."""
    return _SPECIAL.sub(lambda match: b"\1" + _LETTERS[match[0]], value)


def tab_unescape(field: bytes) -> bytes:
    """Return the value that a field stands for.

    Accepts every field, as Dovecot does: 0x01 before any other byte stands for that byte,
    and at the very end for nothing.
    """
    if b"\1" not in field:
        return field
    return _ESCAPED.sub(lambda match: _BYTES.get(match[1], match[1]), field)


def printable(value: bytes) -> str:
    """Return the value as printable ASCII, with ``?`` for every other byte."""
    return value.translate(_SHOWN).decode("ascii")
