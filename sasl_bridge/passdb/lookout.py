"""Looks at a server without credentials: in doubt, and while it is away, until it is back.

Knows when: in doubt at once; while away after 1 s, then after twice as long each time, up to half a
minute; and a second after the last look if logins come that want it.
Does not know what counts against a server (`breaker`), nor how it is looked at (`looks`).
One task at most, and none and no timer while nothing is wrong. Raises nothing; logs a look that
raises, after which the server is asked again: a fault of ours must not keep logins from it.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable

from bridge_common.deadline import Deadline
from sasl_bridge.passdb.breaker import Breaker

_log = logging.getLogger(__name__)

_FIRST_SECONDS = 1.0
_MOST_SECONDS = 30.0
# Looks in doubt that find nothing are so far apart: each is a connection without a login, and a
# server may take many of them amiss.
_APART_SECONDS = 5.0

Look = Callable[[Deadline], Awaitable[str]]
"""Returns by the deadline why the server cannot be asked; empty: it can. Raises CancelledError."""


def _shuffled(seconds: float) -> float:
    """Return about as many, so that many gateways do not look at the same moment."""
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311  # no secret hangs on it


class Lookout:
    """Looks at one server, as long as its settings are in force; what it finds goes on."""

    def __init__(
        self, breaker: Breaker, look: Look, shuffled: Callable[[float], float] = _shuffled
    ) -> None:
        self.breaker = breaker
        self._look = look
        self._shuffled = shuffled
        self._task: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        self._closed = False

    def begin(self) -> None:
        """Go on where the lookout before was ended by a reload: look at once, if it is away."""
        if self.breaker.is_away:
            self._start()

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()

    def heed(self) -> None:
        """Take note that the server may be away now, or that it is back."""
        self._woken.set()
        if self._task is None and self._is_over(_APART_SECONDS):
            self._start()

    def want(self) -> None:
        """Take note that somebody would ask the server if it were not away."""
        if self._task is None:
            self._start()
        elif self._is_over(_FIRST_SECONDS):
            self.breaker.next_look_at = self.breaker.clock()
            self._woken.set()

    def _is_over(self, seconds: float) -> bool:
        """Say whether the last look was over so many seconds ago."""
        return self.breaker.clock() - self.breaker.looked_at >= seconds

    def _start(self) -> None:
        if not self._closed:
            self._task = asyncio.get_running_loop().create_task(self._run())
            self._task.add_done_callback(self._ended)

    def _ended(self, _: object) -> None:
        self._task = None

    async def _run(self) -> None:
        try:
            await self._look_once()
            await self._look_until_back()
        except Exception:  # noqa: BLE001  # a task ends here, and nobody else would hear of it
            _log.exception("server %s: a look at it raised, so it is asked", self.breaker.server)
            if self.breaker.is_away:
                self.breaker.end()

    async def _look_once(self) -> None:
        """Look, and note what follows: an answer that came meanwhile counts for more."""
        breaker = self.breaker
        replies = breaker.replies
        breaker.next_look_at = breaker.clock()
        trouble = await self._look(Deadline.after(breaker.patience_seconds, breaker.clock))
        breaker.note_look(trouble)
        if breaker.is_away and not trouble:
            breaker.end()
        elif trouble and not breaker.is_away and breaker.replies == replies:
            breaker.begin()

    async def _look_until_back(self) -> None:
        seconds = _FIRST_SECONDS
        while self.breaker.is_away:
            await self._pause(self._shuffled(seconds))
            if self.breaker.is_away:
                await self._look_once()
            seconds = min(2 * seconds, _MOST_SECONDS)

    async def _pause(self, seconds: float) -> None:
        """Wait so long, or until somebody wants it sooner."""
        self._woken.clear()
        self.breaker.next_look_at = self.breaker.clock() + seconds
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
