"""Log files of the lab's servers, which are written by another process than the one that acts."""

import re
import time
from pathlib import Path

from lab.processes import LabError

LOG_SECONDS = 10.0


def text_with(log: Path, pattern: str, number: int = 1) -> str:
    """Return the whole log once ``pattern`` is in it so many times; else LabError holds it."""
    end = time.monotonic() + LOG_SECONDS
    written = ""
    while time.monotonic() < end:
        written = log.read_text(errors="replace")
        if len(re.findall(pattern, written)) >= number:
            return written
        time.sleep(0.02)  # a file does not tell that it has grown
    raise LabError(f"not in {log}: {pattern}\n{written}")
