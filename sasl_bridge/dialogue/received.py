"""The lines a server sent, within bounds, and whether it sent them too early.

Knows line ends and caps; knows no protocol.
Fails with `UnclearError`; logs nothing.
"""

from typing import NamedTuple

# RFC 2683 section 3.2.1.5 advises 8000 bytes for a client's line; a server's capabilities fit too.
MAX_LINE_BYTES = 8 * 1024
# A login takes four or five lines; whoever sends this much is not answering.
MAX_TOTAL_BYTES = 64 * 1024
# A login takes two dozen lines, its lists included; each costs time, be it empty.
MAX_LINES = 256


class UnclearError(Exception):
    """What the server said is no answer to the login; the text says why, for the log."""


class Line(NamedTuple):
    """A line without its end. ``early``: it began before our last command had been sent."""

    text: bytes
    early: bool


class ReceivedLines:
    """Bytes in, lines out; ends in LF or CRLF."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._taken_bytes = 0
        self._taken_lines = 0
        self._early_bytes = 0
        self._unwanted_bytes = 0

    @property
    def empty(self) -> bool:
        """Whether every byte was taken."""
        return not self._buffer

    def feed(self, data: bytes) -> None:
        """Take bytes of the server, cut anywhere."""
        self._buffer += data

    def next_line(self) -> Line | None:
        """Return the next whole line, or None. Raises UnclearError when there is too much of it."""
        if self._unwanted_bytes:
            self._pass_over()
        size = self._buffer.find(b"\n", 0, MAX_LINE_BYTES) + 1
        if not size:
            if len(self._buffer) >= MAX_LINE_BYTES:
                raise UnclearError(f"the server sent a line of more than {MAX_LINE_BYTES} bytes")
            return None
        self._count(size)
        self._count_line()
        line = Line(bytes(self._buffer[: size - 1]).removesuffix(b"\r"), self._early_bytes > 0)
        self._remove(size)
        return line

    def skip(self, size: int) -> None:
        """Pass over the next bytes, whatever they are. Raises UnclearError when they are many."""
        self._count(size)
        self._unwanted_bytes = size

    def expect_answer(self) -> None:
        """Note that a command is sent now: nothing received so far can answer it."""
        self._early_bytes = len(self._buffer)

    def _pass_over(self) -> None:
        unwanted = min(self._unwanted_bytes, len(self._buffer))
        self._unwanted_bytes -= unwanted
        self._remove(unwanted)

    def _count(self, size: int) -> None:
        self._taken_bytes += size
        if self._taken_bytes > MAX_TOTAL_BYTES:
            raise UnclearError(f"the server sent more than {MAX_TOTAL_BYTES} bytes")

    def _count_line(self) -> None:
        self._taken_lines += 1
        if self._taken_lines > MAX_LINES:
            raise UnclearError(f"the server sent more than {MAX_LINES} lines")

    def _remove(self, size: int) -> None:
        del self._buffer[:size]
        self._early_bytes = max(0, self._early_bytes - size)
