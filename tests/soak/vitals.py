"""What a daemon takes, sampled all the time: memory, descriptors, threads; and whether that grows.

Memory is compared by quarters of a run, the second with the last: the first has the start, and a
storm that takes the most that is ever taken at a time. Descriptors and threads are compared at
rest: just started, and some time after the load.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.usage import resident

GROWTH_BYTES = 4_000_000
"""What memory may differ by: how the allocator finds its pieces. A leak of 200 bytes a login would
be more than that in fifteen minutes at fifty logins a second."""
GROWTH_DESCRIPTORS = 8
"""Two connections to each mail server are kept ready for some minutes after the last login."""
GROWTH_THREADS = 2
"""Threads that wait for the next reload or the next name to be resolved."""
LEAST_SECONDS_TO_COMPARE = 120.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process takes at a moment, in seconds of the run; memory in bytes."""

    at: float
    memory: int
    descriptors: int
    threads: int

    def __str__(self) -> str:
        return f"{self.memory / 1e6:.1f} MB, {self.descriptors} fds, {self.threads} threads"


def sample(pid: int, at: float) -> Sample:
    """Take a sample of a process. Raises OSError once it is gone."""
    return Sample(at, resident(pid), _number(pid, "fd"), _number(pid, "task"))


def _number(pid: int, folder: str) -> int:
    """Return how many entries a folder of /proc/PID has."""
    return sum(1 for _ in Path(f"/proc/{pid}/{folder}").iterdir())


def quarters(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Return the samples of each quarter of the time."""
    begin, end = samples[0].at, samples[-1].at
    length = (end - begin) / 4 or 1.0
    found: list[list[Sample]] = [[], [], [], []]
    for one in samples:
        found[min(3, int((one.at - begin) / length))].append(one)
    return found


def growth(samples: Sequence[Sample]) -> int:
    """Return by how many bytes memory is larger in the last quarter than in the second."""
    _, second, _, last = quarters(samples)
    return int(_memory(last) - _memory(second)) if second and last else 0


def _memory(samples: Sequence[Sample]) -> float:
    return median(one.memory for one in samples)


def grown(name: str, samples: Sequence[Sample], before: Sample, after: Sample) -> list[str]:
    """Return what is larger than it may be; ``before`` and ``after`` are of a daemon at rest."""
    found: list[str] = []
    if samples[-1].at - samples[0].at < LEAST_SECONDS_TO_COMPARE:
        return found
    if growth(samples) > GROWTH_BYTES:
        found.append(f"{name}: memory grew by {growth(samples) / 1e6:.1f} MB")
    if after.descriptors > before.descriptors + GROWTH_DESCRIPTORS:
        found.append(f"{name}: {before.descriptors} descriptors before, {after.descriptors} after")
    if after.threads > before.threads + GROWTH_THREADS:
        found.append(f"{name}: {before.threads} threads before, {after.threads} after")
    return found


def figures(
    name: str, samples: Sequence[Sample], before: Sample, after: Sample, answers: int
) -> str:
    """Return those of a daemon, with its slope in bytes for each answer."""
    memory = ", ".join(f"{_memory(part) / 1e6:.1f}" for part in quarters(samples) if part)
    most = max(one.descriptors for one in samples)
    slope = growth(samples) / max(1, answers / 2)  # half of the run is between the two quarters
    return (
        f"{name}: memory by quarters {memory} MB, {slope:+.0f} bytes an answer; "
        f"peak {_peak(samples) / 1e6:.1f} MB\n"
        f"{name}: descriptors at rest {before.descriptors}, then {after.descriptors}, at most "
        f"{most}; threads {before.threads}, then {after.threads}"
    )


def _peak(samples: Sequence[Sample]) -> int:
    return max(one.memory for one in samples)
