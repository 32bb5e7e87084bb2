"""Who knows the passwords: the stub servers, near or far. Each runs in a process of its own."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from lab.bridge import PROJECT
from lab.certificates import make_certificates
from lab.ports import LOOPBACK, free_port
from lab.processes import end_session, start, wait_for_port

from bench.contestant import Backend
from bench.programs import Programs

ROUND_TRIP_MS = 20
LDAP_ANSWER_MS = 1
IMAP, FIRST = "the IMAP server", "the first server"


@dataclass(frozen=True, slots=True)
class RunningBackend:
    """A back end that runs: how it is reached, and the process groups of its parts, by name."""

    reached: Backend
    groups: dict[str, int]


BackendMaker = Callable[[Programs, Path], AbstractContextManager[RunningBackend]]


@contextlib.contextmanager
def nobody(_programs: Programs, _folder: Path) -> Iterator[RunningBackend]:
    """Yield none: nobody need be asked."""
    yield RunningBackend(Backend(), {})


@contextlib.contextmanager
def imap(programs: Programs, _folder: Path) -> Iterator[RunningBackend]:
    """Yield the IMAP stub."""
    with _served([programs.path("imap_stub")]) as (port, group):
        yield RunningBackend(Backend(port), {IMAP: group})


@contextlib.contextmanager
def two_imap(programs: Programs, folder: Path) -> Iterator[RunningBackend]:
    """Yield two IMAP stubs that know the same people."""
    with imap(programs, folder) as first, imap(programs, folder) as second:
        groups = {FIRST: first.groups[IMAP], "the second server": second.groups[IMAP]}
        yield RunningBackend(Backend(first.reached.port, second=second.reached.port), groups)


@contextlib.contextmanager
def ldap(programs: Programs, _folder: Path) -> Iterator[RunningBackend]:
    """Yield the LDAP stub."""
    with _served([programs.path("ldap_stub")]) as (port, group):
        yield RunningBackend(Backend(port), {"the LDAP server": group})


@contextlib.contextmanager
def distant_ldap(programs: Programs, _folder: Path) -> Iterator[RunningBackend]:
    """Yield the LDAP stub, which takes its time for each answer."""
    with _served([programs.path("ldap_stub")], str(LDAP_ANSWER_MS * 1000)) as (port, group):
        yield RunningBackend(Backend(port), {"the LDAP server": group})


@contextlib.contextmanager
def far_imap(programs: Programs, folder: Path) -> Iterator[RunningBackend]:
    """Yield the IMAP stub behind TLS and a long line."""
    folder.mkdir()
    tls = make_certificates(folder)
    with imap(programs, folder) as near:
        files = [str(tls.certificate), str(tls.key), str(ROUND_TRIP_MS)]
        command = [sys.executable, "-m", "bench.far"]
        with _served(command, str(near.reached.port), *files) as (port, group):
            yield RunningBackend(
                Backend(port, tls.authority), {**near.groups, "the line to it": group}
            )


@contextlib.contextmanager
def _served(command: list[str], *arguments: str) -> Iterator[tuple[int, int]]:
    """Run a program that is told its port first; yield the port and its process group."""
    port = free_port()
    path = {"PYTHONPATH": f"{PROJECT}:{PROJECT}/tests"}
    child = start([*command, str(port), *arguments], env=os.environ | path)
    try:
        wait_for_port(child, LOOPBACK, port)
        yield port, child.pid
    finally:
        end_session(child.pid)
        child.wait()
