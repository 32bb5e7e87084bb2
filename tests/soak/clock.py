"""The time of a run, and how long we and the daemon had to wait for a turn on the machine.

Reads /proc/PID/schedstat (the kernel's sched-stats.txt): the time that a process was ready to run,
and others ran.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

_TICK_SECONDS = 0.05
_KEPT_SECONDS = 30.0


@dataclass(slots=True)
class Lag:
    """The turns that came late, ours and the daemon's; ``begun`` is the run's zero.

    ``worst`` is the longest that we waited for one turn, ``waited`` how long the daemon did in all.
    """

    begun: float = field(default_factory=time.monotonic)
    worst: float = 0.0
    waited: float = 0.0
    _late: deque[tuple[float, float]] = field(
        default_factory=lambda: deque(maxlen=int(_KEPT_SECONDS / _TICK_SECONDS))
    )

    def now(self) -> float:
        """Return how many seconds the run has lasted."""
        return time.monotonic() - self.begun

    async def watch(self, daemon: int) -> None:
        """Take note of every turn that comes late, until cancelled; ``daemon`` is a process."""
        waited = waited_seconds(daemon)
        while True:
            before = self.now()
            await asyncio.sleep(_TICK_SECONDS)
            late = max(0.0, self.now() - before - 2 * _TICK_SECONDS)
            before_tick, waited = waited, waited_seconds(daemon)
            self.worst = max(self.worst, late)
            self.waited += waited - before_tick
            self._late.append((self.now(), late + waited - before_tick))

    def within(self, since: float) -> float:
        """Return by how many seconds turns came late since then, all together."""
        return sum(late for at, late in self._late if at >= since)


def waited_seconds(pid: int) -> float:
    """Return how long a process has waited for the processor so far."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
