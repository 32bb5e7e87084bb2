"""A server that is away is not asked: logins go on at once to the next one, or hear "try later".

Knows what counts against a server: trouble that any login would meet (`Cause.SERVER`), three times
in a row; and silence, be it that a login got no reply (`Cause.LOGIN`), or that nobody waited for it
any more, as another server had said yes. It is no proof, since one user may provoke silence: a look
at the server without credentials follows, and if that fails too, the server is away.
Whatever reply a login gets speaks for the server, and brings it back. That all our connections to
it are in use says nothing.
Does not know how a server is asked, nor how and when it is looked at (`lookout`).
Raises nothing; logs one warning when a server is away, and that it is back.
"""

import logging
import math
import time
from typing import Any

from bridge_common.deadline import Clock
from sasl_bridge.verdict import Answer, Cause, Verdict

_log = logging.getLogger(__name__)

# One connection may fail, and two at the same moment, at a server that is restarted or overloaded.
_IN_A_ROW = 3
_ROW_SECONDS = 30.0
# The least that the list waits for a server before the next one is asked beside it. Wrong passwords
# take longer at many servers, on purpose, so it is only a reason to look.
_SILENT_SECONDS = 1.0
# A look in doubt is short, so that few logins wait; but it is no shorter than logins take at this
# server, and as long as these may be where that is not known.
_LEAST_PATIENCE_SECONDS = 2.0
_MOST_PATIENCE_SECONDS = 8.0
_PATIENCE_FACTOR = 4.0
_LATENCY_WEIGHT = 1 / 8

_DAY_SECONDS = 86_400.0


class Breaker:
    """What is known of one server, whether it is away above all; it outlives a reload.

    ``is_away``: it is not asked. ``replies`` counts the logins that it answered, ``looks`` how
    often it was looked at, ``times_away`` how often it was away.
    ``latency_seconds`` is how long it takes to accept a login, of late; None: not known. How long
    a no takes says little, as many servers delay that.
    ``looked_at`` and ``next_look_at`` are moments of ``clock``.
    """

    def __init__(self, server: str, clock: Clock = time.monotonic, wall: Clock = time.time) -> None:
        self.server = server
        self.clock = clock
        self.is_away = False
        self.replies = 0
        self.looks = 0
        self.times_away = 0
        self.latency_seconds: float | None = None
        self.looked_at = -math.inf
        self.next_look_at = -math.inf
        self._wall = wall
        self._failures: list[float] = []  # those in a row, when
        self._away_at = 0.0
        self._since: float | None = None
        self._last_error = ""
        self._last_error_at: float | None = None

    # What logins meet

    def note_answer(self, answer: Answer, seconds: float) -> bool:
        """Take note of an answer; return whether that is something for the lookout.

        It is if the server may be away now, or is back.
        """
        if answer.verdict is Verdict.ACCEPTED:
            self._note_latency(seconds)
        if answer.verdict is not Verdict.UNAVAILABLE or answer.cause is Cause.ACCOUNT:
            return self._note_reply()
        if self.is_away or answer.cause not in {Cause.SERVER, Cause.LOGIN}:
            return False
        self._note_error(answer.reason)
        if answer.cause is Cause.LOGIN:
            return True
        return self._is_one_too_many() or seconds >= _SILENT_SECONDS

    def note_unawaited(self, seconds: float) -> bool:
        """Take note that nobody waits for an answer any more; return what `note_answer` does."""
        if self.is_away or seconds < _SILENT_SECONDS:
            return False
        self._note_error(f"no answer to a login within {seconds:.1f} s")
        return True

    def _note_reply(self) -> bool:
        self.replies += 1
        if self._failures:
            self._failures.clear()
        if not self.is_away:
            return False
        self.end()
        return True

    def _note_latency(self, seconds: float) -> None:
        if self.latency_seconds is None:
            self.latency_seconds = seconds
        self.latency_seconds += (seconds - self.latency_seconds) * _LATENCY_WEIGHT

    def _is_one_too_many(self) -> bool:
        now = self.clock()
        recent = [at for at in self._failures if now - at < _ROW_SECONDS]
        self._failures = [*recent, now][-_IN_A_ROW:]
        return len(self._failures) == _IN_A_ROW

    # What looks find

    @property
    def patience_seconds(self) -> float:
        """How long a look may take to say that the server is away."""
        if self.is_away or self.latency_seconds is None:
            return _MOST_PATIENCE_SECONDS
        seconds = max(_LEAST_PATIENCE_SECONDS, _PATIENCE_FACTOR * self.latency_seconds)
        return min(_MOST_PATIENCE_SECONDS, seconds)

    def note_look(self, trouble: str) -> None:
        """Take note of what a look found; empty: nothing is wrong."""
        self.looks += 1
        self.looked_at = self.clock()
        if trouble:
            self._note_error(trouble)
        else:
            self._failures.clear()

    def begin(self) -> None:
        """Ask it no more from now on: it is away."""
        self.is_away = True
        self.times_away += 1
        self._away_at, self._since = self.clock(), self._wall()
        self._failures.clear()
        _log.warning("server %s: away, not asked until it is back: %s", self.server, self.reason)

    def end(self) -> None:
        """Ask it again: it is back."""
        self.is_away = False
        self._since = self._wall()
        seconds = self.clock() - self._away_at
        _log.info("server %s: back after %.0f s, asked again", self.server, seconds)

    # What is told of it

    @property
    def reason(self) -> str:
        """The last trouble with it, printable; empty: there was none."""
        return self._last_error

    def not_asked_text(self) -> str:
        """Return why it is not asked about a login, for the decision line."""
        long = self.clock() - self._away_at >= _DAY_SECONDS
        form = "%Y-%m-%d %H:%M:%S" if long else "%H:%M:%S"
        since = time.strftime(form, time.localtime(self._since))
        left = math.ceil(self.next_look_at - self.clock())
        again = f"looked at again in {left} s" if left > 0 else "being looked at"
        return f"not asked: {self.reason}; away since {since}, {again}"

    def summary(self) -> dict[str, Any]:
        """Return what `bridgectl status` shows; moments are seconds since the epoch.

        ``state``: "ok" or "away", ``since`` when; None: it was never otherwise.
        ``next_probe_seconds``: 0 while it is looked at; None: there is no need.
        """
        left = max(0.0, self.next_look_at - self.clock())
        return {
            "state": "away" if self.is_away else "ok",
            "since": self._since,
            "last_error": self._last_error,
            "last_error_at": self._last_error_at,
            "opened": self.times_away,
            "probes": self.looks,
            "next_probe_seconds": left if self.is_away else None,
            "latency_seconds": self.latency_seconds,
        }

    def _note_error(self, reason: str) -> None:
        self._last_error, self._last_error_at = reason, self._wall()
