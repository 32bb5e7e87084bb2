"""What either daemon tells Prometheus of the directories that it asks.

Knows names and meanings only. Raises nothing; logs nothing.
"""

from collections.abc import Iterable, Iterator

from bridge_common.directory.directory import Directory
from bridge_common.metrics import Measure, Metric


def metrics_of_directories(prefix: str, directories: Iterable[Directory]) -> Iterator[Measure]:
    """Yield them; ``prefix`` is the program's name, as it begins a metric's."""
    hosts = {
        (directory.profile.name, host.place.host): host
        for directory in directories
        for host in directory.hosts
    }
    labels = ("profile", "host")
    yield Metric(
        "gauge",
        f"{prefix}_directory_sessions_in_use",
        "Sessions at a directory's host that serve a login just now.",
        {key: host.in_use for key, host in hosts.items()},
        labels,
    )
    yield Metric(
        "gauge",
        f"{prefix}_directory_sessions_idle",
        "Sessions at a directory's host that are kept for the next login.",
        {key: host.idle for key, host in hosts.items()},
        labels,
    )
    yield Metric(
        "gauge",
        f"{prefix}_directory_sessions_max",
        "How many sessions at a directory's host may be in use (`max_connections`).",
        {key: host.most for key, host in hosts.items()},
        labels,
    )
