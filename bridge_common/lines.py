"""Cutting a stream of bytes into lines that end in LF, incrementally and within a bound.

Knows nothing of what a line means; a CR before the LF is left in the line.
Time is linear in the bytes received, whether they come one by one or many lines at once.
Fails by setting `too_long`; raises nothing.
"""

from collections import deque


class LineSplitter:
    """Bytes in, whole lines out.

    ``limit`` is the longest line in bytes, its LF included. A longer one ends the stream:
    it and whatever follows is forgotten at once, so a peer cannot make us hold more of it.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lines: deque[bytes] = deque()
        self._tail: list[bytes] = []
        self._tail_bytes = 0
        self._too_long = False

    @property
    def too_long(self) -> bool:
        """The line after those still to be taken is too long; no further line will come."""
        return self._too_long

    @property
    def empty(self) -> bool:
        """Nothing is kept: what comes next begins a line, and is the next to be taken."""
        return not self._lines and not self._tail and not self._too_long

    def receive(self, data: bytes) -> None:
        """Take what the peer sent."""
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._lengthen(end)
            if self._too_long:
                return
            self._lines.append(b"".join(self._tail))
            self._tail.clear()
            self._tail_bytes = 0
        if rest:
            self._lengthen(rest)

    def next_line(self) -> bytes | None:
        """Return the next whole line without its LF, or None when there is none now."""
        return self._lines.popleft() if self._lines else None

    def _lengthen(self, piece: bytes) -> None:
        """Add to the line that has no LF yet."""
        self._tail_bytes += len(piece)
        if self._tail_bytes >= self._limit:
            self._too_long = True
            self._tail.clear()
        elif piece:
            self._tail.append(piece)
