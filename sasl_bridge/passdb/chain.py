"""The list of servers: who is asked, in which order, and what their answers amount to.

Knows the laws of the list: an ACCEPTED ends it; a no counts only if every required server that
might know the login could say so; a slow server stays asked while the next is asked beside it.
So the order is no veto: any ACCEPTED before the deadline counts, and a slow server whose no would
have ended the list ("stop") is overtaken by the yes of a later one that was asked meanwhile.
Does not know what a server is. Raises nothing but CancelledError; logs a passdb that raises.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bridge_common.deadline import Deadline
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.interface import Passdb
from sasl_bridge.verdict import Answer, Cause, Step, Verdict

_log = logging.getLogger(__name__)

_LEAST_SHARE_SECONDS = 1.0
# The servers hear of a deadline that is nearer by this, so that they can still say what is wrong.
_LAST_WORDS_SECONDS = 0.05


def share_seconds(remaining: float, failure_delay: float, unasked: int) -> float:
    """Return how long a server is waited for alone, with so many yet to be asked, it included."""
    return max((remaining - failure_delay) / unasked, _LEAST_SHARE_SECONDS)


@dataclass(frozen=True, slots=True)
class Listed:
    """A server's place in the list.

    ``domains`` are A-labels in lower case; empty: it may know every login.
    ``on_reject``: whether the servers after it matter once it has said no.
    ``required``: whether its outage keeps a no of the others from being a no.
    """

    name: str
    passdb: Passdb
    domains: frozenset[str] = frozenset()
    on_reject: Literal["next", "stop"] = "next"
    required: bool = True


class Chain:
    """Asks the servers that serve the login's domain. A `Passdb`.

    ``failure_delay``: seconds that the shares leave for the last server's answer, since a no
    may wait so long anyhow.
    """

    def __init__(self, servers: Sequence[Listed], failure_delay: float) -> None:
        self._servers = tuple(servers)
        self._failure_delay = failure_delay

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        """Answer by the deadline, and leave no task behind."""
        identity = credentials.identity
        serving = [
            listed
            for listed in self._servers
            if not listed.domains or identity.domain in listed.domains
        ]
        if not serving:
            reason = f"no server serves {identity.domain}"
            return Answer(Verdict.REJECTED, identity.address, "list", reason)
        inquiry = _Inquiry(serving, credentials, deadline, self._failure_delay)
        await inquiry.run()
        return inquiry.answer()


@dataclass(slots=True)
class _Asked:
    """A server that was asked; ``answer`` is None as long as it owes one.

    ``beside``: since its share is over, a task asks those behind it.
    """

    listed: Listed
    began: float
    beside: asyncio.Task[None] | None = None
    answer: Answer | None = None
    seconds: float = 0.0


class _Inquiry:
    """One login on its way through the list.

    The servers are asked one after the other in the task of whoever wants to know: a task costs
    time, and is begun only where a server is slow.
    """

    def __init__(
        self,
        serving: list[Listed],
        credentials: Credentials,
        deadline: Deadline,
        failure_delay: float,
    ) -> None:
        self._counting = serving  # whose answers matter; a "stop" cuts it short
        self._credentials = credentials
        self._deadline = deadline
        self._failure_delay = failure_delay
        self._asked: list[_Asked] = []
        self._limit = asyncio.timeout(deadline.remaining())

    async def run(self) -> None:
        """Ask until the answer is known or the deadline is there; leave no task behind."""
        try:
            async with self._limit:
                await self._ask_on()
        except TimeoutError:
            return  # the deadline; or it is over, and a slow server makes no difference
        finally:
            await self._end()

    async def _end(self) -> None:
        """Stop waiting for the servers that still owe an answer."""
        tasks = [asked.beside for asked in self._asked if asked.beside]
        if tasks and self._is_over():
            await asyncio.sleep(0)  # an answer that is there already is noted
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _is_over(self) -> bool:
        owing = len(self._asked) < len(self._counting)
        for asked in self._counted():
            if asked.answer is None:
                owing = True
            elif asked.answer.verdict is Verdict.ACCEPTED:
                return True
        return not owing

    # Asking

    async def _ask_on(self) -> None:
        """Ask those not yet asked, in their order, until it is over; have slow ones overtaken."""
        while not self._is_over() and self._deadline.remaining():
            if not self._unasked():
                return  # somebody else waits for who still owes an answer
            asked = _Asked(self._unasked()[0], self._deadline.clock())
            await self._ask_within_share(asked)
            if asked.beside and not self._is_over():
                await asyncio.wait({asked.beside})

    async def _ask_within_share(self, asked: _Asked) -> None:
        seconds = share_seconds(
            self._deadline.remaining(), self._failure_delay, len(self._unasked())
        )
        self._asked.append(asked)
        share = None
        if self._unasked():
            share = asyncio.get_running_loop().call_later(seconds, self._overtake, asked)
        try:
            answer = await self._ask(asked.listed)
        finally:
            if share:
                share.cancel()
        self._note(asked, answer)

    def _overtake(self, asked: _Asked) -> None:
        asked.beside = asyncio.create_task(self._ask_beside())

    async def _ask_beside(self) -> None:
        await self._ask_on()
        if self._is_over():
            with contextlib.suppress(RuntimeError):  # the limit is reached or left already
                self._limit.reschedule(asyncio.get_running_loop().time())

    async def _ask(self, listed: Listed) -> Answer:
        deadline = Deadline(self._deadline.moment - _LAST_WORDS_SECONDS, self._deadline.clock)
        try:
            return await listed.passdb.verify(self._credentials, deadline)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return self._unavailable("its check was cancelled")
        except Exception:  # noqa: BLE001 - a check ends here, and a bug must not become a no
            _log.exception("server %s: its check raised, so it is unavailable", listed.name)
            return self._unavailable("internal error, see the log")

    def _note(self, asked: _Asked, answer: Answer) -> None:
        asked.answer = answer
        asked.seconds = self._deadline.clock() - asked.began
        if asked.listed.on_reject == "stop" and answer.verdict is Verdict.REJECTED:
            del self._counting[self._asked.index(asked) + 1 :]

    def _counted(self) -> list[_Asked]:
        return self._asked[: len(self._counting)]

    def _unasked(self) -> list[Listed]:
        return self._counting[len(self._asked) :]

    def _unavailable(self, reason: str) -> Answer:
        return Answer(Verdict.UNAVAILABLE, self._credentials.identity.address, "list", reason)

    # What it amounts to

    def answer(self) -> Answer:
        """Return the answer of the one server that decides, with what is known of all asked."""
        listed, answer = self._decisive()
        return Answer(
            answer.verdict,
            answer.identity,
            listed.name,
            answer.reason,
            steps=tuple(self._step(asked) for asked in self._asked),
            password_sent=any(asked.answer and asked.answer.password_sent for asked in self._asked),
            account_state=answer.account_state,
            cause=self._cause(answer),
        )

    def _cause(self, answer: Answer) -> Cause | None:
        """Return what an UNAVAILABLE comes of; one of our own making is told before all others."""
        if answer.verdict is not Verdict.UNAVAILABLE:
            return None
        causes = (asked.answer.cause for asked in self._asked if asked.answer)
        return Cause.RESTRAINT if Cause.RESTRAINT in causes else answer.cause

    def _decisive(self) -> tuple[Listed, Answer]:
        known = [(asked.listed, self._answer_of(asked)) for asked in self._counted()]
        for listed, answer in known:
            if answer.verdict is Verdict.ACCEPTED:
                return listed, answer
        late = self._unavailable("not asked before the deadline")
        known += [(listed, late) for listed in self._unasked()]
        rejected = [(one, answer) for one, answer in known if answer.verdict is Verdict.REJECTED]
        missing = [
            (one, answer)
            for one, answer in known
            if one.required and answer.verdict is Verdict.UNAVAILABLE
        ]
        # Only optional servers, and none of them answered: nobody said no.
        return (missing or rejected[-1:] or known)[0]

    def _step(self, asked: _Asked) -> Step:
        answer = self._answer_of(asked)
        return Step(asked.listed.name, answer.verdict, answer.reason, self._seconds(asked))

    def _answer_of(self, asked: _Asked) -> Answer:
        if asked.answer is not None:
            return asked.answer
        return self._unavailable(f"no answer within {self._seconds(asked):.1f} s")

    def _seconds(self, asked: _Asked) -> float:
        return asked.seconds if asked.answer else self._deadline.clock() - asked.began
