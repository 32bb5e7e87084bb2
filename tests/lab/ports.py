"""Loopback ports of the lab: free ones, and one that accepts and then says nothing."""

import contextlib
import socket
from collections.abc import Iterator

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server((LOOPBACK, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """Yield a port that takes connections (the kernel does) and never says a word."""
    with socket.create_server((LOOPBACK, 0), backlog=512) as silent:
        yield silent.getsockname()[1]
