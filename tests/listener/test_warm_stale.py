"""Connections that waited for a login and were over when it came, or end in its middle."""

import threading
from collections.abc import Mapping

import pytest
from lab.asking import (
    ASKING,
    GOOD,
    GREETING,
    Channel,
    Sides,
    remote,
    serving,
)
from lab.fake_pop3 import maildrops
from lab.fake_server import (
    Behaviour,
    Step,
    hang,
    hang_up,
    hear,
    reset,
    script,
    stop_writing,
)
from lab.warmth import WRONG, all_given_back, ask, at_rest, blocked_until, in_turn, until, warmed

from sasl_bridge.verdict import Cause, Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE
STALE: Mapping[str, tuple[Step, ...]] = {
    "closed": (hear, hang_up),
    "half closed": (hear, stop_writing, hang),
    "reset": (hear, reset),
    "closed unheard": (hang_up,),
    "reset unheard": (reset,),
}


@pytest.mark.parametrize("how", STALE)
async def test_one_that_ends_without_a_word_is_replaced_within_the_login(
    channel: Channel, how: str
) -> None:
    gate = threading.Event()
    stale = at_rest(channel, until(gate), *STALE[how])
    for who, verdict in ((ASKING, ACCEPTED), (WRONG, REJECTED)):
        gate.clear()
        async with channel.serving(in_turn(stale, channel.good())) as server:
            passdb = channel.remote(server.port)
            await warmed(passdb)
            gate.set()
            if hear not in STALE[how]:
                blocked_until(server.all_left)
            answer = await ask(passdb, who)
        assert (answer.verdict, answer.cause, answer.password_sent) == (verdict, None, True)
        assert len(server.peers) == 2
        assert all_given_back(passdb)


FAREWELL = b"-ERR Disconnected for inactivity.\r\n"


def leaving(gate: threading.Event) -> Behaviour:
    """Return a POP3 server that takes leave of a connection on which it awaits USER."""
    return script(b"+OK ready\r\n", hear, b"+OK\r\nUSER\r\n.\r\n", until(gate), FAREWELL, hang_up)


async def test_a_farewell_that_crosses_the_login_is_no_refusal() -> None:
    """USER may be refused, but a connection that waited says -ERR for other reasons as well."""
    for who, verdict in ((ASKING, ACCEPTED), (WRONG, REJECTED)):
        gate = threading.Event()
        good = maildrops({"alice@example.com": b"secret"}, ("USER",))
        async with serving(in_turn(leaving(gate), good)) as server:
            passdb = remote(server.port, protocol="pop3")
            await warmed(passdb)
            gate.set()
            blocked_until(server.all_left)
            answer = await ask(passdb, who)
        assert (answer.verdict, answer.password_sent) == (verdict, True)
        assert len(server.peers) == 2
        assert all_given_back(passdb)


async def test_a_farewell_that_leaves_no_time_is_no_refusal_either() -> None:
    gate = threading.Event()
    async with serving(in_turn(leaving(gate), script(hang))) as server:
        passdb = remote(server.port, protocol="pop3")
        await warmed(passdb)
        gate.set()
        blocked_until(server.all_left)
        answer = await ask(passdb, seconds=0.2)
    assert (answer.verdict, answer.cause) == (UNAVAILABLE, Cause.LOGIN)
    assert not answer.password_sent


@pytest.mark.parametrize("how", ["closed", "reset"])
async def test_one_that_ends_after_one_byte_is_not_replaced(channel: Channel, how: str) -> None:
    """The server may have counted a wrong password."""
    stale = at_rest(channel, hear, b"*", *STALE[how][1:])
    async with channel.serving(in_turn(stale, channel.good())) as server:
        passdb = channel.remote(server.port)
        await warmed(passdb)
        answer = await ask(passdb)
    assert (answer.verdict, answer.cause) == (UNAVAILABLE, Cause.LOGIN)
    assert len(server.peers) == 1
    assert all_given_back(passdb)


async def test_one_that_is_fresh_is_never_replaced(channel: Channel) -> None:
    stale = at_rest(channel, hear, hang_up)
    async with channel.serving(in_turn(stale, channel.good())) as server:
        answer = await ask(channel.remote(server.port))
    assert (answer.verdict, answer.cause) == (UNAVAILABLE, Cause.LOGIN)
    assert len(server.peers) == 1


async def test_where_no_fresh_one_is_to_be_had_the_password_may_have_been_heard_all_the_same(
    sides: Sides,
) -> None:
    stale = script(GREETING, hear, hang_up)
    async with serving(in_turn(stale, script(b"* BYE busy\r\n")), sides.server) as server:
        passdb = remote(server.port, sides.client)
        await warmed(passdb)
        answer = await ask(passdb)
    assert (answer.verdict, answer.cause) == (UNAVAILABLE, Cause.SERVER)
    assert answer.reason == "the server greets with BYE busy"
    assert answer.password_sent
    assert len(server.peers) == 2


async def test_a_fresh_one_that_ends_without_a_word_is_not_replaced(sides: Sides) -> None:
    """Once is enough."""
    async with serving(script(GREETING, hear, hang_up), sides.server) as server:
        passdb = remote(server.port, sides.client)
        await warmed(passdb, 3)
        answer = await ask(passdb)
        passdb.close()
    assert (answer.verdict, answer.cause) == (UNAVAILABLE, Cause.LOGIN)
    assert len(server.peers) == 4


async def test_no_fresh_one_begins_where_no_time_is_left_for_it() -> None:
    """It would look as if the server were away."""
    hung = threading.Event()
    stale = script(GREETING, hear, until(hung, 0.9), hang_up)
    async with serving(in_turn(stale, GOOD)) as server:
        passdb = remote(server.port)
        await warmed(passdb)
        answer = await ask(passdb, seconds=1.0)
    assert (answer.verdict, answer.cause, answer.password_sent) == (
        UNAVAILABLE,
        Cause.LOGIN,
        True,
    )
    assert len(server.peers) == 1


async def test_one_that_stays_silent_is_not_replaced(channel: Channel) -> None:
    async with channel.serving(in_turn(at_rest(channel, hang), channel.good())) as server:
        passdb = channel.remote(server.port)
        await warmed(passdb)
        answer = await ask(passdb, seconds=0.5)
    assert (answer.verdict, answer.cause) == (UNAVAILABLE, Cause.LOGIN)
    assert len(server.peers) == 1
    assert all_given_back(passdb)
