"""What the figures were taken on: the machine, its system, and the versions of what was run."""

import os
import platform
import time
from collections.abc import Iterable
from pathlib import Path

from bench.rounds import RowResult, Rules


def describe(rows: Iterable[RowResult], rules: Rules) -> str:
    """Return it as a Markdown list."""
    played = list(rows)
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    results = [one for row in played for one in row.results]
    versions = {f"{one.name}: {one.version}" for one in results if one.version}
    lines = [
        f"{_processor()}, {os.cpu_count()} cores, {_memory() / 1e9:.0f} GB of memory",
        f"{system}, Linux {platform.release()}",
        *sorted(versions),
        time.strftime("%Y-%m-%d"),
        f"{rules.rounds} rounds of {rules.seconds:g} s for each program",
    ]
    return "".join(f"* {line}\n" for line in lines)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
