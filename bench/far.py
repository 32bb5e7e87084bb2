"""A server far away: what it says takes its time, and it is said over TLS.

`python3 -m bench.far PORT NEAR CERTIFICATE KEY ROUND_TRIP_MS` listens at PORT of loopback. Behind
it are a line of that length, the end of TLS, and the server at NEAR, which speaks in the clear.
The line delays bytes, and makes a client wait for the connection as a real one would: what it
sends at once has gone there, back and there again when it arrives.
A connection ends when one side ends it, or in whatever trouble. Logs nothing.
"""

import asyncio
import contextlib
import ssl
import sys

from lab.ports import LOOPBACK, free_port

_CHUNK = 65536
_Item = tuple[float, bytes]


async def serve_far(port: int, near: int, context: ssl.SSLContext, round_trip: float) -> None:
    """Serve until cancelled; ``round_trip`` is in seconds."""
    inside = free_port()

    async def line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _carry(reader, writer, inside, round_trip)

    async def end_of_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _carry(reader, writer, near, 0.0)

    async with (
        await asyncio.start_server(end_of_tls, LOOPBACK, inside, ssl=context),
        await asyncio.start_server(line, LOOPBACK, port) as far,
    ):
        await far.serve_forever()


async def _carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: int, round_trip: float
) -> None:
    """Carry what a client and the server at port ``to`` say to each other."""
    loop = asyncio.get_running_loop()
    reached = loop.time() + 1.5 * round_trip
    there: asyncio.Queue[_Item] = asyncio.Queue()
    back: asyncio.Queue[_Item] = asyncio.Queue()
    with contextlib.suppress(OSError, asyncio.CancelledError), contextlib.closing(writer):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_take(reader, there, round_trip / 2, reached))
            await asyncio.sleep(reached - loop.time())
            server_reader, server_writer = await asyncio.open_connection(LOOPBACK, to)
            with contextlib.closing(server_writer):
                delivering = tasks.create_task(_deliver(there, server_writer))
                tasks.create_task(_take(server_reader, back, round_trip / 2, reached))
                await _deliver(back, writer)
                delivering.cancel()


async def _take(
    reader: asyncio.StreamReader, queue: "asyncio.Queue[_Item]", delay: float, reached: float
) -> None:
    """Note what comes, and when it is there; nothing is there before ``reached``."""
    loop = asyncio.get_running_loop()
    data = b"-"
    while data:
        try:
            data = await reader.read(_CHUNK)
        except OSError:  # not closed as TLS has it, for instance
            data = b""
        queue.put_nowait((max(loop.time() + delay, reached), data))


async def _deliver(queue: "asyncio.Queue[_Item]", writer: asyncio.StreamWriter) -> None:
    """Write what was noted, each at its time, until the end, which is empty."""
    loop = asyncio.get_running_loop()
    while True:
        moment, data = await queue.get()
        await asyncio.sleep(max(0.0, moment - loop.time()))
        if not data:
            break
        writer.write(data)
    with contextlib.suppress(OSError, NotImplementedError, RuntimeError):
        writer.close()


def main() -> None:
    """Serve until killed."""
    port, near, certificate, key, round_trip_ms = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    asyncio.run(serve_far(int(port), int(near), context, float(round_trip_ms) / 1000))


if __name__ == "__main__":
    main()
