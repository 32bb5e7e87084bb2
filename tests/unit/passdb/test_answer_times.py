"""How often a server answers what, and how long it takes."""

import asyncio

import pytest
from lab.remembered_logins import ALICE, says

from bridge_common.deadline import Deadline
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.answer_times import AnswerTimes, TimedPassdb
from sasl_bridge.verdict import Answer, Cause, Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE


class Lab:
    """A server that takes ``seconds``, in the time of the test, to answer or to raise."""

    def __init__(self, answer: Answer | BaseException, seconds: float = 0.25) -> None:
        self.now = 1000.0
        self.times = AnswerTimes()
        self._answer = answer
        self._seconds = seconds

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        self.now += self._seconds
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer

    async def ask(self) -> Answer:
        deadline = Deadline.after(8.0, lambda: self.now)
        return await TimedPassdb(self, self.times).verify(ALICE, deadline)

    def counts(self) -> dict[Verdict | None, tuple[int, float]]:
        """Return, of each verdict that came, how often it did, and the seconds in all."""
        told = self.times.by_verdict.items()
        all_of_them = {verdict: (one.cumulative()[-1][1], one.sum) for verdict, one in told}
        return {verdict: counted for verdict, counted in all_of_them.items() if counted[0]}


@pytest.mark.parametrize("verdict", [ACCEPTED, REJECTED, UNAVAILABLE])
async def test_each_answer_is_counted_with_its_verdict_and_passed_on(verdict: Verdict) -> None:
    lab = Lab(says(verdict))
    assert await lab.ask() == says(verdict)
    expected: dict[Verdict | None, tuple[int, float]] = {verdict: (1, 0.25)}
    assert lab.counts() == expected


async def test_an_answer_that_nobody_waits_for_is_counted_as_such() -> None:
    lab = Lab(asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await lab.ask()
    expected: dict[Verdict | None, tuple[int, float]] = {None: (1, 0.25)}
    assert lab.counts() == expected


async def test_a_server_that_was_not_asked_so_as_not_to_lock_the_account_did_not_answer() -> None:
    restrained = Answer(UNAVAILABLE, "alice@example.com", "mail", "spent", cause=Cause.RESTRAINT)
    lab = Lab(restrained)
    assert await lab.ask() == restrained
    assert lab.counts() == {}
