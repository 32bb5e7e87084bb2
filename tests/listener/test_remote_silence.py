"""The carrier and servers that are silent or slow: the answer is there at the deadline."""

import asyncio
import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lab.asking import (
    ASKING,
    GOOD,
    GREETING,
    NAME,
    Asked,
    Channel,
    Contexts,
    Sides,
    remote,
    serving,
    timeless,
    verify,
)
from lab.fake_server import FakeServer, Peer, Step, drip, hang, hear, script, stop_reading
from lab.leftovers import PEAK_BYTES, bounded_memory, open_sockets, settled
from lab.stages import Stage

from bridge_common.deadline import Deadline
from bridge_common.network.addresses import Addresses
from sasl_bridge.verdict import Verdict

pytestmark = pytest.mark.alone

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE

SECONDS = 1.0


async def test_silence_at_each_stage(channel: Channel) -> None:
    """Leave is taken where it would be understood: a POP3 server keeps the maildrop locked else."""
    asked = await ask_at_each_stage(channel, lambda _: hang)
    leaves = {stage: channel.took_leave(one.peer) for stage, one in asked.items()}
    assert leaves == {stage: stage.leave_due for stage in channel.stages}


async def test_slowness_at_each_stage(channel: Channel) -> None:
    """One that says a byte now and then, and one that takes nothing in and says nothing."""
    await asyncio.gather(
        ask_at_each_stage(channel, byte_after_byte),
        ask_at_each_stage(channel, lambda _: stop_reading),
    )


async def ask_at_each_stage(channel: Channel, slow: Callable[[Stage], Step]) -> dict[Stage, Asked]:
    """Ask such servers at once; the reasons tell what did not come; no more is said than due."""
    at = channel.stages
    servers = [channel.failing_at(stage, slow(stage)) for stage in at]
    with bounded_memory(PEAK_BYTES * 2 * len(servers)):
        answers = await asyncio.gather(*(channel.ask(server, SECONDS) for server in servers))
    asked = dict(zip(at, answers, strict=True))
    assert {stage.name: one.reason for stage, one in asked.items()} == {
        stage.name: missing_at(stage) for stage in at
    }
    for stage, one in asked.items():
        assert one.answer.verdict is UNAVAILABLE
        channel.check_secrecy(one, sent=stage.name == "answer")
    return asked


def byte_after_byte(stage: Stage) -> Step:
    """Begin something that could become good, and never end it."""
    beginnings = {"handshake": b"\x16\x03\x03\x40\x00\x02", "leave": b"+ "}
    beginning = beginnings.get(stage.name, b"* OK " if b"{tag}" in stage.said else b"+OK ")
    endless = itertools.chain(beginning, itertools.repeat(ord("x")))
    return drip((bytes([byte]) for byte in endless), 0.05)


def missing_at(stage: Stage) -> str:
    if not stage.in_opening:
        return f"no {stage.awaited} within N s"
    way = "with" if stage.name == "handshake" else "from"
    return f"no {stage.awaited} {way} 127.0.0.1 port N within N s"


async def test_silence_in_the_handshake(contexts: Contexts) -> None:
    async with serving(script(hang)) as server:
        answer = await verify(remote(server.port, contexts.client), seconds=0.2)
    expected = f"no TLS handshake with 127.0.0.1 port {server.port} within N s"
    assert (answer.verdict, timeless(answer.reason)) == (UNAVAILABLE, expected)
    assert not answer.password_sent


@pytest.fixture
def full_port() -> Iterator[int]:
    """Listen on a port that lets nobody in any more: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_silence_of_the_network(full_port: int) -> None:
    answer = await verify(remote(full_port), seconds=0.2)
    expected = f"no connection to 127.0.0.1 port {full_port} within N s"
    assert (answer.verdict, timeless(answer.reason)) == (UNAVAILABLE, expected)


async def test_silence_of_the_resolver() -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def lookup(*_: object, **__: object) -> list[Any]:
        asyncio.run_coroutine_threadsafe(ended.wait(), loop).result()
        return []

    passdb = remote(1, host=NAME, addresses=Addresses(NAME, lookup=lookup))
    answer = await passdb.verify(ASKING, Deadline.after(0.2))
    expected = f"no address for {NAME} within N s"
    assert (answer.verdict, timeless(answer.reason)) == (UNAVAILABLE, expected)
    ended.set()


async def test_no_time_at_all() -> None:
    async with serving(GOOD) as server:
        answer = await verify(remote(server.port), seconds=0.0)
    assert answer.verdict is UNAVAILABLE
    assert not server.heard


async def test_a_server_that_reads_nothing_holds_up_nobody(sides: Sides) -> None:
    """Its leave is written, and if it does not take it in, the connection is cut all the same."""
    held = threading.Event()

    def behave(peer: Peer) -> None:
        script(GREETING)(peer)
        held.wait(10)

    with FakeServer(behave, sides.server) as server:
        sockets = len(open_sockets())
        answer = await verify(remote(server.port, sides.client), seconds=0.2)
        assert answer.verdict is UNAVAILABLE
        # What remains is the server's own end.
        await settled(lambda: len(open_sockets()) == sockets + 1, seconds=0.5)
        held.set()


async def test_an_answer_that_is_there_in_the_moment_of_the_deadline_counts() -> None:
    """The loop was busy, and hears of both at once."""
    async with serving(script(GREETING, hear, b"{tag} OK in\r\n", hang)) as server:
        asking = asyncio.create_task(remote(server.port).verify(ASKING, Deadline.after(0.5)))
        await settled(lambda: bool(server.heard))
        time.sleep(0.6)  # noqa: ASYNC251  # this is what a busy loop does
        assert (await asking).verdict is ACCEPTED
