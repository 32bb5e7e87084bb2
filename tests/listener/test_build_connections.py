"""How many logins a server is asked about at the same time, and what a reload leaves of it."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from lab.asking import ASKING, GOOD, serving
from lab.fake_server import FakeServer, Peer
from lab.leftovers import settled

from bridge_common.deadline import Deadline
from bridge_common.settings.model import Settings
from bridge_common.settings.server import Server
from sasl_bridge.daemon import Bridge
from sasl_bridge.passdb.build import BuiltServer, build_servers
from sasl_bridge.passdb.remote import RemotePassdb
from sasl_bridge.verdict import Answer, Verdict

ACCEPTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.UNAVAILABLE


@asynccontextmanager
async def serving_behind_a_gate() -> AsyncIterator[tuple[FakeServer, threading.Event]]:
    """Serve logins that all wait for the event."""
    gate = threading.Event()

    def good_in_the_end(peer: Peer) -> None:
        gate.wait(20)
        GOOD(peer)

    async with serving(good_in_the_end) as server:
        yield server, gate


def built(number: int, *before: BuiltServer, **keys: Any) -> BuiltServer:
    names = {"name": "imap", "host": "127.0.0.1", "port": number, "security": "plain"}
    server = Server(**(names | keys))  # type: ignore[arg-type]  # any key
    return build_servers(Settings(servers=(server,)), before)[0]


async def ask(server: BuiltServer, seconds: float) -> Answer:
    assert isinstance(server.remote, RemotePassdb)
    return await server.remote.verify(ASKING, Deadline.after(seconds))


async def test_max_connections_is_how_many_logins_are_verified_at_the_same_time() -> None:
    """Two are; a third waits for its turn, and gets none in time; a fourth gets one."""
    async with serving_behind_a_gate() as (imap, gate):
        two_at_once = built(imap.port, max_connections=2)
        first_two = [asyncio.create_task(ask(two_at_once, 20)) for _ in range(2)]
        await settled(lambda: len(imap.peers) == 2)
        fourth = asyncio.create_task(ask(two_at_once, 20))
        third = await ask(two_at_once, 0.5)
        assert (third.verdict, third.password_sent) == (UNAVAILABLE, False)
        assert third.reason == "all 2 connections (max_connections) are in use"
        assert len(imap.peers) == 2
        gate.set()
        answers = await asyncio.gather(*first_two, fourth)
    assert [answer.verdict for answer in answers] == [ACCEPTED] * 3
    assert len(imap.peers) == 3


async def test_a_turn_that_comes_too_late_for_a_login_is_none() -> None:
    """The password must not be sent when nobody is left to hear the answer."""
    async with serving_behind_a_gate() as (imap, gate):
        one_at_once = built(imap.port, max_connections=1)
        first = asyncio.create_task(ask(one_at_once, 20))
        await settled(lambda: len(imap.peers) == 1)
        loop = asyncio.get_running_loop()
        loop.call_later(0.4, gate.set)
        second = await ask(one_at_once, 0.5)
        assert second.reason == "all 1 connections (max_connections) are in use"
        assert (await first).verdict is ACCEPTED
    assert len(imap.peers) == 1


async def test_after_a_reload_the_connections_of_before_still_count() -> None:
    async with serving_behind_a_gate() as (imap, gate):
        before = built(imap.port, max_connections=1)
        first = asyncio.create_task(ask(before, 20))
        await settled(lambda: len(imap.peers) == 1)
        after = built(imap.port, before, max_connections=1, on_reject="stop")
        assert (await ask(after, 0.5)).verdict is UNAVAILABLE
        assert len(imap.peers) == 1
        gate.set()
        assert (await first).verdict is ACCEPTED
        assert (await ask(after, 20)).verdict is ACCEPTED


@pytest.mark.parametrize("change", [{"name": "other"}, {"host": "localhost"}, {"port": 1143}])
def test_another_server_is_not_taken_for_the_one_of_before(change: dict[str, Any]) -> None:
    before = built(143)
    after, same = built(143, before, **change), built(143, before)
    assert known(after)[0] is not known(before)[0]
    assert known(after)[1] is not known(before)[1]
    assert known(same) == known(before)


def known(server: BuiltServer) -> tuple[Any, ...]:
    """Return the addresses (found ones outlive a resolver that is away) and the connections."""
    assert isinstance(server.remote, RemotePassdb)
    return server.remote.addresses, server.remote.slots


def test_the_daemon_goes_on_with_what_it_knows_of_its_servers(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[[server]]\nname = "imap"\nhost = "mail.example.com"\n')
    bridge = Bridge(file)
    first, second = bridge.prepare().built, bridge.prepare().built
    bridge.apply(first)
    third = bridge.prepare().built
    servers = [built.probing.parts.servers[0] for built in (first, second, third)]
    assert known(servers[0]) == known(servers[2]) != known(servers[1])
