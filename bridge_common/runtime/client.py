"""One client connection, as far as it is the same for both daemons: back-pressure, timers, end.

Knows the transport, and how a connection ends without losing what its client is about to ask.
Does not know what is said on it: the program's own class does. Logs nothing.
"""

import asyncio
import contextlib
import os
import socket
from abc import abstractmethod
from collections.abc import Callable
from typing import cast

from bridge_common.runtime.serve import Connections


class ClientProtocol(asyncio.Protocol):
    """One client's connection; ``unread_seconds`` is how long it may leave its answers unread."""

    def __init__(self, connections: Connections, unread_seconds: float) -> None:
        self._connections = connections
        self._unread_seconds = unread_seconds
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._unread = False
        self._at_eof = False

    # What the program's own class adds

    @abstractmethod
    def _begin(self) -> None:
        """Begin: there is a transport now."""

    @abstractmethod
    def _pump(self) -> None:
        """Act on what was received, send what there is to send."""

    @abstractmethod
    def drain(self) -> None:
        """Take nothing new, finish what is under way, then close."""

    # What the event loop tells us

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new connection in."""
        # A cast: uvloop's transports are not of asyncio's class.
        self._transport = cast("asyncio.Transport", transport)
        self._begin()
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let it go."""
        del exc
        for timer in self._timers.values():
            timer.cancel()
        self._connections.discard(self)

    def pause_writing(self) -> None:
        """Read no more while the client does not read its answers."""
        self._unread = True
        self._transport.pause_reading()
        self._set_timer("unread", self._unread_seconds, self.abort)

    def resume_writing(self) -> None:
        """Go on where we stopped."""
        self._unread = False
        self._stop_timer("unread")
        self._pump()

    # What the runtime tells us

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    # For the program's own class

    def _close(self) -> None:
        """Close once the peer has read what it was sent, or does not read it."""
        self._transport.close()
        # No matter whether it reads a part: resume_writing stops the other timer.
        self._set_timer("close", self._unread_seconds, self.abort)

    def _stop_reading(self) -> None:
        """Shut down the reading side: the end comes when what was written before is read.

        A request is lost if the client writes just as we close. Now its write fails at once (UNIX
        sockets), so that Postfix connects anew, to our successor.
        """
        if self._at_eof or self._transport.is_closing():
            return
        # uvloop's own socket object cannot shut down, so a duplicate does.
        fileno = self._transport.get_extra_info("socket").fileno()
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(fileno)) as duplicate:
            duplicate.shutdown(socket.SHUT_RD)

    def _set_timer(self, name: str, seconds: float, action: Callable[[], object]) -> None:
        self._stop_timer(name)
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, action)

    def _stop_timer(self, name: str) -> None:
        if timer := self._timers.pop(name, None):
            timer.cancel()
