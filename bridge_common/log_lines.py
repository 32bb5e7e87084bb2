"""What log lines look like: text with the time, text for the journal, or JSON.

A line has two parts: its head, which is the time and the same for all lines of a second, and the
rest, which can be made long before and used again. Knows nothing of where lines go.

Under systemd the journal has the time already, and takes the level from a `<N>` prefix
(sd-daemon(3)).
"""

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from bridge_common.decision_line import Field, bounded_fields, format_decision

_SYSLOG_LEVELS = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}

_format_exception = logging.Formatter().formatException
_encode = json.JSONEncoder().encode


class Style(Protocol):
    """How lines are written; each method returns lines with their line feeds, without the head."""

    def head(self) -> str:
        """Return what every line begins with now."""

    def message(self, record: logging.LogRecord) -> str:
        """Return a message, and the traceback if it has one."""

    def decision(self, fields: Mapping[str, Field], *, trouble: bool) -> str:
        """Return a decision; trouble is a warning, everything else is information."""


class TextStyle:
    """For people, and for programs that read mail logs."""

    def __init__(self) -> None:
        self.head = _each_second("%Y-%m-%d %H:%M:%S ", time.localtime)

    def message(self, record: logging.LogRecord) -> str:
        """Return `level: message`, or only the message if it is information."""
        return f"{_text(record)}\n"

    def decision(self, fields: Mapping[str, Field], *, trouble: bool) -> str:
        """Return `name=value name=value`, after `warning: ` if it is trouble."""
        text = format_decision(fields)
        return f"warning: {text}\n" if trouble else f"{text}\n"


class JournalStyle:
    """Text as the journal wants it."""

    def head(self) -> str:
        """Return nothing: the journal knows the time, and the level differs."""
        return ""

    def message(self, record: logging.LogRecord) -> str:
        """Return the text with the level before each of its lines."""
        prefix = f"<{_SYSLOG_LEVELS.get(record.levelno, 6)}>"
        return "".join(f"{prefix}{line}\n" for line in _text(record).splitlines())

    def decision(self, fields: Mapping[str, Field], *, trouble: bool) -> str:
        """Return `<6>name=value name=value`, or a warning."""
        text = format_decision(fields)
        return f"<4>warning: {text}\n" if trouble else f"<6>{text}\n"


class JsonStyle:
    """One object a line; a decision is its fields."""

    def __init__(self) -> None:
        self.head = _each_second('{"time": "%Y-%m-%dT%H:%M:%SZ", ', time.gmtime)

    def message(self, record: logging.LogRecord) -> str:
        """Return the rest of an object with the message in it."""
        entry = {"message": record.getMessage()}
        if record.exc_info:
            entry["exception"] = _format_exception(record.exc_info)
        return _rest_of_object(record.levelname.lower(), record.name, entry)

    def decision(self, fields: Mapping[str, Field], *, trouble: bool) -> str:
        """Return the rest of an object with the fields in it."""
        return _rest_of_object(
            "warning" if trouble else "info", "decisions", bounded_fields(fields)
        )


def _text(record: logging.LogRecord) -> str:
    text = record.getMessage()
    if record.levelno != logging.INFO:
        text = f"{record.levelname.lower()}: {text}"
    if record.exc_info:
        text = f"{text}\n{_format_exception(record.exc_info)}"
    return text


def _rest_of_object(level: str, logger: str, entry: Mapping[str, Field]) -> str:
    return _encode({"level": level, "logger": logger, **entry})[1:] + "\n"


def _each_second(
    pattern: str, broken_down: Callable[[float], time.struct_time]
) -> Callable[[], str]:
    """Return a clock that formats the time no more than once a second."""
    second, text = 0, ""

    def now() -> str:
        nonlocal second, text
        if (current := int(time.time())) != second:
            second, text = current, time.strftime(pattern, broken_down(current))
        return text

    return now
