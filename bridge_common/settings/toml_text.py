"""TOML as text: strings, keys and values as they are written in a settings file.

Knows TOML's quoting, and that what is quoted must also be safe to print on one line.
Does not know which keys there are.
"""

import json
import re
from collections.abc import Mapping, Sequence

Plain = bool | int | float | str | Sequence[str] | Mapping[str, str]
"""A value as TOML and JSON have it."""

_FIRST_OF_FIVE_DIGITS = 0x10000
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def quote(text: str) -> str:
    """Return the text as a TOML basic string: quoted, printable, on one line."""
    # JSON leaves alone what is not ASCII, and DEL, which TOML forbids.
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(each if each.isprintable() else _escape(ord(each)) for each in quoted)


def _escape(code: int) -> str:
    return f"\\u{code:04x}" if code < _FIRST_OF_FIVE_DIGITS else f"\\U{code:08x}"


def format_key(name: str) -> str:
    """Return the name as a TOML key, quoted where it must be."""
    return name if _BARE_KEY.fullmatch(name) else quote(name)


def format_value(value: Plain) -> str:
    """Return the value as TOML text, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, Mapping):
        pairs = (f"{format_key(name)} = {quote(item)}" for name, item in value.items())
        return "{ " + ", ".join(pairs) + " }" if value else "{}"
    return "[" + ", ".join(quote(item) for item in value) + "]"
