"""One line per decision, for the administrator: `login=... client=... verdict=... seconds=...`.

Knows how a value is written so that nothing a stranger sent can forge a line or a field.
Knows nothing of what a decision is about: both daemons hand in their own fields.
"""

import json
import logging
import re
from collections.abc import Mapping

_logger = logging.getLogger("decisions")

_PLAIN_VALUE = re.compile(r'[^\s"=\\\x00-\x20\x7f-\U0010ffff]+')
_MAX_VALUE_CHARACTERS = 500

Field = str | float


def format_decision(fields: Mapping[str, Field]) -> str:
    """Return the fields as one printable ASCII line; empty values are left out."""
    return " ".join(
        f"{name}={_written(_bounded(value))}" for name, value in fields.items() if value != ""
    )


def _written(value: Field) -> str:
    if not isinstance(value, str):
        return f"{value:.3f}"
    return value if _PLAIN_VALUE.fullmatch(value) else json.dumps(value)


def _bounded(value: Field) -> Field:
    if isinstance(value, str) and len(value) > _MAX_VALUE_CHARACTERS:
        return value[:_MAX_VALUE_CHARACTERS] + "..."
    return value


class DecisionLog:
    """Writes decisions as setting `[log] decisions` wants them: all, or only what was refused."""

    def __init__(self, *, only_refused: bool = False) -> None:
        self.only_refused = only_refused

    def write(self, fields: Mapping[str, Field], *, refused: bool, trouble: bool = False) -> None:
        """Write one decision; trouble is a warning, everything else is information."""
        if self.only_refused and not refused:
            return
        level = logging.WARNING if trouble else logging.INFO
        bounded = {name: _bounded(value) for name, value in fields.items()}
        _logger.log(level, "%s", format_decision(bounded), extra={"decision": bounded})
