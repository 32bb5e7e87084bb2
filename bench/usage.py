"""What processes use: CPU time of whole process groups and of the machine, and memory.

Reads /proc (proc(5)). A process that ends meanwhile is left out, or is in the time of its parent,
which has waited for it.
"""

import contextlib
import os
import resource
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
_IDLE = (3, 4)  # idle and iowait, of the first line of /proc/stat
_GUEST = 8  # what follows is in user time already


@dataclass(frozen=True, slots=True)
class Moment:
    """CPU seconds used so far: by each process group, by waited-for children, by the machine."""

    time: float
    groups: Mapping[int, float]
    children: float
    machine: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory in bytes: of all processes, shared pages once; the peak of the largest one."""

    processes: int
    together: int
    peak: int


def moment() -> Moment:
    """Return what has been used until now."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Moment(
        time=time.monotonic(),
        groups=_groups(),
        children=used.ru_utime + used.ru_stime,
        machine=_machine(),
    )


def memory(group: int) -> Memory:
    """Return what the processes of a group use now, and used at most."""
    pids = [pid for pid, fields in _processes() if int(fields[2]) == group]
    return Memory(
        processes=len(pids),
        together=sum(_kilobytes(pid, "smaps_rollup", "Pss:") for pid in pids),
        peak=max((_kilobytes(pid, "status", "VmHWM:") for pid in pids), default=0),
    )


def resident(pid: int) -> int:
    """Return the resident memory of a process, in bytes."""
    return _kilobytes(pid, "status", "VmRSS:")


def _processes() -> Iterator[tuple[int, list[str]]]:
    """Yield each process and the fields of its stat behind the name: the first is field 3."""
    for stat in _PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            yield int(stat.parent.name), stat.read_text().rpartition(")")[2].split()


def _groups() -> dict[int, float]:
    """Return the time of each process group; fields 14 to 17, its dead children's included."""
    ticks: Counter[int] = Counter()
    for _, fields in _processes():
        ticks[int(fields[2])] += sum(map(int, fields[11:15]))
    return {group: number / _TICKS for group, number in ticks.items()}


def _machine() -> float:
    fields = (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    busy = (int(field) for i, field in enumerate(fields[:_GUEST]) if i not in _IDLE)
    return sum(busy) / _TICKS


def _kilobytes(pid: int, file: str, name: str) -> int:
    with contextlib.suppress(OSError):
        for line in (_PROC / str(pid) / file).read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0
