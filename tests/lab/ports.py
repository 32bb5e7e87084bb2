"""Loopback ports of the lab: free ones, and one that accepts and then says nothing."""

import contextlib
import os
import random
import socket
from collections.abc import Iterator

LOOPBACK = "127.0.0.1"


# Below those that Linux gives to outgoing connections (ip_local_port_range): a server that is
# started again finds its port free. Of pytest's processes side by side (pytest-xdist names them
# gw0, gw1 and so on) each has its own: what one found free, another would take before it is used.
_PROCESSES = 16
_PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PORTS = range(10240 + _PROCESS % _PROCESSES, 32768, _PROCESSES)
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
