"""Passwords that a server refused are refused again for a while, and that server is not asked.

So a telephone with an old password neither locks its owner's account nor loads the server.
Knows when a remembered no counts: at the same server, for exactly this login in this form with
exactly this password, within its time. Keeps digests, never a password.
A no about the account (disabled, expired) is not remembered: it may be taken back at any moment.
A no that was asked for before a flush, or before a yes that came meanwhile, is not remembered.
Does not know what a server is. Raises nothing but CancelledError; logs nothing: an answer's reason
says that it was remembered.
"""

import time
from dataclasses import dataclass

from bridge_common.deadline import Clock, Deadline
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.interface import Passdb
from sasl_bridge.passdb.keys import login_key, password_key
from sasl_bridge.verdict import Answer, Step, Verdict


@dataclass(frozen=True, slots=True)
class Failure:
    """A no: whose, why, when it was heard, and the canonical login (``address``)."""

    address: str
    heard_at: float
    server: str
    reason: str


@dataclass(slots=True)
class Question:
    """A login about which a server is being asked; ``askers``: so many times."""

    address: str
    askers: int = 0


class FailureMemory:
    """What is remembered, of all servers; it outlives a reload.

    ``size`` is how many failures are remembered, the oldest goes first; ``ttl`` for how many
    seconds, 0: none is. ``hits`` counts what was answered by heart.
    Keys are digests, which nobody can choose: to look one up tells nothing by the time it takes.
    """

    def __init__(
        self, size: int = 10_000, ttl: float = 30.0, clock: Clock = time.monotonic
    ) -> None:
        self.size = size
        self.ttl = ttl
        self.clock = clock
        self.hits = 0
        self._known: dict[bytes, Failure] = {}  # oldest first
        self._asked: dict[bytes, Question] = {}  # those whose no may be remembered

    def __len__(self) -> int:
        return len(self._known)

    def recall(self, key: bytes) -> Failure | None:
        """Return the no that is remembered, if its time is not over."""
        known = self._known.get(key)
        if known is None or self._is_over(known):
            return None
        self.hits += 1
        return known

    def begin(self, key: bytes, address: str) -> Question:
        """Take note that a server is being asked; `end` must follow."""
        question = self._asked.setdefault(key, Question(address))
        question.askers += 1
        return question

    def end(self, key: bytes, question: Question) -> None:
        """Take note that the server is asked no more."""
        question.askers -= 1
        if not question.askers and self._asked.get(key) is question:
            del self._asked[key]

    def remember(self, key: bytes, question: Question, answer: Answer) -> None:
        """Remember a no, unless it was overtaken by a flush or a yes since it was asked for."""
        self._drop_those_over()
        if self._asked.get(key) is not question or not self.ttl:
            return
        self._known.pop(key, None)
        while len(self._known) >= self.size:
            del self._known[next(iter(self._known))]
        self._known[key] = Failure(question.address, self.clock(), answer.source, answer.reason)

    def forget(self, key: bytes) -> None:
        """Forget a no, and those to it that are still to come."""
        self._known.pop(key, None)
        self._asked.pop(key, None)

    def flush(self, address: str | None = None) -> int:
        """Forget everything, or what is known of one canonical login; return how many failures.

        What is being asked is answered, and not remembered.
        """
        self._drop_those_over()
        for key in [key for key, asked in self._asked.items() if address in {None, asked.address}]:
            del self._asked[key]
        keys = [key for key, known in self._known.items() if address in {None, known.address}]
        for key in keys:
            del self._known[key]
        return len(keys)

    def _is_over(self, known: Failure) -> bool:
        return self.clock() - known.heard_at >= self.ttl

    def _drop_those_over(self) -> None:
        while self._known and self._is_over(self._known[oldest := next(iter(self._known))]):
            del self._known[oldest]


class RememberedFailures:
    """Answers by heart what one server refused lately, and asks it the rest. A `Passdb`.

    ``scope`` stands for the server and its settings; ``by_client``: it is told the client's
    address, and may answer by it.
    """

    def __init__(
        self, inner: Passdb, memory: FailureMemory, scope: bytes, *, by_client: bool = False
    ) -> None:
        self._inner = inner
        self._memory = memory
        self._scope = scope
        self._by_client = by_client

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        """Answer by heart, or ask. Raises only CancelledError."""
        login = login_key(self._scope, credentials, by_client=self._by_client)
        key = login + password_key(credentials)
        known = self._memory.recall(key)
        return self._again(known) if known else await self._ask(key, credentials, deadline)

    def _again(self, known: Failure) -> Answer:
        seconds = self._memory.clock() - known.heard_at
        reason = f"{known.reason} (remembered, {seconds:.0f} s ago)"
        step = Step(known.server, Verdict.REJECTED, reason, 0.0)
        return Answer(Verdict.REJECTED, known.address, known.server, reason, (step,))

    async def _ask(self, key: bytes, credentials: Credentials, deadline: Deadline) -> Answer:
        question = self._memory.begin(key, credentials.identity.address)
        try:
            answer = await self._inner.verify(credentials, deadline)
            if answer.verdict is Verdict.ACCEPTED:
                self._memory.forget(key)
            elif answer.verdict is Verdict.REJECTED and not answer.account_state:
                self._memory.remember(key, question, answer)
        finally:
            self._memory.end(key, question)
        return answer
