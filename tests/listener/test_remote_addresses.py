"""The carrier and a server with several addresses: the next one is asked until one greets well."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
from lab.asking import GOOD, GREETING, NAME, Contexts, Sides, open_sockets, remote, serving, verify
from lab.fake_imap import Behaviour, FakeImap, hang, hear, reset, script

from sasl_bridge.passdb.addresses import Addresses
from sasl_bridge.verdict import Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE


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


@contextlib.asynccontextmanager
async def two_servers(
    first: Behaviour, second: Behaviour, tls: ssl.SSLContext | None
) -> AsyncIterator[tuple[FakeImap, FakeImap]]:
    """Serve at both addresses; `first` at the one that is asked first."""
    async with serving(second, tls) as two:
        with FakeImap(first, tls, address="127.0.0.2", port=two.port) as one:
            yield one, two
            await asyncio.to_thread(one.wait_until_left)


async def test_the_next_address_is_tried_and_the_refusing_one_comes_last() -> None:
    async with serving(GOOD) as server:
        addresses = Addresses(NAME, lookup=two_addresses)
        passdb = remote(server.port, host=NAME, addresses=addresses)
        answer = await verify(passdb)
        assert answer.verdict is ACCEPTED
        assert await addresses.find(1.0) == ("127.0.0.1", "127.0.0.2")


async def test_an_address_that_hangs_in_the_handshake_takes_no_more_than_its_share(
    contexts: Contexts,
) -> None:
    async with serving(GOOD, contexts.server) as server:
        with FakeImap(script(hang), address="127.0.0.2", port=server.port) as hung:
            addresses = Addresses(NAME, lookup=two_addresses)
            passdb = remote(server.port, contexts.client, host=NAME, addresses=addresses)
            answer = await verify(passdb, seconds=1.0)
            again = await verify(passdb, seconds=1.0)
            await asyncio.to_thread(hung.wait_until_left)
    assert answer.verdict is again.verdict is ACCEPTED
    assert 0.4 < answer.steps[0].seconds < 0.95
    assert len(hung.peers) == 1


@pytest.mark.parametrize(
    "bad",
    [
        script(hang),
        script(b"* O", hang),
        script(b"* BYE too busy\r\n"),
        script(b"* BYE too busy\r\n", hang),
        script(b"* PREAUTH welcome\r\n", hang),
        script(b"220 ESMTP\r\n", hang),
        script(lambda _peer: None),
        script(reset),
    ],
    ids=["silent", "half", "bye", "bye-stays", "preauth", "other-protocol", "closes", "resets"],
)
async def test_an_address_that_does_not_greet_well_is_passed_over(
    sides: Sides, bad: Behaviour
) -> None:
    """It hears nothing of the login, takes no more than its share, and comes last next time."""
    async with two_servers(bad, GOOD, sides.server) as (first, second):
        addresses = Addresses(NAME, lookup=two_addresses)
        passdb = remote(second.port, sides.client, host=NAME, addresses=addresses)
        answer = await verify(passdb, seconds=1.0)
        again = await verify(passdb, seconds=1.0)
    assert (answer.verdict, answer.reason, answer.password_sent) == (ACCEPTED, "OK in", True)
    assert answer.steps[0].seconds < 0.95
    assert again.verdict is ACCEPTED
    assert len(first.peers) == 1
    assert b"AUTHENTICATE" not in first.heard
    assert len(second.peers) == 2


async def test_when_no_address_greets_well_each_is_told(sides: Sides) -> None:
    busy = script(b"* BYE too busy\r\n")
    async with two_servers(script(lambda _peer: None), busy, sides.server) as (_, second):
        addresses = Addresses(NAME, lookup=two_addresses)
        answer = await verify(remote(second.port, sides.client, host=NAME, addresses=addresses))
    assert (answer.verdict, answer.reason) == (
        UNAVAILABLE,
        "connection closed, no greeting came; the server greets with BYE too busy",
    )
    assert not answer.password_sent


@pytest.mark.parametrize(
    ("answer_of_first", "verdict"),
    [(b"{tag} NO wrong\r\n", REJECTED), (b"{tag} BAD what?\r\n", UNAVAILABLE)],
    ids=["no", "bad"],
)
async def test_once_it_greeted_an_address_is_the_only_one_asked(
    sides: Sides, answer_of_first: bytes, verdict: Verdict
) -> None:
    """A login must not count twice at a server, and a no is a no."""
    decided = script(GREETING, hear, answer_of_first, hang)
    async with two_servers(decided, GOOD, sides.server) as (first, second):
        addresses = Addresses(NAME, lookup=two_addresses)
        passdb = remote(second.port, sides.client, host=NAME, addresses=addresses)
        answer = await verify(passdb)
        assert await addresses.find(1.0) == ("127.0.0.2", "127.0.0.1")
    assert answer.verdict is verdict
    assert len(first.peers) == 1
    assert not second.peers


async def test_an_address_that_is_silent_behind_its_greeting_comes_last_next_time(
    sides: Sides,
) -> None:
    async with two_servers(script(GREETING, hear, hang), GOOD, sides.server) as (first, second):
        addresses = Addresses(NAME, lookup=two_addresses)
        passdb = remote(second.port, sides.client, host=NAME, addresses=addresses)
        answer = await verify(passdb, seconds=0.3)
        again = await verify(passdb)
    assert (answer.verdict, answer.reason) == (
        UNAVAILABLE,
        "no answer to the login within 0.3 s",
    )
    assert answer.password_sent
    assert again.verdict is ACCEPTED
    assert len(first.peers) == len(second.peers) == 1
