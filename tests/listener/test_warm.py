"""Connections that wait for a login, and servers that end them or talk meanwhile."""

import asyncio
import contextlib
import itertools
import socket
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
from lab.asking import (
    ASKING,
    ASKING_FROM_AFAR,
    GOOD,
    GREETING,
    Channel,
    Sides,
    remote,
    serving,
    told_the_password,
)
from lab.fake_server import (
    FakeServer,
    Peer,
    Step,
    drip,
    hang,
    hang_up,
    hear,
    reset,
    script,
)
from lab.leftovers import bounded_memory, settled
from lab.warmth import WRONG, all_given_back, ask, at_rest, blocked_until, in_turn, until, warmed

from bridge_common.deadline import Deadline
from bridge_common.secret import Secret
from sasl_bridge.credentials import Credentials
from sasl_bridge.dialogue.interface import Attempt
from sasl_bridge.verdict import Cause, Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE
TAKES_CLIENT: Mapping[str, Mapping[str, Any]] = {
    "imap": {"capabilities": "IMAP4rev1 ID AUTH=PLAIN"},
    "pop3": {"xclient": True},
}


def note(event: threading.Event, _: Peer) -> None:
    event.set()


# A server that does what it should


async def test_a_login_takes_one_that_waits_and_another_one_replaces_it(channel: Channel) -> None:
    async with channel.serving(channel.good()) as server:
        passdb = channel.remote(server.port, in_use_is_success=True)
        pace = await warmed(passdb, then=1)
        for number in range(1, 4):
            assert not told_the_password(server.peers[-1].heard)
            assert (await ask(passdb)).verdict is ACCEPTED
            await settled(lambda: len(passdb.warm) == 1)
            assert len(server.peers) == number + 1
            assert passdb.slots.taken == 1
        pace.number = 0
        passdb.close()
    assert [told_the_password(peer.heard) for peer in server.peers] == [True, True, True, False]
    assert all(channel.took_leave(peer) for peer in server.peers)
    assert (passdb.warm.used, passdb.warm.unused) == (3, 1)


async def test_right_and_wrong_passwords_and_the_address_of_the_client(channel: Channel) -> None:
    behave = channel.good(**TAKES_CLIENT[channel.protocol])
    async with channel.serving(behave) as server:
        passdb = channel.remote(server.port, forward_client=True)
        await warmed(passdb, 3)
        answers = [await ask(passdb, who) for who in (ASKING_FROM_AFAR, WRONG, ASKING)]
    assert [answer.verdict for answer in answers] == [ACCEPTED, REJECTED, ACCEPTED]
    assert all(answer.password_sent for answer in answers)
    assert sum(b"192.0.2.7" in peer.heard for peer in server.peers) == 1
    assert passdb.warm.used == 3


async def test_a_login_that_must_not_be_said_ends_the_one_that_it_took(channel: Channel) -> None:
    async with channel.serving(channel.good()) as server:
        passdb = channel.remote(server.port)
        await warmed(passdb)
        with pytest.raises(ValueError, match="must not be sent"):
            await ask(passdb, Credentials(ASKING.identity, Secret(b"a\r\nb")))
    assert all_given_back(passdb)
    assert b"a\r\nb" not in server.heard


async def test_what_is_not_confirmed_in_two_seconds_is_lost(sides: Sides) -> None:
    async with serving(GOOD, sides.server) as server:
        passdb = remote(server.port, sides.client)
        await warmed(passdb)
        conversation = passdb.warm.take()
        assert conversation is not None
        conversation.try_login(Attempt("alice@example.com", Secret(b"secret")))
        assert conversation.channel is not None
        peer = conversation.channel.get_extra_info("socket")
        assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 2000
        assert (await conversation.answer(5.0, 5.0)).verdict is ACCEPTED
        conversation.end()
        passdb.slots.free()


# While they wait


TALK: Mapping[str, Mapping[str, Step]] = {
    "imap": {
        "bye": b"* BYE too long\r\n",
        "tagged": b"{tag} OK again\r\n",
        "preauth": b"* PREAUTH in\r\n",
        "leave": b"+ go on\r\n",
        "nonsense": b"\xff\xfe\r\n",
        "megabytes": b"* OK " + b"x" * 2_000_000,
        "many lines": b"* OK x\r\n" * 300,
        "end": hang_up,
        "reset": reset,
    },
    "pop3": {
        "ok": b"+OK in\r\n",
        "err": b"-ERR [SYS/TEMP] too long\r\n",
        "leave": b"+ \r\n",
        "empty": b"\r\n",
        "megabytes": b"x" * 2_000_000,
        "end": hang_up,
        "reset": reset,
    },
}


async def test_one_whose_server_talks_or_ends_it_is_dropped(channel: Channel) -> None:
    for how, step in TALK[channel.protocol].items():
        gate = threading.Event()
        talking = at_rest(channel, until(gate), step)
        async with channel.serving(in_turn(talking, channel.good())) as server:
            passdb = channel.remote(server.port)
            pace = await warmed(passdb)
            with bounded_memory():
                gate.set()
                await settled(partial(all_given_back, passdb))
            assert pace.may_wait_seconds < 15, how
            assert len(server.peers) == 1, how
            assert (await ask(passdb)).verdict is ACCEPTED, how
            assert passdb.warm.unused == 1
        assert len(server.peers) == 2, how


async def test_what_a_server_may_say_at_any_time_disturbs_nobody(sides: Sides) -> None:
    """RFC 3501 section 2.2.2; but half of such a line is no answer either."""
    said = threading.Event()
    talking = script(
        GREETING,
        b"* OK still here\r\n* CAPABILITY IMAP4rev1\r\n* OK ha",
        partial(note, said),
        hear,
        b"lf\r\n{tag} OK in\r\n",
        hang,
    )
    async with serving(talking, sides.server) as server:
        passdb = remote(server.port, sides.client)
        await warmed(passdb)
        await settled(said.is_set)
        assert (await ask(passdb)).verdict is ACCEPTED
    assert len(server.peers) == 1


async def test_one_byte_at_a_time_keeps_nobody(channel: Channel) -> None:
    """What began before the login is no answer to it."""
    answer = b"T OK in\r\n" if channel.protocol == "imap" else b"+OK in\r\n"
    begun = threading.Event()
    dripping = at_rest(
        channel,
        answer[:1],
        partial(note, begun),
        hear,
        drip((b"%c" % b for b in answer[1:]), 0.01),
    )
    async with channel.serving(in_turn(dripping, channel.good())) as server:
        passdb = channel.remote(server.port)
        await warmed(passdb)
        await settled(begun.is_set)
        assert (await ask(passdb)).verdict is UNAVAILABLE
    assert len(server.peers) == 1


async def test_leave_is_taken_of_one_that_waits_too_long(channel: Channel) -> None:
    async with channel.serving(channel.good()) as server:
        passdb = channel.remote(server.port)
        pace = await warmed(passdb, then=1)
        pace.may_wait_seconds = 0.05
        passdb.warm._set_expiry()
        await settled(lambda: len(server.peers) > 2)  # replaced as long as they are wanted
        pace.number = 0
        await settled(partial(all_given_back, passdb))
        await settled(server.all_left)
        peers = len(server.peers)
        await asyncio.sleep(0.2)
        assert len(server.peers) == peers
    assert all(channel.took_leave(peer) for peer in server.peers)
    assert passdb.warm.unused == peers


async def test_none_waits_where_the_server_is_near_or_nobody_logs_in(channel: Channel) -> None:
    """On loopback one is set up in no time; the first logins do not show that there is traffic."""
    async with channel.serving(channel.good()) as server:
        passdb = channel.remote(server.port)
        for _ in range(3):
            assert (await ask(passdb)).verdict is ACCEPTED
        assert passdb.warm.take() is None
        assert all_given_back(passdb)
    assert len(server.peers) == 3


async def test_a_server_that_is_away_is_not_stormed() -> None:
    """Two that were to wait fail; then each login tries by itself."""
    gone = script(hang_up)
    async with serving(gone) as server:
        passdb = remote(server.port)
        pace = await warmed(passdb, 0, then=2)
        for _ in range(10):
            assert (await ask(passdb)).cause is Cause.SERVER
        assert len(server.peers) <= 12
        assert pace.number == 2
        await settled(partial(all_given_back, passdb))


# The number of connections, a reload, an end


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_there_are_never_more_connections_than_the_limit(limit: int) -> None:
    async with serving(GOOD) as server:
        passdb = remote(server.port, max_connections=limit)
        await warmed(passdb, 0, then=16)
        taken = []
        twenty = Deadline.after(20.0)
        for _ in range(5):
            logins = [asyncio.create_task(passdb.verify(ASKING, twenty)) for _ in range(10)]
            while not all(login.done() for login in logins):
                await asyncio.sleep(0)
                taken.append(passdb.slots.taken)
            assert {login.result().verdict for login in logins} == {ACCEPTED}
        passdb.close()
        await settled(partial(all_given_back, passdb))
    assert 0 < max(taken) <= limit


async def test_a_reload_closes_those_of_before_and_the_pace_goes_on(channel: Channel) -> None:
    async with channel.serving(channel.good()) as server:
        before = channel.remote(server.port, in_use_is_success=True)
        pace = await warmed(before, 2, then=1)
        after = channel.remote(server.port, in_use_is_success=True)
        after.take_over(before)
        assert after.warm.pace is pace
        assert after.slots.taken == 2
        before.close()
        assert after.slots.taken == 0
        assert (await ask(before)).verdict is ACCEPTED  # who asks is still answered
        assert (await ask(after)).verdict is ACCEPTED
        await settled(lambda: len(after.warm) == 1)
        assert len(before.warm) == 0
        after.close()
    assert all(channel.took_leave(peer) for peer in server.peers)
    assert len(server.peers) == 5


async def test_closing_while_they_get_ready(channel: Channel) -> None:
    """Wherever that is."""
    for stage in channel.stages:
        if not stage.in_opening:
            continue
        reached = threading.Event()
        behave = channel.failing_at(stage, partial(note, reached), hang)
        async with channel.serving(behave) as server:
            passdb = channel.remote(server.port)
            await warmed(passdb, 0, then=2)
            assert passdb.warm.take() is None
            await settled(reached.is_set)
            passdb.close()
            await settled(partial(all_given_back, passdb))
        assert len(server.peers) <= 2


async def test_closing_at_any_moment(channel: Channel) -> None:
    """A little later each time, until one waits; nothing is left."""
    async with channel.serving(channel.good()) as server:
        waits = False
        for turns in itertools.count():
            passdb = channel.remote(server.port)
            await warmed(passdb, 0, then=1)
            passdb.warm.take()
            for turn in range(turns):
                await asyncio.sleep(0.0005 if turn % 2 else 0)
            waits = len(passdb.warm) == 1
            passdb.close()
            await settled(partial(all_given_back, passdb))
            if waits:
                break
    assert turns > 2


async def test_a_login_that_is_cancelled_at_any_moment(channel: Channel) -> None:
    """What it took is ended and given back; what comes after finds another."""
    async with channel.serving(channel.good()) as server:
        passdb = channel.remote(server.port, in_use_is_success=True)
        for turns in itertools.count():
            await warmed(passdb)
            task = asyncio.create_task(passdb.verify(ASKING, Deadline.after(5.0)))
            for turn in range(turns):
                await asyncio.sleep(0.0005 if turn % 2 else 0)
            task.cancel()
            ended = False
            with contextlib.suppress(asyncio.CancelledError):
                assert (await task).verdict is ACCEPTED
                ended = True
            assert passdb.slots.taken == len(passdb.warm)
            passdb.close()
            assert all_given_back(passdb)
            if ended:
                break
            passdb.take_over(passdb)
    assert turns > 1


async def test_a_reset_in_any_moment_of_the_login(channel: Channel) -> None:
    """The loop may have noticed it or not, half of it or all: the login is answered right."""
    for turns in range(12):
        gate = threading.Event()
        stale = at_rest(channel, until(gate), reset)
        async with channel.serving(in_turn(stale, channel.good())) as server:
            passdb = channel.remote(server.port)
            await warmed(passdb)
            gate.set()
            if turns % 2:
                blocked_until(server.all_left)
            for _ in range(turns // 2):
                await asyncio.sleep(0)
            assert (await ask(passdb)).verdict is ACCEPTED
        assert len(server.peers) == 2
        assert all_given_back(passdb)


async def test_with_the_server_gone_nothing_of_them_is_left() -> None:
    with FakeServer(GOOD) as server:
        passdb = remote(server.port)
        await warmed(passdb, 4)
    await settled(partial(all_given_back, passdb))
    assert passdb.warm.unused == 4
