"""The carrier and servers that are silent, elsewhere, or no longer wanted."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from lab.asking import (
    ASKING,
    GOOD,
    GREETING,
    NAME,
    NO_IR_GREETING,
    Contexts,
    Sides,
    open_sockets,
    remote,
    serving,
    settled,
    verify,
)
from lab.fake_imap import (
    Behaviour,
    FakeImap,
    drip,
    hang,
    hear,
    script,
)

from bridge_common.deadline import Deadline
from sasl_bridge.passdb.addresses import Addresses
from sasl_bridge.verdict import Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE


# Silence


@pytest.mark.parametrize(
    ("behave", "reason", "sent"),
    [
        (script(hang), "no greeting within 0.2 s", False),
        (script(b"* OK ready\r\n", hear, hang), "no answer to CAPABILITY within 0.2 s", False),
        (script(NO_IR_GREETING, hear, hang), "no leave to send the password within 0.2 s", False),
        (
            script(NO_IR_GREETING, hear, b"+ \r\n", hear, hang),
            "no answer to the login within 0.2 s",
            True,
        ),
        (script(GREETING, hear, hang), "no answer to the login within 0.2 s", True),
        (
            script(drip((GREETING[at : at + 1] for at in range(99)), 0.02), hang),
            "no greeting within 0.2 s",
            False,
        ),
    ],
    ids=["greeting", "capability", "leave", "answer", "answer-at-once", "drip"],
)
async def test_silence(sides: Sides, behave: Behaviour, reason: str, sent: bool) -> None:
    async with serving(behave, sides.server) as server:
        answer = await verify(remote(server.port, sides.client), seconds=0.2)
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, reason)
    assert answer.password_sent == sent
    assert answer.steps[0].seconds >= 0.19


async def test_silence_in_the_handshake(contexts: Contexts) -> None:
    async with serving(script(hang)) as server:
        answer = await verify(remote(server.port, contexts.client), seconds=0.2)
    expected = f"no TLS handshake with 127.0.0.1 port {server.port} within 0.2 s"
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, expected)
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
    sockets = open_sockets()
    answer = await verify(remote(full_port), seconds=0.2)
    expected = f"no connection to 127.0.0.1 port {full_port} within 0.2 s"
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, expected)
    await settled(lambda: open_sockets() == sockets)


async def test_silence_of_the_resolver() -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def lookup(*_: object, **__: object) -> list[Any]:
        asyncio.run_coroutine_threadsafe(ended.wait(), loop).result()
        return []

    passdb = remote(1, host=NAME, addresses=Addresses(NAME, lookup=lookup))
    answer = await passdb.verify(ASKING, Deadline.after(0.2))
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, f"no address for {NAME} within 0.2 s")
    ended.set()


async def test_no_time_at_all() -> None:
    async with serving(GOOD) as server:
        answer = await verify(remote(server.port), seconds=0.0)
    assert answer.verdict is UNAVAILABLE
    assert not server.heard


# Addresses


def two_addresses(_host: str, _port: None, **_: object) -> list[Any]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{n}", 0)) for n in (2, 1)]


async def test_a_refused_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    sockets = open_sockets()
    answer = await verify(remote(port))
    expected = f"connection refused by 127.0.0.1 port {port}"
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, expected)
    assert open_sockets() == sockets


async def test_every_address_is_tried_and_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = await verify(remote(port, host=NAME, addresses=Addresses(NAME, lookup=two_addresses)))
    assert answer.verdict is UNAVAILABLE
    assert answer.reason == (
        f"connection refused by 127.0.0.2 port {port}; connection refused by 127.0.0.1 port {port}"
    )


async def test_the_next_address_is_tried_and_the_good_one_remembered() -> None:
    async with serving(GOOD) as server:
        addresses = Addresses(NAME, lookup=two_addresses)
        passdb = remote(server.port, host=NAME, addresses=addresses)
        answer = await verify(passdb)
        assert answer.verdict is ACCEPTED
        assert await addresses.find() == ("127.0.0.1", "127.0.0.2")


async def test_an_address_that_hangs_takes_no_more_than_its_share(
    contexts: Contexts,
) -> None:
    async with serving(GOOD, contexts.server) as server:
        with FakeImap(script(hang), address="127.0.0.2", port=server.port) as hung:
            addresses = Addresses(NAME, lookup=two_addresses)
            passdb = remote(server.port, contexts.client, host=NAME, addresses=addresses)
            answer = await verify(passdb, seconds=1.0)
            await asyncio.to_thread(hung.wait_until_left)
    assert answer.verdict is ACCEPTED
    assert 0.4 < answer.steps[0].seconds < 0.95
    assert len(hung.peers) == 1


# Cancelled


@pytest.mark.parametrize(
    ("behave", "server_tls", "client_tls"),
    [
        (script(hang), False, False),
        (script(GREETING, hear, hang), False, False),
        (script(NO_IR_GREETING, hear, hang), True, True),
        (script(hang), False, True),
    ],
    ids=["greeting", "answer", "leave", "handshake"],
)
async def test_a_cancelled_login_leaves_nothing(
    contexts: Contexts, behave: Behaviour, server_tls: bool, client_tls: bool
) -> None:
    async with serving(behave, contexts.server if server_tls else None) as server:
        passdb = remote(server.port, contexts.client if client_tls else None)
        asking = passdb.verify(ASKING, Deadline.after(5.0))
        task = asyncio.create_task(asking)
        await settled(lambda: bool(server.peers))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_cancelling_at_any_moment_leaves_nothing(contexts: Contexts) -> None:
    """After each turn of the loop, from the first one to the answer."""
    async with serving(GOOD, contexts.server) as server:
        passdb = remote(server.port, contexts.client)
        for turns in range(40):
            asking = passdb.verify(ASKING, Deadline.after(5.0))
            task = asyncio.create_task(asking)
            for _ in range(turns):
                await asyncio.sleep(0.0005 if turns % 2 else 0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                assert (await task).verdict is ACCEPTED
