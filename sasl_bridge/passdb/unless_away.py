"""One server, which is asked unless it is away.

Knows what of an answer, or of an answer that never came, the breaker is to hear of.
Does not know what that means for the server. Raises nothing but CancelledError; logs nothing: the
answer's reason says that the server was not asked.
"""

import asyncio

from bridge_common.deadline import Deadline
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.interface import Passdb
from sasl_bridge.passdb.lookout import Lookout
from sasl_bridge.verdict import Answer, Cause, Step, Verdict


class UnlessAway:
    """Answers at once that a server is away, and else has it asked. A `Passdb`."""

    def __init__(self, inner: Passdb, lookout: Lookout) -> None:
        self._inner = inner
        self._lookout = lookout
        self._breaker = lookout.breaker

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        """Ask, unless it is of no use. Raises what the server's passdb raises."""
        if self._breaker.is_away:
            return self._not_asked(credentials)
        began = deadline.clock()
        try:
            answer = await self._inner.verify(credentials, deadline)
        except asyncio.CancelledError:
            # Another server said yes meanwhile, or whoever asked has gone.
            if self._breaker.note_unawaited(deadline.clock() - began):
                self._lookout.heed()
            raise
        if self._breaker.note_answer(answer, deadline.clock() - began):
            self._lookout.heed()
        return answer

    def _not_asked(self, credentials: Credentials) -> Answer:
        self._lookout.want()
        server, reason = self._breaker.server, self._breaker.not_asked_text()
        address = credentials.identity.address
        step = Step(server, Verdict.UNAVAILABLE, reason, 0.0)
        return Answer(Verdict.UNAVAILABLE, address, server, reason, (step,), cause=Cause.SERVER)
