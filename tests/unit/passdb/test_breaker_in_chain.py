"""What logins notice of a server that hangs, in the list with its neighbours: in exact times."""

import asyncio
from statistics import quantiles

import pytest
from lab.outages import Server, ask, elapsed, logins, until
from lab.virtual_time import VirtualTimeLoop

from sasl_bridge.passdb.chain import Chain, Listed
from sasl_bridge.verdict import Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE

pytestmark = pytest.mark.expect_warnings("server (first|second): away, not asked until it is back")


@pytest.fixture(autouse=True)
def loop_factory() -> type[VirtualTimeLoop]:
    """Have every test run in virtual time."""
    return VirtualTimeLoop


def chain(*servers: Server) -> Chain:
    listed = [Listed(server.name, server.passdb) for server in servers]
    return Chain(listed, failure_delay=2.0)


def p99(seconds: list[float]) -> float:
    return quantiles(seconds, n=100)[98]


@pytest.mark.parametrize("state", ["hangs", "refuses"])
async def test_the_first_of_two_fails_under_load_and_no_login_fails_for_its_sake(
    state: str,
) -> None:
    """Those that find it hanging wait for their share, 3 s, then for the look, 2 s; then nobody."""
    first, second = Server("first"), Server("second")
    both = chain(first, second)
    healthy = await logins(both, 300, every=0.05)
    assert {verdict for verdict, _ in healthy} == {ACCEPTED}
    assert second.asked == []

    first.state = state  # type: ignore[assignment]  # it is one
    began = elapsed()
    during = asyncio.create_task(logins(both, 200, every=0.05))
    opened = await until(lambda: first.breaker.is_away) - began
    assert opened == pytest.approx(5.0 if state == "hangs" else 0.1, abs=0.15)
    in_all = await during
    assert {verdict for verdict, _ in in_all} == {ACCEPTED}
    assert max(seconds for _, seconds in in_all) <= 3.11

    asked = len(first.asked)
    broken = await logins(both, 300, every=0.05)
    assert {verdict for verdict, _ in broken} == {ACCEPTED}
    assert p99([seconds for _, seconds in broken]) <= 1.5 * p99([took for _, took in healthy])
    assert len(first.asked) == asked

    first.state = "works"
    await until(lambda: not first.breaker.is_away, 30.0)
    after = await logins(both, 100, every=0.05)
    assert {verdict for verdict, _ in after} == {ACCEPTED}
    assert len(first.asked) == asked + 100
    assert first.breaker.times_away == 1


async def test_one_login_finds_out_that_the_first_server_hangs_and_the_next_does_not() -> None:
    """However seldom logins come."""
    first, second = Server("first"), Server("second")
    both = chain(first, second)
    first.state = "hangs"
    (one,) = await logins(both, 1, every=60.0)
    assert one == (ACCEPTED, 3.1)
    assert first.looks[0] == 3.1
    (two,) = await logins(both, 1, every=60.0)
    assert two == (ACCEPTED, 0.1)
    assert len(first.asked) == 1
    first.lookout.close()


async def test_with_nobody_else_to_ask_a_login_hears_at_once_that_it_is_to_try_later() -> None:
    first, second = Server("first"), Server("second")
    both = chain(first, second)
    first.state = second.state = "hangs"
    assert await logins(both, 1, every=30.0) == [(UNAVAILABLE, 7.95)]
    assert first.breaker.is_away
    assert second.breaker.is_away
    assert await logins(both, 20, every=1.0) == [(UNAVAILABLE, 0.0)] * 20
    answer = await ask(both)
    assert (answer.source, answer.password_sent) == ("first", False)
    assert [step.detail.partition(":")[0] for step in answer.steps] == ["not asked"] * 2
    second.state = "works"
    back = elapsed()
    assert await until(lambda: not second.breaker.is_away) - back <= 30.0
    assert (await ask(both)).verdict is ACCEPTED
    first.lookout.close()


async def test_a_no_of_the_others_is_none_while_a_server_that_must_know_is_away() -> None:
    first, second = Server("first"), Server("second", REJECTED)
    both = chain(first, second)
    first.state = "refuses"
    verdicts = [(await ask(both)).verdict for _ in range(5)]
    assert verdicts == [UNAVAILABLE] * 5
    assert len(first.asked) == 3
    first.state = "works"
    await until(lambda: not first.breaker.is_away)
    assert (await ask(both)).verdict is ACCEPTED


async def test_a_server_whose_no_takes_longer_than_its_share_is_not_away() -> None:
    """Most logins are those of the second server, and are unknown at the first."""
    first, second = Server("first", REJECTED, seconds=5.0), Server("second")
    both = chain(first, second)
    assert await logins(both, 50, every=0.5) == [(ACCEPTED, 3.1)] * 50
    assert first.breaker.times_away == 0
    assert len(first.looks) == 5, "one in five seconds"
