"""How many connections wait for a login, and what becomes of them: no server, and exact times."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.virtual_time import VirtualTimeLoop

from bridge_common.network.trouble import UnreachableError
from sasl_bridge.dialogue.interface import DialogueRules, Outcome
from sasl_bridge.dialogue.pop3 import Pop3Dialogue
from sasl_bridge.passdb.conversation import Conversation
from sasl_bridge.passdb.slots import Slots
from sasl_bridge.passdb.warm import Pace, WarmConnections
from sasl_bridge.verdict import Verdict

CAP = 16
OVER = Outcome(Verdict.UNAVAILABLE, "the server said BYE")


# How many are wanted


def paced(rate: float, setup: float, *, seconds: float = 120.0) -> Pace:
    """Return the pace after so many seconds of even traffic, the last login at 1000."""
    pace = Pace()
    pace.note_setup(setup, 1000)
    logins = int(rate * seconds)
    for number in range(logins):
        pace.note_login(1000 - (logins - 1 - number) / rate)
    return pace


@pytest.mark.parametrize(
    ("rate", "setup", "wanted"),
    [
        (0.1, 0.1, 0),  # two would come while one waits
        (0.2, 0.1, 2),
        (10, 0.1, 3),
        (100, 0.1, 16),
        (1000, 0.1, 16),
        (10, 0.004, 0),  # as near as that: it would gain nothing
        (10, 0.02, 2),
        (100, 0.01, 3),
    ],
)
def test_as_many_as_logins_come_while_one_gets_ready(
    rate: float, setup: float, wanted: int
) -> None:
    assert paced(rate, setup).wanted(1000) == wanted


def test_none_before_a_connection_got_ready() -> None:
    pace = Pace()
    for number in range(100):
        pace.note_login(1000 + number / 100)
    assert pace.wanted(1001) == 0


def test_none_some_time_after_the_last_login() -> None:
    """However many there were: as soon as one would have waited in vain."""
    pace = paced(10, 0.1)
    assert [pace.wanted(1000 + seconds) for seconds in (0, 10, 20, 21)] == [3, 3, 2, 0]


def test_a_short_time_of_many_logins_does_not_count_for_long() -> None:
    pace = paced(1, 0.1)
    for number in range(400):
        pace.note_login(1000 + number / 200)
    assert pace.wanted(1002) == 16
    assert pace.wanted(1010) == 3


def test_what_a_busy_moment_adds_to_the_setup_counts_only_if_it_lasts() -> None:
    pace = Pace()
    pace.note_setup(0.1, 1000)
    pace.note_setup(3.0, 1000)
    assert pace.setup_seconds == 0.1
    pace.note_setup(3.0, 1060)
    assert pace.setup_seconds == pytest.approx(0.2)
    for minute in range(10):
        pace.note_setup(3.0, 1120 + 60 * minute)
    assert pace.setup_seconds == 3.0
    pace.note_setup(0.02, 2000)
    assert pace.setup_seconds == 0.02


@pytest.mark.parametrize("later", [17 * 3600, 18 * 3600, 3e9])
def test_a_connection_after_a_long_time_counts_as_it_is(later: float) -> None:
    pace = Pace()
    pace.note_setup(0.1, 1000 + later)
    assert pace.setup_seconds == 0.1
    pace.note_setup(3.0, 1000 + 2 * later)
    assert pace.setup_seconds == 3.0


moments = st.lists(st.floats(0.001, 100.0), max_size=100)


@given(moments, st.floats(0.0, 10.0), st.floats(0.0, 20.0), st.floats(0.0, 1000.0))
def test_never_more_than_the_cap_and_none_without_traffic(
    gaps: list[float], setup: float, may_wait: float, later: float
) -> None:
    pace = Pace(may_wait_seconds=may_wait)
    pace.note_setup(setup, 1000)
    now = 1000.0
    for gap in gaps:
        now += gap
        pace.note_login(now)
        assert 0 <= pace.wanted(now) <= CAP
        assert pace.may_wait_seconds <= 20
    assert pace.wanted(now + later) <= pace.wanted(now)
    assert pace.wanted(now + 300) == 0
    if len(gaps) < 5:
        assert pace.wanted(now) == 0


# What becomes of them


class Lab:
    """A server at a distance of 0.1 s that need not exist: its connections carry nothing."""

    def __init__(self, limit: int = 50) -> None:
        self.opened: list[Conversation] = []
        self.away = False
        self.slots = Slots(limit)
        self.warm = WarmConnections(self.get_ready, self.slots, clock=self.now)

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def get_ready(self) -> Conversation:
        assert self.slots.taken <= self.slots.limit
        self.opened.append(conversation := self.conversation())
        await asyncio.sleep(0.1)
        if self.away:
            raise UnreachableError("it is away")
        self.warm.note_setup(0.1)
        return conversation

    def conversation(self) -> Conversation:
        return Conversation(Pop3Dialogue(None, DialogueRules()), "192.0.2.1", 110, None)

    def end(self, conversation: Conversation) -> None:
        """Have the server end it."""
        conversation.outcome.set_result(OVER)

    async def log_in(self, seconds: float = 0.1) -> bool:
        """Log in as `RemotePassdb` does, which takes so long; return whether one was warm."""
        conversation = self.warm.take()
        if conversation is None and not await self.slots.take(1.0):
            return False
        try:
            assert self.slots.taken <= self.slots.limit
            if conversation is not None:
                assert not conversation.outcome.done()
            elif not self.away:
                self.warm.note_setup(0.1)
            await asyncio.sleep(seconds)
        finally:
            self.slots.free()
        return conversation is not None

    async def log_in_often(self, number: int, apart: float) -> int:
        """Log in one after the other; return how many found a warm one."""
        warm = 0
        for _ in range(number):
            warm += await self.log_in(0.0)
            await asyncio.sleep(apart)
        return warm


def played(test: Callable[[Lab], Awaitable[None]], limit: int = 50) -> None:
    """Run it where time passes only when all wait; in the end nothing is left."""

    async def play() -> None:
        lab = Lab(limit)
        await test(lab)
        lab.warm.close()
        await asyncio.sleep(0.2)
        assert lab.slots.taken == 0
        assert len(lab.warm) == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(play())


def test_after_the_first_few_logins_find_one() -> None:
    async def test(lab: Lab) -> None:
        assert await lab.log_in_often(5, 0.2) == 0
        assert await lab.log_in_often(20, 0.2) == 20
        assert lab.warm.used == 20
        assert len(lab.warm) == 2

    played(test)


def test_when_logins_cease_the_last_ones_end_and_are_not_replaced() -> None:
    async def test(lab: Lab) -> None:
        await lab.log_in_often(10, 0.2)
        opened = len(lab.opened)
        assert len(lab.warm) == 2
        await asyncio.sleep(300)
        assert len(lab.warm) == 0
        # Those that waited when the logins ceased, and two more while it might be a pause.
        assert len(lab.opened) <= opened + 2
        assert lab.warm.unused <= 4

    played(test)


def test_one_that_waits_too_long_is_replaced_while_logins_come() -> None:
    async def test(lab: Lab) -> None:
        for _ in range(30):
            lab.warm.pace.note_login(lab.now())
        await lab.log_in_often(3, 1.0)
        first = lab.warm._waiting[0].conversation
        await asyncio.sleep(21)
        assert len(lab.warm) == 2
        assert lab.warm.unused == 2
        assert first is not lab.warm._waiting[0].conversation

    played(test)


def test_one_that_ended_is_not_handed_out_in_the_very_moment() -> None:
    """What its server said last was said before the login."""

    async def test(lab: Lab) -> None:
        await lab.log_in_often(10, 0.2)
        first, second = (one.conversation for one in lab.warm._waiting)
        lab.end(first)
        assert lab.warm.take() is second
        lab.slots.free()

    played(test)


def test_of_a_server_that_ends_them_sooner_they_are_ended_sooner_still() -> None:
    async def test(lab: Lab) -> None:
        await lab.log_in_often(10, 0.2)
        lab.warm.pace.may_wait_seconds = 15.0
        waited = lab.now() - lab.warm._waiting[0].since
        await asyncio.sleep(10 - waited)
        lab.end(lab.warm._waiting[0].conversation)
        await asyncio.sleep(0)
        assert lab.warm.pace.may_wait_seconds == pytest.approx(7.0)

    played(test)


def test_after_a_restart_of_the_server_they_soon_wait_again() -> None:
    """The server ended one that had hardly begun to wait: that says nothing of its patience."""

    async def test(lab: Lab) -> None:
        await lab.log_in_often(30, 0.2)
        for one in tuple(lab.warm._waiting):
            lab.end(one.conversation)
        await asyncio.sleep(0)
        assert len(lab.warm) == 0
        assert lab.warm.pace.may_wait_seconds < 0.2
        assert await lab.log_in_often(200, 0.2) > 20
        assert await lab.log_in_often(20, 0.2) == 20

    played(test)


@pytest.mark.parametrize("apart", [0.01, 0.1, 0.5, 1.0])
def test_a_server_that_ends_each_after_a_second_is_not_stormed(apart: float) -> None:
    """Most connections carry a login, as the promise is."""

    async def test(lab: Lab) -> None:
        async def end_each() -> None:
            while True:
                await asyncio.sleep(0.05)
                for one in tuple(lab.warm._waiting):
                    if lab.now() - one.since >= 1.0:
                        lab.end(one.conversation)

        ending = asyncio.create_task(end_each())
        await lab.log_in_often(1000, apart)
        ending.cancel()
        assert lab.warm.unused <= 100

    played(test)


def test_a_server_that_is_away_is_not_stormed() -> None:
    """One fails that was to wait; from then on only logins find out whether it is back."""

    async def test(lab: Lab) -> None:
        await lab.log_in_often(10, 0.2)
        lab.away = True
        opened = len(lab.opened)
        await lab.log_in_often(100, 0.2)
        await asyncio.sleep(30)
        assert len(lab.opened) - opened <= 2
        lab.away = False
        assert await lab.log_in_often(20, 0.2) >= 18

    played(test)


@pytest.mark.parametrize(("limit", "most"), [(1, 0), (2, 1), (3, 1), (10, 5), (50, 16)])
def test_half_of_the_connections_are_left_to_logins(limit: int, most: int) -> None:
    async def test(lab: Lab) -> None:
        for _ in range(10_000):
            lab.warm.pace.note_login(lab.now())
        lab.warm.note_setup(0.1)
        assert lab.warm.take() is None
        await asyncio.sleep(1)
        assert len(lab.warm) == lab.slots.taken == most

    played(test, limit)


def test_whoever_waits_for_a_connection_goes_before_those_to_come() -> None:
    async def test(lab: Lab) -> None:
        for _ in range(10):
            lab.warm.pace.note_login(lab.now())
        lab.warm.note_setup(0.1)
        assert lab.warm.take() is None
        await asyncio.sleep(0.05)
        assert len(lab.opened) == 2  # of four
        logins = [asyncio.create_task(lab.log_in(0.5)) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert len(lab.warm) == 0
        assert lab.warm.unused == 2
        assert lab.slots.taken == 3
        await asyncio.wait(logins)

    played(test, limit=4)


def test_closing_ends_those_that_wait_and_those_that_get_ready() -> None:
    async def test(lab: Lab) -> None:
        await lab.log_in_often(10, 0.2)
        lab.warm.take()
        lab.slots.free()
        await asyncio.sleep(0.01)
        assert lab.slots.taken == 2
        lab.warm.close()
        await asyncio.sleep(0)
        assert lab.slots.taken == 0
        opened = len(lab.opened)
        assert await lab.log_in_often(10, 0.2) == 0
        assert len(lab.opened) == opened

    played(test)


def test_closing_at_once_is_closing_before_it_began() -> None:
    async def test(lab: Lab) -> None:
        await lab.log_in_often(10, 0.2)
        lab.warm.take()
        lab.slots.free()
        lab.warm.close()

    played(test)


steps = st.lists(
    st.tuples(
        st.sampled_from(["login", "login", "login", "cancel", "end", "away", "back", "wait"]),
        st.sampled_from([0.0, 0.01, 0.1, 0.15, 1.0, 25.0]),
    ),
    max_size=60,
)


@given(st.sampled_from([1, 2, 3, 50]), steps)
def test_whatever_happens_each_slot_is_taken_and_given_back_once(
    limit: int, steps: list[tuple[str, float]]
) -> None:
    async def test(lab: Lab) -> None:
        for _ in range(100):
            lab.warm.pace.note_login(lab.now())
        logins: list[asyncio.Task[bool]] = []
        for what, seconds in steps:
            if what == "wait":
                await asyncio.sleep(seconds)
            happen(lab, logins, what, seconds)
            assert 0 <= lab.slots.taken <= limit
            assert len(lab.warm) <= min(CAP, limit // 2)
        for login in logins:
            with contextlib.suppress(asyncio.CancelledError):
                await login

    played(test, limit)


def happen(lab: Lab, logins: list[asyncio.Task[bool]], what: str, seconds: float) -> None:
    match what:
        case "login":
            logins.append(asyncio.create_task(lab.log_in(seconds)))
        case "cancel" if logins:
            logins[-1].cancel()
        case "end" if len(lab.warm) and not lab.warm._waiting[0].conversation.over:
            lab.end(lab.warm._waiting[0].conversation)
        case "away" | "back":
            lab.away = what == "away"
