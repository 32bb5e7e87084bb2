"""What a server answered, how often, and how long it took; for who watches it.

Counts where the server itself is asked: what is answered in its stead, by a memory or so as not to
lock an account, is none of its answers. Does not know what a server is. Raises nothing of its own;
logs nothing.
"""

from bridge_common.deadline import Deadline
from bridge_common.histogram import Histogram
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.interface import Passdb
from sasl_bridge.verdict import Answer, Cause, Verdict


class AnswerTimes:
    """Those of one server. ``by_verdict``: None is for those that nobody waited for any more."""

    def __init__(self) -> None:
        self.by_verdict: dict[Verdict | None, Histogram] = {
            verdict: Histogram() for verdict in (*Verdict, None)
        }


class TimedPassdb:
    """Asks ``inner`` and takes the time. A `Passdb`."""

    def __init__(self, inner: Passdb, times: AnswerTimes) -> None:
        self._inner = inner
        self._times = times.by_verdict

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        """Ask. Raises what ``inner`` raises."""
        began = deadline.clock()
        verdict = None
        asked = True
        try:
            answer = await self._inner.verify(credentials, deadline)
            verdict, asked = answer.verdict, answer.cause is not Cause.RESTRAINT
        finally:
            if asked:
                self._times[verdict].observe(deadline.clock() - began)
        return answer
