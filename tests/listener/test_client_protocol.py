"""What both daemons' client connections have in common, on a real socket."""

import asyncio
import socket

from lab.leftovers import settled

from bridge_common.runtime.client import ClientProtocol
from bridge_common.runtime.serve import Connections

MUCH = 4 * 1024 * 1024
# Far more than a socket takes, so that it cannot all be gone when writing is resumed.
HIGH, LOW = 2 * 1024 * 1024, 1024 * 1024


class Talker(ClientProtocol):
    """Says much, and closes."""

    def __init__(self, connections: Connections) -> None:
        super().__init__(connections, unread_seconds=0.2)

    def _begin(self) -> None:
        self._transport.set_write_buffer_limits(HIGH, LOW)
        self._transport.write(bytes(MUCH))
        self._close()

    def _pump(self) -> None:
        """Nothing more."""

    def drain(self) -> None:
        """Nothing more."""

    @property
    def is_unread(self) -> bool:
        """Whether the client leaves its answers unread."""
        return self._unread


async def test_who_reads_half_of_the_last_answer_does_not_keep_the_connection() -> None:
    connections = Connections()
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()
    with theirs:
        theirs.setblocking(False)
        _, talker = await loop.create_connection(lambda: Talker(connections), sock=ours)
        assert talker.is_unread
        while talker.is_unread:
            await loop.sock_recv(theirs, 65536)
        assert len(connections) == 1
        await settled(lambda: len(connections) == 0)
