"""The line to a server: it carries every byte, until it is told to make trouble.

What befalls a connection, begins after so many bytes of the server's: at any point of a greeting, a
handshake or an answer; connections that are open already are struck at once. Bytes that are held
back arrive once the trouble is over, as on a real line.
Logs nothing; a connection ends when either side ends it.
"""

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from random import Random

from lab.ports import LOOPBACK, free_port

LINE_TROUBLES = ("silence", "stall", "reset", "refuse", "drip", "garbage")
_CHUNK = 65536
_MOST_BYTES = 4000  # a handshake of TLS 1.3 with the lab's certificate and a login fit in
_DRIP_SECONDS = 0.3
_DISTANCE_SECONDS = 0.004  # far enough that connections are kept ready
_RESET = struct.pack("ii", 1, 0)


@dataclass(eq=False, slots=True)
class _Connection:
    """One that is carried; ``unharmed`` bytes of the server's pass before trouble strikes.

    ``task`` carries it: the loop itself does not keep it from being forgotten.
    """

    client: asyncio.StreamWriter
    unharmed: int = 0
    task: asyncio.Task[None] | None = field(default_factory=asyncio.current_task)


class Line:
    """Listens at ``port``, and carries to the server's port while nothing is the matter."""

    def __init__(self, server_port: int) -> None:
        self.port = free_port()
        self._server_port = server_port
        self._trouble = ""
        self._random = Random()
        self._well = asyncio.Event()
        self._well.set()
        self._listener: asyncio.Server | None = None
        self._carried: set[_Connection] = set()

    async def open(self) -> None:
        """Listen."""
        self._listener = await asyncio.start_server(self._serve, LOOPBACK, self.port, backlog=1024)

    def close(self) -> None:
        """Listen no more, and break every connection."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for connection in tuple(self._carried):
            _reset(connection.client)

    async def strike(self, trouble: str, number: int) -> None:
        """Make trouble, one of `LINE_TROUBLES`; ``number`` decides what is random."""
        self._random = Random(number)
        self._trouble = trouble
        self._well.clear()
        for connection in self._carried:
            connection.unharmed = 0
        if trouble == "refuse":
            self.close()
        if trouble == "reset":
            for connection in tuple(self._carried):
                _reset(connection.client)

    async def relent(self) -> None:
        """Carry everything again, what was held back first."""
        self._trouble = ""
        self._well.set()
        if self._listener is None:
            await self.open()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(writer, self._bytes_unharmed())
        self._carried.add(connection)
        with contextlib.suppress(OSError, EOFError), contextlib.closing(writer):
            try:
                await self._carry(reader, connection)
            except OSError:
                _reset(writer)  # the server does not listen, or broke it
        self._carried.discard(connection)

    def _bytes_unharmed(self) -> int:
        return self._random.randrange(_MOST_BYTES) if self._trouble in {"stall", "reset"} else 0

    async def _carry(self, reader: asyncio.StreamReader, connection: _Connection) -> None:
        server_reader, server = await asyncio.open_connection(LOOPBACK, self._server_port)
        there = asyncio.create_task(_copy(reader, server))
        try:
            while data := await server_reader.read(_CHUNK):
                await asyncio.sleep(_DISTANCE_SECONDS)
                await self._say(data, connection)
                await connection.client.drain()
        finally:
            there.cancel()
            server.close()

    async def _say(self, data: bytes, connection: _Connection) -> None:
        """Pass on what the server says, or what becomes of it."""
        client = connection.client
        if self._trouble:
            passes, data = data[: connection.unharmed], data[connection.unharmed :]
            connection.unharmed -= len(passes)
            client.write(passes)
            data = await self._harm(data, client) if data else data
        client.write(data)

    async def _harm(self, data: bytes, client: asyncio.StreamWriter) -> bytes:
        """Do harm, and return what is to be said once it is over."""
        match self._trouble:
            case "silence" | "stall":
                await self._well.wait()
            case "drip":
                return await self._drip(data, client)
            case "reset":
                _reset(client)
                raise ConnectionResetError
            case "garbage":
                client.write(self._random.randbytes(self._random.randrange(1, 2000)) + b"\r\n")
                raise EOFError
        return data

    async def _drip(self, data: bytes, client: asyncio.StreamWriter) -> bytes:
        while data and self._trouble:
            client.write(data[:1])
            data = data[1:]
            await client.drain()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._well.wait(), _DRIP_SECONDS)
        return data


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end, and say so."""
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Break a connection as a TCP reset does."""
    with contextlib.suppress(OSError, AttributeError):
        raw: socket.socket = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
