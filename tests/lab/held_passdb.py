"""A passdb that answers each question when the test says so: many at a time, and no event loop."""

import asyncio
import types
from collections.abc import Generator

from bridge_common.deadline import Deadline
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.interface import Passdb
from sasl_bridge.verdict import Answer


@types.coroutine
def _held() -> Generator[None, Answer, Answer]:
    """Wait for what is sent into the coroutine."""
    return (yield)


class HeldPassdb:
    """Holds every question back until it is told the answer."""

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        return await _held()


class Asked:
    """A passdb was asked; ``answer`` is None as long as a `HeldPassdb` behind it holds it back."""

    def __init__(self, passdb: Passdb, credentials: Credentials, deadline: Deadline) -> None:
        self.credentials = credentials
        self.answer: Answer | None = None
        self._asking = passdb.verify(credentials, deadline)
        self._go_on(None)

    def hear(self, answer: Answer) -> Answer:
        """Have it hear this answer; return what is made of it."""
        self._go_on(answer)
        assert self.answer is not None
        return self.answer

    def cancel(self) -> None:
        """Want no answer any more."""
        try:
            self._asking.throw(asyncio.CancelledError())
        except asyncio.CancelledError:
            return
        raise AssertionError("it goes on although it was cancelled")

    def _go_on(self, answer: Answer | None) -> None:
        try:
            self._asking.send(answer)
        except StopIteration as end:
            self.answer = end.value
