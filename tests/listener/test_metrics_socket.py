"""The metrics over HTTP: for Prometheus, and for everybody else who reaches the port."""

import asyncio
import contextlib
import http.client
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
from lab.leftovers import bounded_memory, settled
from lab.ports import LOOPBACK, free_port
from lab.scrape import REQUEST, values_in

from bridge_common.metrics import Measure, gauge
from bridge_common.runtime.metrics_socket import MetricsSocket


@dataclass
class Lab:
    """A metrics socket, and one metric: how often it was read. The time is in seconds."""

    port: int = field(default_factory=free_port)
    now: float = 100.0
    read: int = 0
    patience_seconds: float = 5.0

    def measures(self) -> Iterator[Measure]:
        self.read += 1
        yield gauge("times_read", "How often this was read.", self.read)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[MetricsSocket]:
        metrics = MetricsSocket(
            self.measures, clock=lambda: self.now, patience_seconds=self.patience_seconds
        )
        metrics.apply(f"inet:{LOOPBACK}:{self.port}")
        try:
            yield metrics
        finally:
            metrics.close()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(LOOPBACK, self.port)

    async def refuses(self) -> None:
        """Return once nobody listens there any more."""
        with contextlib.suppress(ConnectionRefusedError):
            while True:
                _, writer = await self.connect()
                writer.close()

    async def ask(self, request: bytes, *, half_closed: bool = False) -> tuple[str, str]:
        """Return the head and the body of what is answered; nothing if it is hung up."""
        reader, writer = await self.connect()
        try:
            writer.write(request)
            if half_closed:
                writer.write_eof()
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            return head.decode(), body.decode()
        except ConnectionError:
            return "", ""
        finally:
            writer.close()

    async def times_read(self) -> float:
        _, body = await self.ask(REQUEST)
        return values_in(body)["times_read", ()]


async def test_prometheus_reads_the_metrics() -> None:
    lab = Lab()
    async with lab.serving():
        head, body = await lab.ask(REQUEST)
        lines = head.split("\r\n")
        assert lines[0] == "HTTP/1.1 200 OK"
        assert "Content-Type: text/plain; version=0.0.4; charset=utf-8" in lines
        assert f"Content-Length: {len(body)}" in lines
        assert "Connection: close" in lines
        assert values_in(body)["times_read", ()] == 1


async def test_a_usual_http_client_reads_them() -> None:
    """Neither a query nor the version makes a difference."""
    lab = Lab()

    def get() -> bytes:
        client = http.client.HTTPConnection(LOOPBACK, lab.port, timeout=20)
        with contextlib.closing(client):
            client.request("GET", "/metrics?name[]=up", headers={"Accept-Encoding": "gzip"})
            response = client.getresponse()
            assert response.status == 200
            return response.read()

    async with lab.serving():
        assert b"times_read 1.0\n" in await asyncio.to_thread(get)
        head, _ = await lab.ask(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert head.startswith("HTTP/1.1 200 OK")


async def test_it_is_made_once_a_second_at_most() -> None:
    """Whoever reaches the port may ask without end, and logins wait while it is made."""
    lab = Lab()
    async with lab.serving():
        assert [await lab.times_read() for _ in range(3)] == [1, 1, 1]
        lab.now += 0.99
        assert await lab.times_read() == 1
        lab.now += 0.02
        assert await lab.times_read() == 2


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
        (b"GET /metrics/ HTTP/1.1\r\n\r\n", "404 Not Found"),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405 Method Not Allowed"),
        (b"GET /metrics\r\n\r\n", "400 Bad Request"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400 Bad Request"),
        (b"\0\xff\r\n\r\n", "400 Bad Request"),
        (b"\r\n\r\n", "400 Bad Request"),
        (b"GET  /metrics HTTP/1.1\r\n\r\n", "400 Bad Request"),
    ],
)
async def test_whatever_else_is_asked_gets_its_status(request_head: bytes, status: str) -> None:
    lab = Lab()
    async with lab.serving():
        head, _ = await lab.ask(request_head)
        assert head.split("\r\n")[0] == f"HTTP/1.1 {status}"
        assert lab.read == 0


async def test_head_is_the_head_alone() -> None:
    lab = Lab()
    async with lab.serving():
        head, body = await lab.ask(b"HEAD /metrics HTTP/1.1\r\n\r\n")
        assert head.startswith("HTTP/1.1 200 OK\r\n")
        assert body == ""


async def test_who_has_closed_its_sending_side_is_answered() -> None:
    lab = Lab()
    async with lab.serving():
        head, _ = await lab.ask(REQUEST, half_closed=True)
        assert head.startswith("HTTP/1.1 200 OK")
        assert await lab.ask(b"GET /metrics HT", half_closed=True) == ("", "")


async def test_a_request_in_pieces_is_one_request() -> None:
    lab = Lab()
    async with lab.serving():
        reader, writer = await lab.connect()
        for number in range(len(REQUEST)):
            writer.write(REQUEST[number : number + 1])
            await writer.drain()
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
        writer.close()


async def test_an_endless_head_is_hung_up_on() -> None:
    lab = Lab()
    async with lab.serving():
        reader, writer = await lab.connect()
        with bounded_memory(), contextlib.suppress(ConnectionError):
            writer.write(b"GET /metrics HTTP/1.1\r\n")
            while not reader.at_eof():
                writer.write(b"X-More: " + b"x" * 1000 + b"\r\n")
                await writer.drain()
                await asyncio.sleep(0)
        writer.close()
        assert await lab.times_read() == 1


async def test_who_says_nothing_is_hung_up_on() -> None:
    lab = Lab(patience_seconds=0.05)
    async with lab.serving():
        assert await lab.ask(b"") == ("", "")
        assert await lab.ask(b"GET /metrics HTTP/1.1\r\n") == ("", "")


async def test_who_does_not_read_its_answer_is_hung_up_on() -> None:
    lab = Lab(patience_seconds=0.2)
    async with lab.serving() as metrics:
        metrics._text, metrics._made_at = b"x" * 50_000_000, lab.now
        reader, writer = await lab.connect()
        writer.write(REQUEST)
        await settled(lambda: len(metrics._sessions) == 1)
        await settled(lambda: not metrics._sessions)
        with contextlib.suppress(ConnectionError):
            assert len(await reader.read()) < 50_000_000
        writer.close()


async def test_few_are_answered_at_a_time_and_the_next_ones_are_hung_up_on() -> None:
    lab = Lab()
    async with lab.serving() as metrics:
        silent = [await lab.connect() for _ in range(8)]
        await settled(lambda: len(metrics._sessions) == 8)
        for _ in range(20):
            assert await lab.ask(REQUEST) == ("", "")
        silent[0][1].write(REQUEST)
        assert (await silent[0][0].read()).startswith(b"HTTP/1.1 200 OK")
        assert await lab.times_read() == 1
        for _, writer in silent:
            writer.close()


async def test_the_same_endpoint_goes_on_and_another_one_takes_its_place() -> None:
    lab = Lab()
    async with lab.serving() as metrics:
        reader, writer = await lab.connect()
        await settled(lambda: len(metrics._sessions) == 1)
        metrics.apply(f"inet:{LOOPBACK}:{lab.port}")
        writer.write(REQUEST)
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
        writer.close()
        before, lab.port = lab.port, free_port()
        metrics.apply(f"inet:{LOOPBACK}:{lab.port}")
        assert await lab.times_read() == 1
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(LOOPBACK, before)
        metrics.apply("")
        await asyncio.sleep(0)  # its task hears of it
        with pytest.raises(ConnectionRefusedError):
            await lab.connect()


async def test_what_is_closed_before_it_began_leaves_nothing() -> None:
    lab = Lab()
    async with lab.serving():
        pass
    await lab.refuses()
    async with lab.serving():
        assert await lab.times_read() == 1


async def test_a_port_that_is_taken_is_a_warning_until_it_is_to_be_had() -> None:
    lab = Lab()
    metrics = MetricsSocket(lab.measures, clock=lambda: lab.now)
    other = socket.create_server((LOOPBACK, lab.port))
    metrics.apply(f"inet:{LOOPBACK}:{lab.port}")
    assert metrics.warnings() == (
        f"metrics_listen: inet:{LOOPBACK}:{lab.port}: Address already in use; there are no metrics",
    )
    other.close()
    metrics.apply(f"inet:{LOOPBACK}:{lab.port}")
    assert metrics.warnings() == ()
    assert await lab.times_read() == 1
    metrics.close()


async def test_a_library_that_is_broken_is_a_warning_too(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Lab()
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    async with lab.serving() as metrics:
        [warning] = metrics.warnings()
        assert warning.startswith("metrics_listen: import of prometheus_client halted")
        with pytest.raises(ConnectionRefusedError):
            await lab.connect()


@pytest.mark.expect_warnings("metrics: a fault of ours while reading them")
async def test_a_fault_of_ours_is_told_as_one() -> None:
    lab = Lab()

    def measures() -> Iterator[Measure]:
        raise RuntimeError("a fault")

    metrics = MetricsSocket(measures)
    metrics.apply(f"inet:{LOOPBACK}:{lab.port}")
    head, body = await lab.ask(REQUEST)
    assert head.startswith("HTTP/1.1 500 Internal Server Error")
    assert body == "See the daemon's log.\n"
    metrics.close()
