"""The open connections of a daemon, and how they end: all at once would lose mail, so one by one.

Nothing idle is ever closed here while the daemon runs (law 7).
"""

import asyncio
from collections.abc import Iterator
from typing import Protocol


class Connection(Protocol):
    """One client's connection, as the runtime sees it."""

    def drain(self) -> None:
        """Take nothing new, finish what is under way, then close."""

    def abort(self) -> None:
        """Close at once."""


class Connections:
    """The set of open connections; each adds itself when made and discards itself when lost."""

    def __init__(self) -> None:
        self._open: set[Connection] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.draining = False

    def add(self, connection: Connection) -> None:
        """Note a new connection; one that comes while draining is drained at once."""
        self._open.add(connection)
        self._empty.clear()
        if self.draining:
            connection.drain()

    def discard(self, connection: Connection) -> None:
        """Note that a connection is closed."""
        self._open.discard(connection)
        if not self._open:
            self._empty.set()

    async def drain(self, seconds: float) -> None:
        """Drain every connection; what is left after so many seconds is aborted."""
        self.draining = True
        for connection in list(self._open):
            connection.drain()
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            for connection in list(self._open):
                connection.abort()

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._open))
