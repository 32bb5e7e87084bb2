"""Loopback ports of the lab: free ones, and one that accepts and then says nothing."""

import contextlib
import random
import socket
from collections.abc import Iterator

LOOPBACK = "127.0.0.1"


# Below those that Linux gives to outgoing connections (ip_local_port_range): a server that is
# started again finds its port free.
_PORTS = range(10240, 32768)
_given: set[int] = set()


def free_port() -> int:
    """Return a port on which nobody listens; never the same one twice."""
    while True:
        port = random.choice(_PORTS)
        with contextlib.suppress(OSError), socket.create_server((LOOPBACK, port)):
            if port not in _given:
                _given.add(port)
                return port


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """Yield a port that takes connections (the kernel does) and never says a word."""
    with socket.create_server((LOOPBACK, 0), backlog=512) as silent:
        yield silent.getsockname()[1]
