"""Which rounds count: those whose figure says something of the program that was measured.

Knows nothing of processes: it is given shares of cores. Pure; raises nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

SATURATED = 0.8
"""A program of one thread that uses this much of a core has no time left: the rest goes into the
waking and sleeping that a closed loop brings with it."""
HELPER_BUSY, HELPER_FULL = 0.5, 0.85
"""Below the first a helper holds nobody up; from the second on it does, whoever else is busy."""
HELPER_OF_MEASURED = 0.9
"""A helper between the two must be clearly less busy than what is measured."""
SPARE = 0.25
"""Cores that nobody used: a program that still was not busy waited because it is made so."""
BACKEND_ASKED = 0.05
"""More than this, and a back end was asked, which a cache is there to spare."""


@dataclass(frozen=True, slots=True)
class Shares:
    """Cores used during a round, each in the mean: 1.0 is one core all of the time.

    ``helpers`` are the load and the back end, by name; ``machine`` is everybody, strangers
    included; ``cores`` is what the machine has. What is measured ``spreads`` if it has processes
    for more than one core.
    """

    measured: float
    helpers: Mapping[str, float]
    machine: float
    cores: int
    spreads: bool = False

    @property
    def strangers(self) -> float:
        """What programs used that have nothing to do with the round."""
        return max(0.0, self.machine - self.measured - sum(self.helpers.values()))


def why_void(shares: Shares, *, silent: str = "") -> str:
    """Return why a round does not count, or "" if it does.

    ``silent`` names the helper that a cache should have spared.
    """
    for name, share in shares.helpers.items():
        if share >= _too_busy(shares.measured):
            return f"{name} was the bottleneck: {share:.2f} cores, beside {shares.measured:.2f}"
    asked = shares.helpers.get(silent, 0.0)
    if asked > BACKEND_ASKED:
        return f"not answered from a cache: {silent} used {asked:.2f} cores"
    if _is_crowded_out(shares):
        return f"it got {shares.measured:.2f} cores only, and strangers used {shares.strangers:.2f}"
    return ""


def _is_crowded_out(shares: Shares) -> bool:
    """Return whether it could have used more of the machine than it got."""
    if shares.cores - shares.machine >= SPARE:
        return False
    return shares.measured < SATURATED or (shares.spreads and shares.strangers >= SPARE)


def _too_busy(measured: float) -> float:
    return min(HELPER_FULL, max(HELPER_BUSY, HELPER_OF_MEASURED * measured))
