"""A server that works, refuses or hangs as the test says, with its lookout, in virtual time.

For `lab.virtual_time`'s loop: exact times, no socket, no real sleep.
"""

import asyncio
from collections.abc import Callable
from typing import Literal

from bridge_common.deadline import Deadline
from lab.scripted_list import ASKING
from lab.virtual_time import BEGIN
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.breaker import Breaker
from sasl_bridge.passdb.interface import Passdb
from sasl_bridge.passdb.lookout import Lookout
from sasl_bridge.passdb.unless_away import UnlessAway
from sasl_bridge.verdict import Answer, Cause, Verdict

State = Literal["works", "refuses", "hangs", "starves"]
"""``starves``: it answers no login, but gets ready for each."""

_STEP_SECONDS = 0.05


class Server:
    """Answers logins after ``seconds``, and gets ready for them after ``ready_seconds``.

    ``asked`` and ``looks``: when that began. ``passdb`` asks it unless it is away.
    """

    def __init__(
        self, name: str, verdict: Verdict = Verdict.ACCEPTED, *, seconds: float = 0.1
    ) -> None:
        self.name = name
        self.state: State = "works"
        self.verdict = verdict
        self.seconds = seconds
        self.ready_seconds = 0.0
        self.asked: list[float] = []
        self.looks: list[float] = []
        self.breaker = Breaker(name, _clock)
        self.lookout = Lookout(self.breaker, self._look, lambda seconds: seconds)
        self.passdb = UnlessAway(self, self.lookout)
        self._is_looked_at = False

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        self.asked.append(elapsed())
        if self.state == "works":
            await asyncio.sleep(self.seconds)
            return self._answer(self.verdict, "its word")
        if self.state == "refuses":
            return self._answer(Verdict.UNAVAILABLE, "connection refused", Cause.SERVER)
        await asyncio.sleep(deadline.remaining())
        cause = Cause.SERVER if self.state == "hangs" else Cause.LOGIN
        return self._answer(Verdict.UNAVAILABLE, "it is silent", cause)

    def _answer(self, verdict: Verdict, reason: str, cause: Cause | None = None) -> Answer:
        return Answer(verdict, ASKING.identity.address, self.name, reason, cause=cause)

    async def _look(self, deadline: Deadline) -> str:
        assert not self._is_looked_at, "one look at a time"
        self.looks.append(elapsed())
        self._is_looked_at = True
        try:
            return await self._look_until(deadline)
        finally:
            self._is_looked_at = False

    async def _look_until(self, deadline: Deadline) -> str:
        began = _clock()
        while deadline.remaining():
            if self.state == "refuses":
                return "connection refused"
            if self.state != "hangs" and _clock() - began >= self.ready_seconds:
                return ""
            await asyncio.sleep(min(_STEP_SECONDS, deadline.remaining()))
        return "no greeting"


def _clock() -> float:
    return asyncio.get_running_loop().time()


def elapsed() -> float:
    """Return the seconds since the loop began."""
    return round(_clock() - BEGIN, 2)


async def ask(passdb: Passdb, seconds: float = 8.0) -> Answer:
    """Ask about alice, who has so many seconds."""
    return await passdb.verify(ASKING, Deadline.after(seconds, _clock))


async def took(passdb: Passdb) -> tuple[Verdict, float]:
    """Ask; return the verdict, and how many seconds it took."""
    began = _clock()
    answer = await ask(passdb)
    return answer.verdict, round(_clock() - began, 2)


async def logins(passdb: Passdb, count: int, every: float) -> list[tuple[Verdict, float]]:
    """Begin so many logins, one after so many seconds; return what `took` returns of each."""
    under_way = []
    for _ in range(count):
        under_way.append(asyncio.create_task(took(passdb)))
        await asyncio.sleep(every)
    return await asyncio.gather(*under_way)


async def until(condition: Callable[[], bool], seconds: float = 100.0) -> float:
    """Wait until the condition holds; return what `elapsed` is then."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(_STEP_SECONDS)
    return elapsed()
