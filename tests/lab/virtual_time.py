"""An event loop whose clock moves only while everybody waits: exact times, and no real sleep.

For code that does no I/O; a loop that waits for nothing at all says so instead of hanging.
"""

import asyncio
import selectors
from selectors import SelectorKey

BEGIN = 1000.0
"""Seconds on a new loop's clock."""

# A time-out is over when the clock has passed it, in spite of rounding.
_STEP_BEYOND = 1e-7


class _SkippingSelector(selectors.SelectSelector):
    """Instead of waiting, tells how long it would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("nothing will ever happen on this loop")
        self.skipped += timeout + _STEP_BEYOND
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Begins at `BEGIN`; `time` is its only clock."""

    def __init__(self) -> None:
        self._skipping = _SkippingSelector()
        super().__init__(self._skipping)

    def time(self) -> float:
        return BEGIN + self._skipping.skipped
