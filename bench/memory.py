"""What memory sasl-bridge takes: with many clients that are idle, and with many cached logins."""

import contextlib
import resource
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from lab.processes import lab_folder

from bench import backends, ours
from bench.programs import Load, Programs
from bench.rounds import tell
from bench.usage import memory, resident

CLIENTS = 1000
LOGINS = 10000
TARGET_MB = 80
_HELLO = b"VERSION\t1\t0\nCPID\t1\n"


@dataclass(frozen=True, slots=True)
class Taken:
    """Memory in bytes, of one process: at its start, then with each; and the peak."""

    start: int
    clients: int
    logins: int
    peak: int


def measure(programs: Programs) -> Taken:
    """Return what it takes. Raises LabError when an answer is wrong."""
    _allow_many_sockets()
    tell(f"memory: {CLIENTS} idle clients, {LOGINS} logins")
    with (
        lab_folder() as folder,
        backends.ldap(programs, folder / "backend") as backend,
        ours.remembering(folder / "bridge", backend.reached) as bridge,
    ):
        start = resident(bridge.group)
        with _idle_clients(bridge.where):
            clients = resident(bridge.group)
            programs.everybody(Load("auth", bridge.where, 64, LOGINS))
            logins = resident(bridge.group)
            return Taken(start, clients, logins, memory(bridge.group).peak)


def markdown(taken: Taken) -> str:
    """Return the figures as a table."""
    rows = (
        ("started", taken.start),
        (f"and {CLIENTS:,} idle clients", taken.clients),
        (f"and {LOGINS:,} logins that are remembered", taken.logins),
        (f"peak; the target is {TARGET_MB} MB", taken.peak),
    )
    lines = (f"| {name} | {size / 1e6:.1f} MB |" for name, size in rows)
    return "\n".join(["| sasl-bridge | Memory |", "|---|---:|", *lines, ""])


def _allow_many_sockets() -> None:
    """Let us and what we start have a socket for each client."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextlib.contextmanager
def _idle_clients(path: str) -> Iterator[None]:
    """Hold clients connected that have introduced themselves, and say nothing."""
    with contextlib.ExitStack() as clients:
        for _ in range(CLIENTS):
            client = clients.enter_context(socket.socket(socket.AF_UNIX))
            client.settimeout(15)
            client.connect(path)
            client.sendall(_HELLO)
            greeting = b""
            while b"\nDONE\n" not in greeting:
                greeting += client.recv(4096)
        yield
