"""The process's log: all lines, of the `logging` module and of decisions, go to standard error.

Knows what is set up: how lines look (`log_lines`) and the one writer (`log_writer`). Before
`configure_log` there is no log of ours: what `logging` does is then whatever it does by itself.
"""

import asyncio
import contextlib
import logging
import os
import sys
import threading
from dataclasses import dataclass
from typing import Literal

from bridge_common.log_lines import JournalStyle, JsonStyle, Style, TextStyle
from bridge_common.log_writer import LogWriter
from bridge_common.without_waiting import without_waiting


@dataclass(frozen=True, slots=True)
class Log:
    """How lines look at present, and what writes them."""

    style: Style
    writer: LogWriter


configured: Log | None = None
"""The log as `configure_log` left it."""


def configure_log(level: str, style: Literal["text", "json"]) -> None:
    """Set up the process's log; called at start and at each reload.

    ``level`` is debug, info, warning or error. Decision lines do not obey it: they have a
    setting of their own. Lines are written in the turns of the loop that runs in this thread.
    """
    global configured  # noqa: PLW0603  # a process has one standard error
    chosen = _style(style)
    writer = configured.writer if configured else LogWriter(without_waiting(_standard_error()))
    writer.attach(_running_loop(), chosen.head)
    configured = Log(chosen, writer)
    logging.basicConfig(level=level.upper(), handlers=[_Handler(configured)], force=True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def end_log() -> None:
    """Write what is left, before the loop or the process ends; waits a second at most."""
    if configured is not None:
        configured.writer.attach(None, configured.style.head)


def dropped_lines() -> int:
    """Return how many lines standard error did not take since the start."""
    return configured.writer.dropped if configured else 0


class _Handler(logging.Handler):
    """Hands what `logging` has to the writer, from whatever thread it comes."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self._log.style.message(record)
        except Exception:  # noqa: BLE001  # a message that does not fit its arguments ends nothing
            line = self._log.style.message(_fault_in(record))
        loop = self._log.writer.loop
        if loop is None or threading.get_ident() == self._thread:
            self._log.writer.write(line)
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
            loop.call_soon_threadsafe(self._log.writer.write, line)


def _fault_in(record: logging.LogRecord) -> logging.LogRecord:
    message = f"a fault of ours: the message {record.msg!r} does not fit its arguments"
    return logging.makeLogRecord(
        {"name": record.name, "levelno": logging.ERROR, "levelname": "ERROR", "msg": message}
    )


def _style(name: Literal["text", "json"]) -> Style:
    if name == "json":
        return JsonStyle()
    return JournalStyle() if _is_journal(os.environ.get("JOURNAL_STREAM", "")) else TextStyle()


def _is_journal(device_and_inode: str) -> bool:
    """Say whether standard error is the journal's stream (systemd.exec(5), JOURNAL_STREAM)."""
    found = os.fstat(_standard_error())
    return device_and_inode == f"{found.st_dev}:{found.st_ino}"


def _standard_error() -> int:
    if sys.stderr is None:  # it was closed at the start; descriptor 2 may be somebody else's
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    return sys.stderr.fileno()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
