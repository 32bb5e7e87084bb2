"""Programs of the lab: found or named as missing, started, waited for, ended by process id.

Readiness is told by the programs themselves (sd_notify(3)), the end by a pidfd: nothing sleeps,
except for programs that do not tell.
Raises `LabError` with what the program wrote when it does not come up.
"""

import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

START_SECONDS = 20.0  # a busy machine is slow, a broken program is silent
END_SECONDS = 15.0

Child = subprocess.Popen[bytes]


class LabError(Exception):
    """Something of the lab cannot run here; the text says what to do."""


def program(name: str, package: str) -> str:
    """Return the path of a program, or raise LabError naming the Debian package that has it."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise LabError(f"{name} is not installed; it is in the Debian package {package}")
    return found


def start(command: list[str], **options: Any) -> Child:
    """Start a program in a session of its own; it is told to end should we die (setpriv(1))."""
    prefix = [program("setpriv", "util-linux"), "--pdeathsig", "TERM"]
    return subprocess.Popen([*prefix, *command], start_new_session=True, **options)


def run(*command: str) -> str:
    """Run a program to its end and return what it printed; raise LabError if it fails."""
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False, timeout=60
    )
    if done.returncode != 0:
        raise LabError(f"{' '.join(command)} failed: {done.stdout}{done.stderr}")
    return done.stdout.strip()


@contextlib.contextmanager
def lab_folder() -> Iterator[Path]:
    """Yield a temporary folder that unprivileged daemons may walk through.

    Its path is short: the path of a UNIX socket has 107 bytes at most.
    """
    with tempfile.TemporaryDirectory(prefix="sasl-bridge-lab-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


class Running(ABC):
    """Something that runs from `start` to `stop`; a context manager does both."""

    @abstractmethod
    def start(self) -> None:
        """Return once it runs."""

    @abstractmethod
    def stop(self) -> object:
        """Return once it has ended; nothing to do if it has already."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Notifications:
    """The socket on which a program tells its state, as systemd holds it (sd_notify(3))."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def wait_for(self, state: str, child: Child) -> None:
        """Return when the program has sent the line ``state``; raise LabError if it ends first."""
        end = time.monotonic() + START_SECONDS
        with _pidfd(child.pid) as ended:
            while True:
                remaining = max(0.0, end - time.monotonic())
                told = self._socket.fileno()
                ready, _, _ = select.select([told, ended], [], [], remaining)
                if told in ready and state in self._socket.recv(4096).decode().split("\n"):
                    return
                if told not in ready:
                    why = "ended" if ready else "is silent"
                    raise LabError(f"{child.args!r} {why} before it said {state}")

    def close(self) -> None:
        """Close the socket and remove its file."""
        self._socket.close()
        self.path.unlink(missing_ok=True)


def wait_for_port(child: Child, address: str, port: int) -> None:
    """Return when a program that does not tell its state takes connections there."""
    end = time.monotonic() + START_SECONDS
    while child.poll() is None and time.monotonic() < end:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection((address, port)).close()
            return
        time.sleep(0.02)
    raise LabError(f"{child.args!r} does not listen on {address} port {port}")


@contextlib.contextmanager
def _pidfd(pid: int) -> Iterator[int]:
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def end_process(child: Child) -> int:
    """Ask a program to end (SIGTERM), make sure of it, and return its exit code."""
    if child.poll() is None:
        child.terminate()
    try:
        return child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def end_session(leader: int) -> None:
    """End the process ``leader`` in good order, then whatever is left of the group that it led."""
    with contextlib.suppress(ProcessLookupError), _pidfd(leader) as ended:
        os.kill(leader, signal.SIGTERM)
        select.select([ended], [], [], END_SECONDS)
    kill_group(leader)


def kill_group(group: int) -> None:
    """Kill a process group at once; return when nothing of it runs any more."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    for pid in _members(group):
        with contextlib.suppress(ProcessLookupError), _pidfd(pid) as ended:
            select.select([ended], [], [], END_SECONDS)


def _members(group: int) -> Iterator[int]:
    """Yield the processes of a group: field 5 of /proc/PID/stat, the third after the name."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[2]) == group:
                yield int(stat.parent.name)
