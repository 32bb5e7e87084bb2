"""Whether standard output is a terminal, and colours for one that wants them.

Knows nothing of what is shown.
"""

import os
import shutil
import sys
from typing import Literal

Colour = Literal["good", "bad", "doubtful", "bold", "dim"]

_NO_END = 10_000
_CODES: dict[Colour, str] = {"good": "32", "bad": "31", "doubtful": "33", "bold": "1", "dim": "2"}


def is_terminal() -> bool:
    """Say whether somebody looks at standard output."""
    return sys.stdout.isatty()


def columns() -> int:
    """Return how wide the terminal is now; more than any line is long, if there is none."""
    return shutil.get_terminal_size().columns if is_terminal() else _NO_END


def wants_colours() -> bool:
    """Say whether that terminal has colours, and nobody said not to use them (no-color.org)."""
    return is_terminal() and os.environ.get("TERM") != "dumb" and not os.environ.get("NO_COLOR")


def painted(text: str, colour: Colour | None) -> str:
    """Return the text in a colour; None: in the usual one."""
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if colour else text


def painted_part(line: str, begin: int, text: str, colour: Colour | None) -> str:
    """Return the line with the text that begins there in a colour."""
    return line[:begin] + painted(text, colour) + line[begin + len(text) :]
