"""The one way to standard error: a bounded buffer, written once in each turn of the event loop.

Knows order, whole lines, and the bound; what does not fit is dropped, counted, and told once there
is room again. Knows nothing of what lines look like, but for `head`, which begins each of them.
All of it belongs to the thread of the loop it is attached to, or, without one, to whoever writes.
It never makes the loop wait; without a loop it waits, but no longer than PATIENCE_SECONDS, and it
does not wait again for a reader that has not moved since. Nothing is raised.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from bridge_common.without_waiting import Outlet

_logger = logging.getLogger(__name__)
_logger.setLevel(logging.WARNING)  # what is lost is told whatever `[log] level` says

MAX_BUFFERED_BYTES = 1024 * 1024
"""At 100,000 lines a second a reader may pause for some 70 ms without any being lost."""

PATIENCE_SECONDS = 1.0
"""How long the end of the process waits for whoever reads the log."""

_MAX_TURN_CHARACTERS = 64 * 1024
_RETRY_SECONDS = 0.05
_PAUSE_SECONDS = 0.005


class LogWriter:
    """Takes lines, each with its line feed, and sees to it that they are written.

    ``dropped`` counts the lines that were lost since the start.
    """

    def __init__(self, outlet: Outlet, limit: int = MAX_BUFFERED_BYTES) -> None:
        self.dropped = 0
        self._outlet = outlet
        self._limit = limit
        self._head: Callable[[], str] = str
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lines: list[str] = []  # of this turn, without their heads
        self._characters = 0
        self._scheduled = False
        self._buffer = bytearray()
        self._dropping = 0  # not told yet
        self._retry: asyncio.TimerHandle | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop in whose thread lines are written."""
        return self._loop

    def attach(self, loop: asyncio.AbstractEventLoop | None, head: Callable[[], str]) -> None:
        """From now on write in this loop's turns, or, without one, at once; begin lines so."""
        self._gather()
        self._head = head
        if loop is self._loop:
            return
        if self._retry is not None:
            self._retry.cancel()
        self._loop, self._retry, self._scheduled = loop, None, False
        if loop is None:
            self.flush()
        elif self._buffer:
            self._schedule()

    def write(self, line: str) -> None:
        """Write one line, or several that belong together; what is in it must be printable."""
        self._lines.append(line)
        self._characters += len(line)
        if not self._scheduled:
            self._schedule()
        elif self._characters > _MAX_TURN_CHARACTERS:
            self._gather()

    def flush(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Write now all there is; wait so long at most."""
        end = time.monotonic() + seconds
        self._send()
        while (self._buffer or self._lines) and time.monotonic() < end:
            time.sleep(_PAUSE_SECONDS)
            self._send()

    def _schedule(self) -> None:
        if self._loop is None:
            self.flush(0.0 if self._buffer else PATIENCE_SECONDS)
        else:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        self._send()
        if self._buffer and self._retry is None and self._loop is not None:
            self._retry = self._loop.call_later(_RETRY_SECONDS, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self._turn()

    def _send(self) -> None:
        self._gather()
        while self._buffer and (taken := self._outlet.take(self._buffer)):
            del self._buffer[:taken]
        if self._dropping and len(self._buffer) <= self._limit // 2:
            dropped, self._dropping = self._dropping, 0
            _logger.warning("%d log lines were dropped: standard error did not take them", dropped)

    def _gather(self) -> None:
        """Bring the lines of this turn into the buffer: all that fit, or none while dropping."""
        if not self._lines:
            return
        head = self._head()
        data = (head + head.join(self._lines)).encode("utf-8", "backslashreplace")
        self._lines, self._characters = [], 0
        room = 0 if self._dropping else self._limit - len(self._buffer)
        if len(data) > room:
            end = data.rfind(b"\n", 0, room) + 1
            self._drop(data.count(b"\n", end))
            data = data[:end]
        self._buffer += data

    def _drop(self, lines: int) -> None:
        self._dropping += lines
        self.dropped += lines
