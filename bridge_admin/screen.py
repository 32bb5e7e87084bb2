"""A terminal whose picture is drawn anew again and again.

Knows the few control sequences for that, which every terminal since the VT100 has, and how to leave
the terminal as it was. The size is asked for each time; a change of it ends the wait.
Fails with KeyboardInterrupt, by Ctrl-C and SIGTERM.
"""

import os
import shutil
import signal
import sys
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Self

# The cursor is hidden, and a line that is too long is cut, instead of pushing the others down.
_ENTER = "\x1b[?25l\x1b[?7l\x1b[2J"
_LEAVE = "\x1b[?7h\x1b[?25h\n"
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


class Screen:
    """To be used in a `with` statement."""

    def __enter__(self) -> Self:
        signal.signal(signal.SIGTERM, _interrupt)
        # So that it waits to be asked for; nobody loses one that comes while the picture is made.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH})
        signal.signal(signal.SIGTSTP, _suspend)
        _control(_ENTER)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _control(_LEAVE)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGWINCH})
        for number in (signal.SIGTERM, signal.SIGTSTP):
            signal.signal(number, signal.SIG_DFL)

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines, or the first of them, if there are more than fit."""
        room = shutil.get_terminal_size().lines - 1
        if len(lines) > room:
            hidden = len(lines) - room + 1
            lines = [*lines[: room - 1], f"... {hidden} more lines: make the window higher"]
        text = "".join(f"{line}{_REST_OF_LINE}\n" for line in lines)
        sys.stdout.write(_HOME + text + _REST_OF_SCREEN)
        sys.stdout.flush()

    def changes_within(self, seconds: float) -> bool:
        """Wait so long, or until the size changes, and say whether it did."""
        return signal.sigtimedwait({signal.SIGWINCH}, max(0.0, seconds)) is not None


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _suspend(number: int, _frame: FrameType | None) -> None:
    """Leave the terminal to the shell, by Ctrl-Z, until it is ours again."""
    _control(_LEAVE)
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)  # it stops in here
    signal.signal(number, _suspend)
    _control(_ENTER)


def _control(sequences: str) -> None:
    """Send these past the buffer: a signal may come while that is being written."""
    os.write(sys.stdout.fileno(), sequences.encode())
