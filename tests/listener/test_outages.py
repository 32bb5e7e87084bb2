"""Servers that stop in the middle of things, on real sockets: the pipe, reload, and the end."""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import pytest
from lab.asking import ASKING, GOOD, serving
from lab.fake_ldap import FakeDirectory
from lab.fake_server import FakeServer, Peer, hang
from lab.leftovers import settled
from lab.settings import profile_at, server, settings_text

from bridge_common.deadline import Deadline
from bridge_common.settings.model import Settings
from bridge_common.settings.read import parse_settings
from sasl_bridge.daemon import Bridge
from sasl_bridge.passdb.breaker import Breaker
from sasl_bridge.passdb.build import Parts, build_parts, build_passdb
from sasl_bridge.passdb.interface import Passdb
from sasl_bridge.verdict import Answer, Verdict

ACCEPTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.UNAVAILABLE

pytestmark = pytest.mark.expect_warnings("server first: away, not asked until it is back")


class Freezing:
    """A server that knows alice, and stops dead when it is told to, as by SIGSTOP.

    In the end it goes on.
    """

    def __init__(self) -> None:
        self._runs = threading.Event()
        self._runs.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._runs.set()

    def freeze(self) -> None:
        self._runs.clear()

    def thaw(self) -> None:
        self._runs.set()

    def __call__(self, peer: Peer) -> None:
        self._runs.wait(30)
        GOOD(peer)


# The same login comes again and again, and nobody knows whether a frozen server counts that.
UNRESTRAINED = "[restraint]\nlockout_budget = 0\n"


def settings_of(*servers: str, **smtp_auth: Any) -> Settings:
    nowhere = Path("/nowhere")
    text = settings_text(nowhere, nowhere, [UNRESTRAINED, *servers], **smtp_auth)
    return parse_settings(text).settings


@contextlib.asynccontextmanager
async def closing(parts: Parts) -> AsyncIterator[Parts]:
    try:
        yield parts
    finally:
        parts.close()
        await asyncio.sleep(0)


def breaker(parts: Parts, name: str = "first") -> Breaker:
    return parts.watched[name].lookout.breaker


async def timed(passdb: Passdb, seconds: float = 8.0) -> tuple[Answer, float]:
    """Ask; return the answer, and how many seconds it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    return await passdb.verify(ASKING, Deadline.after(seconds)), loop.time() - began


async def test_when_the_first_of_two_freezes_no_login_fails_and_soon_none_waits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with (
        serving(freezing := Freezing()) as first,
        serving(GOOD) as second,
    ):
        settings = settings_of(server("first", first.port), server("second", second.port))
        async with closing(build_parts(settings)) as parts, freezing:
            both = build_passdb(settings, parts)
            assert (await timed(both))[0].source == "first"
            freezing.freeze()
            # Their share is one second and a half of these three.
            slow = await asyncio.gather(*(timed(both, 3.0) for _ in range(20)))
            assert {(one.verdict, one.source) for one, _ in slow} == {(ACCEPTED, "second")}
            await settled(lambda: breaker(parts).is_away)
            at_first = len(first.peers)
            quick = [await timed(both, 3.0) for _ in range(100)]
            assert {(one.verdict, one.source) for one, _ in quick} == {(ACCEPTED, "second")}
            assert max(took for _, took in quick) < min(took for _, took in slow) / 2
            assert len(first.peers) <= at_first + 1, "a look may have begun"
            assert quick[0][0].steps[0].detail.startswith("not asked: no greeting from ")
            freezing.thaw()
            await settled(lambda: not breaker(parts).is_away)
            assert (await timed(both))[0].source == "first"
    said = [text for text in caplog.messages if text.startswith("server first: ")]
    assert [text.split()[2].strip(",") for text in said] == ["away", "back"]


async def test_more_logins_than_connections_freeze_and_the_look_gets_through_all_the_same() -> None:
    async with (
        serving(freezing := Freezing()) as first,
        serving(GOOD) as second,
    ):
        few = server("first", first.port, max_connections=2)
        settings = settings_of(few, server("second", second.port))
        async with closing(build_parts(settings)) as parts, freezing:
            both = build_passdb(settings, parts)
            assert (await timed(both))[0].source == "first"
            freezing.freeze()
            answers = await asyncio.gather(*(timed(both, 3.0) for _ in range(20)))
            assert {one.verdict for one, _ in answers} == {ACCEPTED}
            await settled(lambda: breaker(parts).is_away)


async def test_that_all_connections_are_in_use_makes_no_server_away() -> None:
    """It answers, but slowly, and logins are many."""
    gate = threading.Event()

    def slow(peer: Peer) -> None:
        if len(first.peers) == 1:
            gate.wait(20)
        GOOD(peer)

    async with serving(slow) as first:
        settings = settings_of(server("first", first.port, max_connections=1))
        async with closing(build_parts(settings)) as parts:
            only = build_passdb(settings, parts)
            under_way = asyncio.create_task(timed(only))
            await settled(lambda: len(first.peers) == 1)
            for _ in range(5):
                answer, _ = await timed(only, 0.4)
                assert "(max_connections) are in use" in answer.reason
            gate.set()
            assert (await under_way)[0].verdict is ACCEPTED
            assert breaker(parts).summary()["probes"] == 0


async def refuse(passdb: Passdb, parts: Parts) -> None:
    """Have logins find out that nobody listens."""
    for _ in range(3):
        assert (await timed(passdb))[0].verdict is UNAVAILABLE
    await settled(lambda: breaker(parts).is_away)


async def test_a_directory_that_is_away_is_not_asked_either() -> None:
    with FakeServer(GOOD) as gone:
        port = gone.port
    profile = profile_at(port, name="first")
    settings = settings_of(profile, method="ldap", ldap_profile="first")
    async with closing(build_parts(settings)) as parts:
        only = build_passdb(settings, parts)
        await refuse(only, parts)
        answer, _ = await timed(only)
        assert answer.reason.startswith("not asked: connection refused by 127.0.0.1 port ")
        assert not answer.password_sent


async def test_that_all_sessions_are_in_use_makes_no_directory_away() -> None:
    with FakeServer(FakeDirectory(search=(hang,))) as busy:
        profile = profile_at(busy.port, name="first", max_connections=1)
        settings = settings_of(profile, method="ldap", ldap_profile="first")
        async with closing(build_parts(settings)) as parts:
            only = build_passdb(settings, parts)
            under_way = asyncio.create_task(timed(only))
            await settled(lambda: len(busy.peers) == 1)
            answers = await asyncio.gather(*(timed(only, 0.3) for _ in range(5)))
            under_way.cancel()
            assert all("(max_connections) are in use" in one.reason for one, _ in answers)
            assert breaker(parts).summary()["probes"] == 0
            assert breaker(parts).reason == ""


async def test_a_server_that_nothing_comes_back_from_is_away_as_well() -> None:
    """Its queue is full, so that it neither takes connections nor refuses them."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as stack:
        port = full.getsockname()[1]
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        async with serving(GOOD) as second:
            settings = settings_of(server("first", port), server("second", second.port))
            async with closing(build_parts(settings)) as parts:
                breaker(parts).latency_seconds = 0.01
                both = build_passdb(settings, parts)
                slow, waited = await timed(both, 3.0)
                await settled(lambda: breaker(parts).is_away)
                quick, took = await timed(both, 3.0)
                assert (slow.source, quick.source) == ("second", "second")
                assert took < waited / 2
                assert breaker(parts).reason.startswith("no connection to 127.0.0.1 port ")


# Reload and end


async def test_a_reload_makes_no_server_seem_back_but_has_it_looked_at_at_once() -> None:
    with FakeServer(GOOD) as gone:
        port = gone.port
    settings = settings_of(server("first", port))
    changed = settings_of(server("first", port, required=False), server("second", port))
    async with closing(build_parts(settings)) as before:
        await refuse(build_passdb(settings, before), before)
        async with closing(build_parts(changed, before)) as after:
            assert breaker(after) is breaker(before)
            assert not breaker(after, "second").is_away
            answer, _ = await timed(build_passdb(changed, after))
            assert answer.steps[0].detail.startswith("not asked: ")
            before.close()
            async with serving(GOOD, port=port):
                after.begin()
                await settled(lambda: not breaker(after).is_away)
                assert (await timed(build_passdb(changed, after)))[0].source == "first"


@pytest.mark.parametrize(
    ("name", "port", "keys"),
    [("other", 143, {}), ("first", 144, {}), ("first", 143, {"host": "localhost"})],
)
async def test_of_another_server_nothing_is_known(
    name: str, port: int, keys: dict[str, str]
) -> None:
    before = build_parts(settings_of(server("first", 143)))
    after = build_parts(settings_of(server(name, port, **keys)), before)
    same = build_parts(settings_of(server("first", 143, domains=["example.com"])), before)
    assert breaker(after, name) is not breaker(before)
    assert breaker(same) is breaker(before)


async def test_of_a_directory_with_other_hosts_nothing_is_known() -> None:
    def parts(before: Parts, *hosts: str, **keys: str) -> Parts:
        profile = profile_at(389, name="corp", hosts=list(hosts), **keys)
        entry = '[[server]]\nname = "first"\nprotocol = "ldap"\nldap_profile = "corp"\n'
        return build_parts(settings_of(profile, entry), before)

    before = parts(Parts(), "127.0.0.1")
    assert breaker(parts(before, "127.0.0.1", kind="active-directory")) is breaker(before)
    assert breaker(parts(before, "127.0.0.1", "127.0.0.2")) is not breaker(before)


@contextlib.asynccontextmanager
async def finding_nobody(folder: Path) -> AsyncIterator[tuple[Bridge, int]]:
    """Yield a daemon whose only server is away, and that server's port."""
    with FakeServer(GOOD) as gone:
        port = gone.port
    file = folder / "settings.toml"
    text = settings_text(folder, folder / "auth", [UNRESTRAINED, server("first", port)])
    file.write_text(text)
    bridge = Bridge(file)
    bridge.apply(bridge.prepare().built)
    await bridge.begin()
    try:
        await refuse(build_passdb(parse_settings(text).settings, bridge._parts), bridge._parts)
        yield bridge, port
    finally:
        await bridge.end()


async def test_the_daemon_looks_after_its_servers_over_a_reload(tmp_path: Path) -> None:
    async with finding_nobody(tmp_path) as (bridge, port), serving(GOOD, port=port) as back:
        bridge.apply(bridge.prepare().built)
        await settled(lambda: not breaker(bridge._parts).is_away)
        assert len(back.peers) == 1


async def test_and_no_longer_than_it_runs(tmp_path: Path) -> None:
    async with finding_nobody(tmp_path) as (bridge, _):
        lookout = bridge._parts.watched["first"].lookout
        assert lookout._task is not None
    await settled(lambda: lookout._task is None)
