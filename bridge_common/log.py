"""Where log lines go and what they look like: standard error, as text or as JSON.

Under systemd the journal has the time already, and takes the level from a `<N>` prefix
(sd-daemon(3)).
"""

import json
import logging
import os
import sys
import time
from typing import Literal

_SYSLOG_LEVELS = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}


class _TextFormatter(logging.Formatter):
    def __init__(self, *, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.levelno != logging.INFO:
            text = f"{record.levelname.lower()}: {text}"
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        if not self._journal:
            return f"{self.formatTime(record, '%Y-%m-%d %H:%M:%S')} {text}"
        prefix = f"<{_SYSLOG_LEVELS.get(record.levelno, 6)}>"
        return "\n".join(prefix + line for line in text.splitlines())


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        decision = getattr(record, "decision", None)
        if decision is None:
            entry["message"] = record.getMessage()
        else:
            entry.update(decision)
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def _is_journal(device_and_inode: str) -> bool:
    """Say whether standard error is the journal's stream (systemd.exec(5), JOURNAL_STREAM)."""
    found = os.fstat(sys.stderr.fileno())
    return device_and_inode == f"{found.st_dev}:{found.st_ino}"


def configure_log(level: str, style: Literal["text", "json"]) -> None:
    """Set up the process's log; called at start and at each reload.

    ``level`` is debug, info, warning or error. Decision lines do not obey it: they have a
    setting of their own.
    """
    handler = logging.StreamHandler(sys.stderr)
    journal = _is_journal(os.environ.get("JOURNAL_STREAM", ""))
    handler.setFormatter(_JsonFormatter() if style == "json" else _TextFormatter(journal=journal))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("decisions").setLevel(logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
