"""What both daemons tell Prometheus of themselves: their build, their settings, their clients.

Knows names and meanings only; `lifecycle` hands in the figures. Raises nothing; logs nothing.
"""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from bridge_common.log import dropped_lines
from bridge_common.metrics import Measure, Metric, counter, gauge


@dataclass(frozen=True, slots=True)
class DaemonState:
    """How a daemon is; ``applied`` is in seconds since the epoch."""

    problems: int
    warnings: int
    applied: float
    connections: int


def metrics_of_daemon(prefix: str, state: DaemonState) -> Iterator[Measure]:
    """Yield them; ``prefix`` is the program's name, as it begins a metric's."""
    yield Metric(
        "gauge",
        f"{prefix}_build_info",
        "Always 1; the labels say which version runs, on which Python.",
        {(_version(), platform.python_version()): 1},
        ("version", "python"),
    )
    yield gauge(
        f"{prefix}_settings_good",
        "Whether the settings file, as it was last read, is in force: 1 or 0.",
        not state.problems,
    )
    yield gauge(
        f"{prefix}_settings_warnings",
        "What is allowed in the settings, but doubtful.",
        state.warnings,
    )
    yield gauge(
        f"{prefix}_settings_applied_timestamp_seconds",
        "When settings came into force last, in seconds since the epoch.",
        state.applied,
    )
    yield gauge(f"{prefix}_client_connections", "Open connections of clients.", state.connections)
    yield counter(
        f"{prefix}_log_lines_dropped",
        "Log lines that were lost, because standard error did not take them.",
        dropped_lines(),
    )


def _version() -> str:
    """Return the version that is installed; what runs from its source folder has none."""
    try:
        return version("sasl-bridge")
    except PackageNotFoundError:
        return "unknown"
