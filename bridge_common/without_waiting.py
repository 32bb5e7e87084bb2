"""Write to a file descriptor without ever waiting for whoever reads at its other end.

Its open file description is shared with other processes (standard error: with the shell, with the
other daemon), so that setting O_NONBLOCK on it would break theirs.
A socket takes a flag with each call. A pipe or terminal is opened a second time, which gives a
description of our own; where that is not allowed (another user made it), it is asked first whether
it has room: enough for a pipe that nobody else fills meanwhile, and for a terminal that is stopped
(^S), but a terminal that is not, and that nobody reads, would make us wait.
A file never makes anybody wait.
What cannot be written now, for whatever reason, is not taken; nothing is raised or logged.
"""

import os
import select
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass

# A pipe that is writable takes so much (pipe(7), PIPE_BUF); 5,000 bytes make one wait.
_ROOM = select.PIPE_BUF


@dataclass(frozen=True, slots=True)
class Outlet:
    """``take`` writes what goes at once of the buffer's beginning, and returns how many bytes.

    ``close`` closes what was opened for it; the descriptor itself stays open.
    """

    take: Callable[[bytearray], int]
    close: Callable[[], None]


def without_waiting(descriptor: int) -> Outlet:
    """Return the way to write to it. Raises OSError if it is not open."""
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(mode):
        return _sending(descriptor)
    if stat.S_ISREG(mode):
        return Outlet(_writing(descriptor), lambda: None)
    try:
        own = _opened_again(descriptor)
    except OSError:
        return Outlet(_asking(descriptor), lambda: None)
    return Outlet(_writing(own), lambda: os.close(own))


def _sending(descriptor: int) -> Outlet:
    connection = socket.socket(fileno=os.dup(descriptor))

    def take(data: bytearray) -> int:
        try:
            return connection.send(data, socket.MSG_DONTWAIT)
        except OSError:
            return 0

    return Outlet(take, connection.close)


def _opened_again(descriptor: int) -> int:
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
    return os.open(f"/proc/self/fd/{descriptor}", flags)


def _writing(descriptor: int) -> Callable[[bytearray], int]:
    def take(data: bytearray) -> int:
        try:
            return os.write(descriptor, data)
        except OSError:
            return 0

    return take


def _asking(descriptor: int) -> Callable[[bytearray], int]:
    write = _writing(descriptor)
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)

    def take(data: bytearray) -> int:
        return write(data[:_ROOM]) if poll.poll(0) else 0

    return take
