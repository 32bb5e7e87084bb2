"""When a server is looked at: in doubt, while it is away, and when logins want it. Exact times."""

import asyncio
import logging

import pytest
from lab.outages import Server, ask, took, until
from lab.virtual_time import VirtualTimeLoop

from sasl_bridge.verdict import Cause, Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE

pytestmark = pytest.mark.expect_warnings("server imap: away, not asked until it is back")


@pytest.fixture(autouse=True)
def loop_factory() -> type[VirtualTimeLoop]:
    """Have every test run in virtual time."""
    return VirtualTimeLoop


def tasks() -> int:
    """Return how many tasks there are beside the test's own."""
    return len(asyncio.all_tasks()) - 1


async def away(server: Server) -> None:
    """Have it refuse connections, and logins find out."""
    server.state = "refuses"
    for _ in range(3):
        await ask(server.passdb)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert server.breaker.is_away


# Nothing is wrong


async def test_a_server_that_answers_is_never_looked_at_and_costs_no_task_and_no_timer() -> None:
    imap = Server("imap")
    for verdict in (ACCEPTED, REJECTED) * 5:
        imap.verdict = verdict
        assert (await ask(imap.passdb)).verdict is verdict
        assert tasks() == 0
    assert imap.looks == []
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    assert [one for one in loop._scheduled if not one.cancelled()] == []  # type: ignore[attr-defined]


# In doubt


async def test_the_third_refusal_in_a_row_makes_one_look_and_then_nobody_is_asked() -> None:
    imap = Server("imap")
    await away(imap)
    assert (len(imap.asked), imap.looks) == (3, [0.0])
    answer = await ask(imap.passdb)
    assert (answer.verdict, answer.cause, answer.password_sent) == (
        UNAVAILABLE,
        Cause.SERVER,
        False,
    )
    assert (answer.source, answer.identity) == ("imap", "alice@example.com")
    assert answer.reason.startswith("not asked: connection refused; away since ")
    assert [(step.server, step.seconds) for step in answer.steps] == [("imap", 0.0)]
    assert len(imap.asked) == 3


async def test_a_server_that_gets_ready_is_not_away_whatever_logins_met() -> None:
    """Somebody's login hangs there: one user may provoke that."""
    imap = Server("imap")
    imap.state = "starves"
    for _ in range(5):
        assert await took(imap.passdb) == (UNAVAILABLE, 8.0)
    await asyncio.sleep(1.0)
    assert imap.looks == [8.0, 16.0, 24.0, 32.0, 40.0]
    assert not imap.breaker.is_away
    assert tasks() == 0


async def test_good_looks_in_doubt_are_five_seconds_apart() -> None:
    imap = Server("imap")
    imap.state = "starves"
    for _ in range(20):
        await ask(imap.passdb, 1.0)
    assert imap.looks == [1.0, 6.0, 11.0, 16.0]


async def test_an_answer_during_a_look_counts_for_more_than_the_look() -> None:
    imap = Server("imap", seconds=0.1)
    await ask(imap.passdb)
    imap.ready_seconds = 5.0
    imap.state = "starves"
    await ask(imap.passdb, 1.0)
    imap.state = "works"
    assert (await ask(imap.passdb)).verdict is ACCEPTED
    await asyncio.sleep(10.0)
    assert imap.looks == [1.1]
    assert imap.breaker.reason == "no greeting"
    assert imap.breaker.times_away == 0


async def test_a_server_that_needs_five_seconds_for_everything_is_never_away() -> None:
    """Some look up the client's name before they greet."""
    imap = Server("imap", seconds=5.0)
    imap.ready_seconds = 5.0
    for seconds in (8.0, 3.0, 3.0, 3.0, 8.0):
        try:
            async with asyncio.timeout(seconds):
                await ask(imap.passdb)
        except TimeoutError:
            assert seconds < 5.0
    await asyncio.sleep(10.0)
    assert imap.looks == [8.0]
    assert imap.breaker.times_away == 0


# While it is away


async def test_it_is_looked_at_ever_more_seldom_and_not_more_seldom_than_each_half_minute() -> None:
    imap = Server("imap")
    await away(imap)
    await asyncio.sleep(125.0)
    assert imap.looks == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 61.0, 91.0, 121.0]
    assert tasks() == 1
    imap.lookout.close()


async def test_a_silent_server_is_given_eight_seconds_to_get_ready() -> None:
    imap = Server("imap")
    await away(imap)
    imap.state = "hangs"
    await asyncio.sleep(40.0)
    assert imap.looks == [0.0, 1.0, 11.0, 23.0, 39.0]
    assert imap.breaker.reason == "no greeting"
    imap.state = "works"
    assert await until(lambda: not imap.breaker.is_away) == pytest.approx(40.0, abs=0.2)


async def test_when_it_is_back_it_is_asked_and_looked_at_no_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    imap = Server("imap")
    await away(imap)
    await asyncio.sleep(5.0)
    imap.state = "works"
    assert await until(lambda: not imap.breaker.is_away) == pytest.approx(7.0, abs=0.1)
    assert caplog.messages[-1] == "server imap: back after 7 s, asked again"
    assert (await ask(imap.passdb)).verdict is ACCEPTED
    await asyncio.sleep(100.0)
    assert imap.looks == [0.0, 1.0, 3.0, 7.0]
    assert tasks() == 0


async def test_logins_that_want_it_have_it_looked_at_every_second() -> None:
    imap = Server("imap")
    await away(imap)
    await asyncio.sleep(61.5)
    del imap.looks[:]
    for _ in range(10):
        assert await took(imap.passdb) == (UNAVAILABLE, 0.0)
        await asyncio.sleep(0.4)
    assert imap.looks == [62.3, 63.5, 64.7]
    imap.lookout.close()


async def test_but_one_at_a_time() -> None:
    imap = Server("imap")
    await away(imap)
    imap.state = "hangs"
    for _ in range(60):
        assert await took(imap.passdb) == (UNAVAILABLE, 0.0)
        await asyncio.sleep(0.4)
    assert imap.looks == pytest.approx([0.0, 1.0, 10.0, 19.0], abs=0.5)
    imap.lookout.close()


async def test_the_first_login_after_a_long_quiet_time_has_it_looked_at_at_once() -> None:
    imap = Server("imap")
    await away(imap)
    await asyncio.sleep(70.0)
    imap.state = "works"
    reason = (await ask(imap.passdb)).reason
    assert reason.endswith(", being looked at")
    await asyncio.sleep(0.01)
    assert imap.looks[-1] == 70.0
    assert (await ask(imap.passdb)).verdict is ACCEPTED


async def test_an_answer_to_a_login_that_was_under_way_ends_it_all() -> None:
    imap = Server("imap", seconds=3.0)
    under_way = asyncio.create_task(ask(imap.passdb))
    await asyncio.sleep(1.0)
    await away(imap)
    assert (await under_way).verdict is ACCEPTED
    assert not imap.breaker.is_away
    await asyncio.sleep(0.01)
    assert tasks() == 0


# Reload and end


async def test_closed_it_looks_no_more_and_leaves_no_task() -> None:
    imap = Server("imap")
    await away(imap)
    imap.lookout.close()
    await asyncio.sleep(0.01)
    assert tasks() == 0
    assert (await ask(imap.passdb)).verdict is UNAVAILABLE
    await asyncio.sleep(100.0)
    assert imap.looks == [0.0]
    assert tasks() == 0


async def test_a_login_that_ends_after_it_was_closed_begins_no_look() -> None:
    imap = Server("imap")
    imap.state = "starves"
    imap.lookout.close()
    await ask(imap.passdb)
    await asyncio.sleep(100.0)
    assert imap.looks == []


async def test_the_lookout_of_the_settings_to_come_looks_at_once_where_it_is_away() -> None:
    before, after = Server("imap"), Server("imap")
    after.lookout.breaker = before.breaker
    after.lookout.begin()
    assert tasks() == 0, "nothing is wrong"
    await away(before)
    await asyncio.sleep(10.0)
    before.lookout.close()
    after.lookout.begin()
    await asyncio.sleep(0.01)
    assert after.looks == [10.0]
    assert not before.breaker.is_away


# A fault of ours


@pytest.mark.expect_warnings("away, not asked|a look at it raised, so it is asked")
async def test_a_look_that_raises_keeps_no_login_from_the_server(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    imap = Server("imap")
    await away(imap)
    monkeypatch.setattr(imap.lookout, "_look", None)
    await asyncio.sleep(2.0)
    assert "TypeError" in caplog.text
    assert not imap.breaker.is_away
    assert tasks() == 0
