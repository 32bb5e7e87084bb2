"""bridgectl in a terminal of its own, whose size and keys are ours, and what it shows there."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from collections.abc import Mapping
from typing import Self

from lab.bridge import PROJECT
from lab.processes import END_SECONDS, Child, LabError, Running, end_process, start

# It leads a session: the terminal becomes its own, so that keys and changes of size reach it.
_PROGRAM = """\
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from bridge_admin.cli import main
sys.exit(main(sys.argv[1:]))
"""
_HOME, _END, _REST_OF_LINE = "\x1b[H", "\x1b[J", "\x1b[K"


class Terminal(Running):
    """It runs while this is entered; ``written`` is all that was written so far."""

    def __init__(
        self,
        *arguments: str,
        columns: int = 80,
        lines: int = 24,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._arguments = arguments
        usual = {"TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "", "LINES": ""}
        self._environment = usual | dict(environment or {})
        self._size = columns, lines
        self._ours = -1
        self._child: Child | None = None
        self.written = ""

    def start(self) -> None:
        """Start it; it need not have shown anything yet."""
        self._ours, theirs = pty.openpty()
        self.resize(*self._size)
        self._child = start(
            [sys.executable, "-c", _PROGRAM, *self._arguments],
            cwd=PROJECT,
            env=os.environ | {"PYTHONPATH": str(PROJECT)} | self._environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)

    def stop(self) -> int:
        """Return its exit code; end it, if it still runs."""
        code = 0
        if self._child is not None:
            code = end_process(self._child)
            self._child = None
            os.close(self._ours)
        return code

    def resize(self, columns: int, lines: int) -> None:
        """Change the size of the window."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys: str) -> None:
        """Type, without Enter; Ctrl-C is 03."""
        os.write(self._ours, keys.encode())

    def kill(self, number: int) -> None:
        """Send it a signal."""
        assert self._child is not None
        self._child.send_signal(number)

    def wait_for_picture(self, pattern: str) -> list[str]:
        """Return the lines of the next picture in which a line fits, once it is drawn."""
        end = time.monotonic() + END_SECONDS
        begin = len(self.written)
        while True:
            for picture in self.written[begin:].split(_HOME)[1:]:
                whole, drawn, _ = picture.partition(_END)
                lines = whole.replace(_REST_OF_LINE, "").splitlines()
                if drawn and any(re.search(pattern, line) for line in lines):
                    return lines
            if not self._reads(end - time.monotonic()):
                raise LabError(f"not drawn: {pattern}\n{self.written!r}")

    def wait_for_end(self) -> int:
        """Return its exit code once it has ended by itself."""
        end = time.monotonic() + END_SECONDS
        while self._reads(end - time.monotonic()):
            pass
        assert self._child is not None
        self._child.wait(max(0.0, end - time.monotonic()))
        return self.stop()

    def _reads(self, seconds: float) -> bool:
        """Read on, and say whether there was anything in time."""
        data = b""
        if select.select([self._ours], [], [], max(0.0, seconds))[0]:
            with contextlib.suppress(OSError):  # EIO: nobody has the other side open any more
                data = os.read(self._ours, 65536)
        self.written += data.decode(errors="replace")
        return bool(data)

    def __enter__(self) -> Self:
        self.start()
        return self
