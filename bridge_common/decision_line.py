"""What the text of a decision looks like: `login=... client=... verdict=... seconds=...`.

Knows how a value is written so that nothing a stranger sent can forge a line or a field.
Knows nothing of what a decision is about, nor of times and levels, nor of where lines go.
"""

import json
import re
from collections.abc import Mapping

Field = str | float

MAX_VALUE_CHARACTERS = 500
"""What is longer is cut."""

_quoted = json.JSONEncoder().encode
# All but printable ASCII; space, `"`, `=` and `\` too.
_to_be_quoted = re.compile(r"[^!#-<>-\[\]-~]").search


def format_decision(fields: Mapping[str, Field]) -> str:
    """Return the fields as one printable ASCII line; empty values are left out."""
    # In one piece: each call to a function of its own would cost as much as a field.
    parts = []
    for name, value in fields.items():
        if not isinstance(value, str):
            parts.append(f"{name}={value:.3f}")
        elif value:
            if len(value) > MAX_VALUE_CHARACTERS:
                value = _bounded(value)  # noqa: PLW2901  # it is still that field's
            parts.append(f"{name}={_quoted(value)}" if _to_be_quoted(value) else f"{name}={value}")
    return " ".join(parts)


def bounded_fields(fields: Mapping[str, Field]) -> dict[str, Field]:
    """Return the fields with overlong values cut."""
    return {
        name: _bounded(value) if isinstance(value, str) else value for name, value in fields.items()
    }


def _bounded(value: str) -> str:
    if len(value) <= MAX_VALUE_CHARACTERS:
        return value
    return value[:MAX_VALUE_CHARACTERS] + "..."
