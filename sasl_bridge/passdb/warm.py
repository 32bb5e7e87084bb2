"""Warm connections: they wait, ready for a login, so that it costs one round trip.

Knows how many are worth keeping: as many as logins come while one gets ready, and none where so
few come that most would end unused, which a server may take for somebody without a password.
Each carries one login, and is replaced while that is under way; the oldest goes first. One that
waited for too long is closed; how long that is, is learned from a server that closes them sooner.
Does not know how a connection gets ready. Raises nothing; logs nothing: a login that finds none
begins a connection of its own, and tells what is wrong.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bridge_common.deadline import Clock
from bridge_common.network.trouble import UnreachableError
from sasl_bridge.passdb.conversation import Conversation
from sasl_bridge.passdb.slots import Slots

# Below the patience of servers: Dovecot and Cyrus wait for a login for minutes, some for 60 s.
_MOST_SECONDS = 20.0
# A server that closes them sooner is given up this much sooner.
_SOONER = 0.7
# With each login: it may have been restarted, or have closed them for another reason that passed.
_RECOVERY = 1.02
# So many logins are to be expected while one waits: e ** -3, or 1 in 20, would end unused.
_LEAST_EXPECTED = 3.0
# Whether any are worth it, the rate of the last half minute says; how many, that of this moment.
_RATE_SECONDS = 30.0
_RATE_NOW_SECONDS = 2.0
# A server that is as near as that is asked as quickly without.
_WORTH_SECONDS = 0.005
# A server may get twice as far away within such a time, as one does that is moved elsewhere.
_FARTHER_SECONDS = 60.0
_MOST_DOUBLINGS = 20.0  # is farther than any; a float holds 1024 of them, which 17 hours are
# Logins come in bursts.
_HEADROOM = 1.5
_MOST = 16

GetReady = Callable[[], Awaitable[Conversation]]
"""Connects, and returns when a login can be said. Raises UnreachableError."""


@dataclass(slots=True)
class Pace:
    """How logins come, and how long a connection takes; it outlives a reload.

    ``rate`` and ``rate_now``: logins a second, of late and at this moment, as of ``rated_at``.
    ``setup_seconds``: until a connection is ready, as of ``setup_at``.
    ``may_wait_seconds``: for a login.
    """

    rate: float = 0.0
    rate_now: float = 0.0
    rated_at: float = 0.0
    setup_seconds: float = 0.0
    setup_at: float = 0.0
    may_wait_seconds: float = _MOST_SECONDS

    def note_login(self, now: float) -> None:
        """Count a login."""
        past = self.rated_at - now
        self.rate = self.rate * math.exp(past / _RATE_SECONDS) + 1 / _RATE_SECONDS
        self.rate_now = self.rate_now * math.exp(past / _RATE_NOW_SECONDS) + 1 / _RATE_NOW_SECONDS
        self.rated_at = now
        self.may_wait_seconds = min(_MOST_SECONDS, self.may_wait_seconds * _RECOVERY)

    def note_setup(self, seconds: float, now: float) -> None:
        """Take note of a connection that got ready: the least of late counts.

        What a busy moment adds is none of the distance.
        """
        doublings = (now - self.setup_at) / _FARTHER_SECONDS
        farther = 2.0 ** min(doublings, _MOST_DOUBLINGS)
        self.setup_seconds = min(seconds, self.setup_seconds * farther or seconds)
        self.setup_at = now

    def wanted(self, now: float) -> int:
        """Return how many connections are to wait, or to be getting ready."""
        if self.setup_seconds < _WORTH_SECONDS:
            return 0
        past = self.rated_at - now
        rate = self.rate * math.exp(past / _RATE_SECONDS)
        ceased = -past > self.may_wait_seconds  # whatever came before
        if ceased or rate * self.may_wait_seconds < _LEAST_EXPECTED:
            return 0
        rate_now = max(rate, self.rate_now * math.exp(past / _RATE_NOW_SECONDS))
        return min(_MOST, 1 + math.ceil(_HEADROOM * rate_now * self.setup_seconds))


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """One that waits, since when."""

    conversation: Conversation
    since: float


class WarmConnections:
    """Those of one server. Each holds one of its slots, which goes over to whoever takes it.

    ``used`` counts the logins that found one, ``unused`` those connections that ended without.
    """

    def __init__(
        self,
        get_ready: GetReady,
        slots: Slots,
        pace: Pace | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.used = 0
        self.unused = 0
        self.pace = pace or Pace()
        self._get_ready = get_ready
        self._slots = slots
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()  # the oldest first
        self._getting_ready: set[asyncio.Task[None]] = set()
        self._expiry: asyncio.TimerHandle | None = None
        self._keeping = True
        self._troubled = False  # the last one did not get ready

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self) -> Conversation | None:
        """Return one that waits, with its slot, for a login that is to be said now.

        Another one begins to get ready, if it is worth it.
        """
        now = self._clock()
        self.pace.note_login(now)
        # One that is over is dropped in a moment: what it heard last came before this login.
        fit = (one for one in self._waiting if not one.conversation.over)
        taken = next(fit, None)
        if taken is not None:
            self._waiting.remove(taken)
            self.used += 1
        self._keep_up(now)
        return taken.conversation if taken else None

    def note_setup(self, seconds: float) -> None:
        """Take note that a connection got ready, after so long."""
        self._troubled = False
        self.pace.note_setup(seconds, self._clock())

    def close(self) -> None:
        """Keep none any more."""
        self._keeping = False
        for task in self._getting_ready:
            task.cancel()
        while self._waiting:
            self._let_go(self._waiting.popleft())
        self._set_expiry()

    def _keep_up(self, now: float) -> None:
        """Have as many get ready as are missing."""
        if not self._keeping or self._troubled:
            return
        wanted = self.pace.wanted(now)
        if not wanted:
            return
        under_way = sum(not task.done() for task in self._getting_ready)
        for _ in range(wanted - len(self._waiting) - under_way):
            task = asyncio.get_running_loop().create_task(self._add_one())
            self._getting_ready.add(task)
            task.add_done_callback(self._getting_ready.discard)

    async def _add_one(self) -> None:
        waiting = None
        if not self._slots.half_free or not await self._slots.take(0.0):
            return
        try:
            waiting = _Waiting(await self._get_ready(), self._clock())
        except UnreachableError:
            self._troubled = True  # until a login gets through
        finally:
            if waiting is None:
                self._slots.free()
        if waiting is not None:
            self._welcome(waiting)

    def _welcome(self, waiting: _Waiting) -> None:
        """Have it wait, unless it is over already or somebody waits for its slot."""
        if not self._keeping or self._slots.all_taken or waiting.conversation.over:
            self._let_go(waiting)
            return
        self._waiting.append(waiting)
        waiting.conversation.outcome.add_done_callback(lambda _: self._drop(waiting))
        self._set_expiry()

    def _drop(self, waiting: _Waiting) -> None:
        """Let go of one that the server has ended, if it still waits."""
        if waiting not in self._waiting:
            return  # it was taken
        self._waiting.remove(waiting)
        waited = self._clock() - waiting.since
        self.pace.may_wait_seconds = min(self.pace.may_wait_seconds, _SOONER * waited)
        self._let_go(waiting)
        self._set_expiry()

    def _let_go(self, waiting: _Waiting) -> None:
        self.unused += 1
        waiting.conversation.end()
        self._slots.free()

    def _set_expiry(self) -> None:
        """Wake up when the oldest has waited for too long."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self._waiting:
            due = self._waiting[0].since + self.pace.may_wait_seconds - self._clock()
            loop = asyncio.get_running_loop()
            self._expiry = loop.call_later(max(0.0, due), self._expire)

    def _expire(self) -> None:
        """Close those that waited for too long, and replace them if logins still come."""
        self._expiry = None
        now = self._clock()
        while self._waiting and now - self._waiting[0].since >= self.pace.may_wait_seconds:
            self._let_go(self._waiting.popleft())
        self._keep_up(now)
        self._set_expiry()
