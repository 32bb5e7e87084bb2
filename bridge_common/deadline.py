"""The one deadline of a request: a moment of a monotonic clock, instead of time-outs."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

Clock = Callable[[], float]
"""Seconds of a clock that never goes back."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment (seconds of ``clock``) by which everything must be over."""

    moment: float
    clock: Clock = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Clock = time.monotonic) -> Self:
        """Return the deadline that lies so many seconds ahead."""
        return cls(clock() + seconds, clock)

    def remaining(self) -> float:
        """Return the seconds left, never negative."""
        return max(0.0, self.moment - self.clock())
