"""What is measured: a program with its processes, that answers at a socket of its own.

Each has a folder of its own, logs into a file there, and ends with all of its processes.
"""

import os
import subprocess
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.processes import (
    START_SECONDS,
    Child,
    LabError,
    Notifications,
    Running,
    end_session,
    start,
)


@dataclass(frozen=True, slots=True)
class Backend:
    """Who knows the passwords: a port of loopback, and whom to trust for its certificate.

    ``second`` is the port of a server that knows the same; 0: there is none.
    """

    port: int = 0
    authority: Path | None = None
    second: int = 0


class Contestant(Running):
    """One program of a row. ``name`` is what the table calls it, ``version`` its version.

    ``kind`` is the protocol that it speaks, in the words of the load; ``where`` is a port or a
    path; ``group`` is the process group that it runs as. ``most_at_once`` is how many connections
    it takes at a time. It ``spreads`` if it has processes for more than one core.
    """

    name: str
    kind: str
    most_at_once: int = 1000
    spreads: bool = False

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        folder.chmod(0o755)  # unprivileged processes of it walk through
        self.folder = folder
        self.where = str(folder / "socket")
        self.group = 0
        self._log = folder / "log"
        self._child: Child | None = None

    @property
    @abstractmethod
    def version(self) -> str:
        """Its version, as it tells it."""

    def stop(self) -> None:
        """End all of its processes."""
        if self.group:
            end_session(self.group)
        self._forget_processes()

    def forget_log(self) -> None:
        """Empty its log: some write a line for each answer."""
        if self._log.exists():
            os.truncate(self._log, 0)

    def _forget_processes(self) -> None:
        self.group = 0
        if self._child is not None:
            self._child.wait()
            self._child = None

    def _launch(self, command: list[str], environment: Mapping[str, str] | None = None) -> Child:
        """Start it with its output in the log."""
        with self._log.open("ab") as log:
            child = start(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | (environment or {}),
            )
        self._child, self.group = child, child.pid
        return child

    def _launch_notified(
        self, command: list[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it; return once it says that it is ready (sd_notify(3))."""
        ready = Notifications(self.folder / "notify")
        where = {"NOTIFY_SOCKET": str(ready.path)}
        try:
            child = self._launch(command, {**(environment or {}), **where})
            ready.wait_for("READY=1", child)
        except BaseException as error:
            self.stop()
            raise LabError(f"{error}\n{self._log.read_text(errors='replace')}") from error
        finally:
            ready.close()

    def _launch_background(
        self,
        command: list[str],
        pid_file: Path,
        ready: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start one that goes into the background, in a session of its own; return once ready."""
        try:
            self._launch(command, environment).wait(START_SECONDS)
            self.group = 0
            self._wait(lambda: pid_file.exists() and bool(pid_file.read_text().strip()))
            self.group = os.getpgid(int(pid_file.read_text()))
            self._wait(ready)
        except BaseException:
            self.stop()
            raise

    def _wait(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + START_SECONDS
        while not condition():
            if time.monotonic() > end:
                raise LabError(f"{self.name} does not start: {self._log.read_text()}")
            time.sleep(0.02)  # it does not tell when it is ready
