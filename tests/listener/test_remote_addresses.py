"""The carrier and a server with several addresses: the next one is asked until one greets well."""

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from lab.asking import (
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
    told_the_password,
    verify,
)
from lab.fake_server import Behaviour, FakeServer, Peer, Step, hang, hang_up, hear, reset, script
from lab.leftovers import PEAK_BYTES, bounded_memory
from lab.stages import Protocol

from bridge_common.network.addresses import Addresses
from sasl_bridge.verdict import Verdict

pytestmark = pytest.mark.alone

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE


def two_addresses(_host: str, _port: None, **_: object) -> list[Any]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{n}", 0)) for n in (2, 1)]


async def test_a_refused_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = await verify(remote(port))
    expected = f"connection refused by 127.0.0.1 port {port}"
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, expected)


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
) -> AsyncIterator[tuple[FakeServer, FakeServer]]:
    """Serve at both addresses; `first` at the one that is asked first."""
    async with (
        serving(second, tls) as two,
        serving(first, tls, address="127.0.0.2", port=two.port) as one,
    ):
        yield one, two


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
    async with (
        serving(GOOD, contexts.server) as server,
        serving(script(hang), address="127.0.0.2", port=server.port) as hung,
    ):
        addresses = Addresses(NAME, lookup=two_addresses)
        passdb = remote(server.port, contexts.client, host=NAME, addresses=addresses)
        answer = await verify(passdb, seconds=1.0)
        again = await verify(passdb, seconds=1.0)
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
        script(hang_up),
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
    async with two_servers(script(hang_up), busy, sides.server) as (_, second):
        addresses = Addresses(NAME, lookup=two_addresses)
        answer = await verify(remote(second.port, sides.client, host=NAME, addresses=addresses))
    assert (answer.verdict, answer.reason) == (
        UNAVAILABLE,
        "connection closed, no greeting came; the server greets with BYE too busy",
    )
    assert not answer.password_sent


@pytest.mark.parametrize(
    ("decided", "verdict", "next_time"),
    [
        (script(GREETING, hear, b"{tag} NO wrong\r\n"), REJECTED, ("127.0.0.2", "127.0.0.1")),
        (script(GREETING, hear, b"{tag} BAD what\r\n"), UNAVAILABLE, ("127.0.0.1", "127.0.0.2")),
        (script(GREETING, hear, reset), UNAVAILABLE, ("127.0.0.1", "127.0.0.2")),
    ],
    ids=["no", "bad", "resets"],
)
async def test_once_it_is_ready_an_address_is_the_only_one_asked(
    sides: Sides, decided: Behaviour, verdict: Verdict, next_time: tuple[str, ...]
) -> None:
    """A login must not count twice at a server, and a no is a no; trouble counts next time."""
    async with two_servers(decided, GOOD, sides.server) as (first, second):
        addresses = Addresses(NAME, lookup=two_addresses)
        passdb = remote(second.port, sides.client, host=NAME, addresses=addresses)
        answer = await verify(passdb)
        assert await addresses.find(1.0) == next_time
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
    assert answer.verdict is UNAVAILABLE
    assert timeless(answer.reason) == "no answer to the login within N s"
    assert answer.password_sent
    assert again.verdict is ACCEPTED
    assert len(first.peers) == len(second.peers) == 1


async def test_the_last_address_has_all_the_time_that_is_left() -> None:
    """The first is silent for its half; the second needs more than half of the other half."""

    def slow(peer: Peer) -> None:
        time.sleep(0.7)
        GOOD(peer)

    async with two_servers(script(hang), slow, None) as (_, second):
        addresses = Addresses(NAME, lookup=two_addresses)
        answer = await verify(remote(second.port, host=NAME, addresses=addresses), seconds=2.0)
    assert answer.verdict is ACCEPTED


async def test_an_address_with_next_to_no_time_has_not_failed() -> None:
    """The login came late; it says nothing about the server."""
    async with two_servers(script(hang), GOOD, None) as (_, second):
        addresses = Addresses(NAME, lookup=two_addresses)
        passdb = remote(second.port, host=NAME, addresses=addresses)
        await verify(passdb, seconds=0.2)
        assert await addresses.find(1.0) == ("127.0.0.2", "127.0.0.1")


# What goes wrong up to the login


async def ask_both(channel: Channel, first: Channel, bad: Behaviour) -> tuple[Asked, FakeServer]:
    """Have a good server asked behind a bad one; return that, and the bad one."""
    async with (
        channel.serving(channel.good()) as good,
        first.serving(bad, address="127.0.0.2", port=good.port) as server,
    ):
        addresses = Addresses(NAME, lookup=two_addresses)
        passdb = channel.remote(good.port, host=NAME, addresses=addresses)
        answer = await verify(passdb, seconds=1.5)
        assert await addresses.find(1.0) == ("127.0.0.1", "127.0.0.2")
    return Asked(answer, good), server


@pytest.mark.parametrize("trouble", [hang, hang_up], ids=["silent", "hangs-up"])
async def test_trouble_before_the_login(channel: Channel, trouble: Step) -> None:
    """At whatever stage: the next address is tried, with a dialogue that begins anew."""
    stages = [stage for stage in channel.stages if stage.in_opening]
    bad = [channel.failing_at(stage, trouble) for stage in stages]
    with bounded_memory(PEAK_BYTES * len(bad)):
        asked = await asyncio.gather(*(ask_both(channel, channel, one) for one in bad))
    for good, first in asked:
        assert good.answer.verdict is ACCEPTED
        assert channel.took_leave(good.peer)
        assert not told_the_password(first.heard)
        assert b"alice" not in first.heard
        assert len(first.peers) == 1


@pytest.mark.parametrize("security", ["ssl", "tls"], indirect=True)
@pytest.mark.parametrize("flaw", ["expired", "self-signed", "unknown authority", "other name"])
async def test_a_bad_certificate(channel: Channel, flaw: str) -> None:
    contexts = replace(channel.contexts, server=channel.contexts.bad[flaw])
    flawed = replace(channel, contexts=contexts)
    good, first = await ask_both(channel, flawed, flawed.good())
    assert good.answer.verdict is ACCEPTED
    assert first.heard == first.in_the_clear  # nothing was said in such TLS
    assert not told_the_password(first.heard)


NO_TLS = {
    "imap-not-offered": ("imap", (b"* OK [CAPABILITY IMAP4rev1] ready\r\n",)),
    "imap-refused": (
        "imap",
        (b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n", hear, b"{tag} NO not today\r\n"),
    ),
    "pop3-not-offered": ("pop3", (b"+OK ready\r\n", hear, b"+OK\r\nUSER\r\n.\r\n")),
    "pop3-refused": (
        "pop3",
        (b"+OK ready\r\n", hear, b"+OK\r\nSTLS\r\n.\r\n", hear, b"-ERR not today\r\n"),
    ),
}


@pytest.mark.parametrize(("protocol", "steps"), NO_TLS.values(), ids=NO_TLS)
async def test_no_starttls(contexts: Contexts, protocol: Protocol, steps: tuple[Step, ...]) -> None:
    channel = Channel(protocol, "tls", contexts)
    good, first = await ask_both(channel, channel, script(*steps, hang))
    assert good.answer.verdict is ACCEPTED
    assert channel.took_leave(first.peers[0])
    assert not told_the_password(first.heard)
