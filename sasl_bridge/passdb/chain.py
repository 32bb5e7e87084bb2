"""The list of servers: who is asked, in which order, and what their answers amount to.

Knows the laws of the list: an ACCEPTED ends it; a no counts only if every required server that
might know the login could say so; a slow server stays asked while the next is asked beside it.
So the order is no veto: any ACCEPTED before the deadline counts, and a slow server whose no would
have ended the list ("stop") is overtaken by the yes of a later one that was asked meanwhile.
Does not know what a server is. Raises nothing but CancelledError; logs a passdb that raises.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bridge_common.deadline import Deadline
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.interface import Passdb
from sasl_bridge.verdict import Answer, Step, Verdict

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
        try:
            await inquiry.run()
        finally:
            await inquiry.end()
        return inquiry.answer()


@dataclass(slots=True)
class _Asked:
    """A server that was asked; ``answer`` is None as long as it owes one."""

    listed: Listed
    task: asyncio.Task[Answer]
    began: float
    answer: Answer | None = None
    seconds: float = 0.0


class _Inquiry:
    """One login on its way through the list."""

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
        self._share_until = 0.0

    async def run(self) -> None:
        """Ask until the answer is known or the deadline is there."""
        while not self._is_over():
            if self._is_next_due():
                self._ask_next()
            await self._wait()

    async def end(self) -> None:
        """Stop waiting for the servers that still owe an answer."""
        unfinished = {asked.task for asked in self._asked if not asked.task.done()}
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished)

    # Asking

    def _is_over(self) -> bool:
        counting = self._counted()
        if any(_verdict(asked) is Verdict.ACCEPTED for asked in counting):
            return True
        everyone_answered = all(asked.answer is not None for asked in counting)
        return (everyone_answered and not self._unasked()) or not self._deadline.remaining()

    def _is_next_due(self) -> bool:
        if not self._unasked():
            return False
        share_is_over = self._deadline.clock() >= self._share_until
        return not self._asked or self._asked[-1].answer is not None or share_is_over

    def _ask_next(self) -> None:
        now = self._deadline.clock()
        unasked = self._unasked()
        remaining = self._deadline.remaining()
        self._share_until = now + share_seconds(remaining, self._failure_delay, len(unasked))
        task = asyncio.create_task(self._ask(unasked[0]))
        self._asked.append(_Asked(unasked[0], task, now))

    async def _ask(self, listed: Listed) -> Answer:
        deadline = Deadline(self._deadline.moment - _LAST_WORDS_SECONDS, self._deadline.clock)
        try:
            return await listed.passdb.verify(self._credentials, deadline)
        except Exception:  # noqa: BLE001 - a check ends here, and a bug must not become a no
            _log.exception("server %s: its check raised, so it is unavailable", listed.name)
            return self._unavailable("internal error, see the log")

    async def _wait(self) -> None:
        """Wait for an answer, the end of the share, or the deadline."""
        until = self._deadline.moment
        if self._unasked():
            until = min(until, self._share_until)
        owing = [asked for asked in self._counted() if asked.answer is None]
        await asyncio.wait(
            {asked.task for asked in owing},
            timeout=max(0.0, until - self._deadline.clock()),
            return_when=asyncio.FIRST_COMPLETED,
        )
        for asked in owing:
            if asked.task.done():
                self._note(asked)

    def _note(self, asked: _Asked) -> None:
        gone = asked.task.cancelled()  # not by us: we wait only for those that count
        asked.answer = self._unavailable("its check was cancelled") if gone else asked.task.result()
        asked.seconds = self._deadline.clock() - asked.began
        if asked.listed.on_reject == "stop" and asked.answer.verdict is Verdict.REJECTED:
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
        known = [(asked.listed, self._answer_of(asked)) for asked in self._counted()]
        late = self._unavailable("not asked before the deadline")
        known += [(listed, late) for listed in self._unasked()]
        accepted = [(one, answer) for one, answer in known if answer.verdict is Verdict.ACCEPTED]
        rejected = [(one, answer) for one, answer in known if answer.verdict is Verdict.REJECTED]
        missing = [
            (one, answer)
            for one, answer in known
            if one.required and answer.verdict is Verdict.UNAVAILABLE
        ]
        # Only optional servers, and none of them answered: nobody said no.
        decisive = accepted or missing or rejected[-1:] or known
        listed, answer = decisive[0]
        return Answer(
            answer.verdict,
            answer.identity,
            listed.name,
            answer.reason,
            steps=tuple(self._step(asked) for asked in self._asked),
            password_sent=any(asked.answer and asked.answer.password_sent for asked in self._asked),
        )

    def _step(self, asked: _Asked) -> Step:
        answer = self._answer_of(asked)
        return Step(asked.listed.name, answer.verdict, answer.reason, self._seconds(asked))

    def _answer_of(self, asked: _Asked) -> Answer:
        silence = f"no answer within {self._seconds(asked):.1f} s"
        return asked.answer or self._unavailable(silence)

    def _seconds(self, asked: _Asked) -> float:
        return asked.seconds if asked.answer else self._deadline.clock() - asked.began


def _verdict(asked: _Asked) -> Verdict | None:
    return asked.answer.verdict if asked.answer else None
