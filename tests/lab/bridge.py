"""The daemons themselves, `python3 -m sasl_bridge` and `-m policyd`, started as systemd would.

Either one opens its own socket (setting `listen`), or it gets a `PassedSocket`, as by socket
activation; that one outlives it. Its log is read while it runs.
"""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, ClassVar, Self

from lab.processes import (
    END_SECONDS,
    Child,
    LabError,
    Notifications,
    Running,
    end_process,
    kill_group,
    start,
)

PROJECT = Path(__file__).resolve().parents[2]

# sd_listen_fds(3): the socket is descriptor 3, the variables name the process that executes.
_PASS_SOCKET = """\
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "postfix"}
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


class PassedSocket:
    """A listening UNIX socket for Postfix to connect to, held open while daemons come and go."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX)

    def __enter__(self) -> Self:
        self.socket.bind(str(self.path))
        self.path.chmod(0o660)  # Postfix's folder gives it the group
        self.socket.listen(512)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.socket.close()
        self.path.unlink(missing_ok=True)


class Daemon(Running):
    """One running daemon with its settings file, in ``folder``; ``lines`` is its log so far."""

    module: ClassVar[str]
    decided: ClassVar[str]
    """What the lines of its decisions hold, and no others."""
    python_path: ClassVar[str] = str(PROJECT)

    def __init__(self, folder: Path, settings: str, passed: PassedSocket | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.lines: list[str] = []
        self.settings_file = folder / "settings.toml"
        self.settings_file.write_text(settings)
        self._passed = passed
        self._more = threading.Condition()
        self._child: Child | None = None
        self._reader: threading.Thread | None = None
        self._notifications: Notifications | None = None

    def start(self) -> None:
        """Start it; return once it says that it is ready. LabError holds its log if it ends."""
        self._notifications = Notifications(self.folder / "notify")
        child = self._begin()
        try:
            self._notifications.wait_for("READY=1", child)
        except BaseException as error:
            self.stop()
            raise LabError("\n".join([str(error), *self.lines])) from error

    def run_to_its_end(self) -> int:
        """Start one that cannot go on; return its exit code."""
        self._begin().wait(END_SECONDS)
        return self.stop()

    def _begin(self) -> Child:
        environment = os.environ | {"PYTHONPATH": self.python_path}
        if self._notifications is not None:
            environment["NOTIFY_SOCKET"] = str(self._notifications.path)
        arguments = ["-m", self.module, "--settings", str(self.settings_file)]
        descriptors = []
        if self._passed is not None:
            descriptors = [self._passed.socket.fileno()]
            arguments = ["-c", _PASS_SOCKET, str(descriptors[0]), *arguments]
        self._child = start(
            [sys.executable, *arguments],
            cwd=PROJECT,
            env=environment,
            pass_fds=descriptors,
            stderr=subprocess.PIPE,
        )
        assert self._child.stderr is not None
        self._reader = threading.Thread(target=self._read_log, args=(self._child.stderr,))
        self._reader.start()
        return self._child

    def reload(self, settings: str = "") -> None:
        """Send SIGHUP, with other settings if any are given; return once it has read them."""
        assert self._child is not None
        assert self._notifications is not None
        if settings:
            self.settings_file.write_text(settings)
        self._child.send_signal(signal.SIGHUP)
        self._notifications.wait_for("RELOADING=1", self._child)
        self._notifications.wait_for("READY=1", self._child)

    @property
    def pid(self) -> int:
        """The running daemon's process."""
        assert self._child is not None
        return self._child.pid

    @contextlib.contextmanager
    def stalled(self) -> Iterator[None]:
        """Let it be silent: it neither answers nor ends, and its sockets stay."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            if self._child is not None:  # else it was killed
                os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it at once, as a crash does."""
        kill_group(self.pid)
        self.stop()

    def stop(self) -> int:
        """Send SIGTERM, wait for the end, return the exit code."""
        code = 0
        if self._child is not None:
            code = end_process(self._child)
            kill_group(self._child.pid)
            self._child = None
        if self._reader is not None:
            self._reader.join()
            self._reader = None
        if self._notifications is not None:
            self._notifications.close()
            self._notifications = None
        return code

    def decisions(self, number: int) -> list[str]:
        """Return the decision lines once there are at least so many."""
        return self.lines_with(self.decided, number)

    def lines_with(self, pattern: str, number: int = 1) -> list[str]:
        """Return the lines of its log that hold ``pattern``, once there are at least so many."""
        end = time.monotonic() + END_SECONDS
        with self._more:
            while len(found := [line for line in self.lines if re.search(pattern, line)]) < number:
                if not self._more.wait(end - time.monotonic()):
                    raise LabError("\n".join([f"not in the log: {pattern}", *self.lines]))
        return found

    def _read_log(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                with self._more:
                    self.lines.append(line.decode(errors="replace").rstrip("\n"))
                    self._more.notify_all()


class Bridge(Daemon):
    """sasl-bridge."""

    module = "sasl_bridge"
    decided = r"\bverdict="


class Policyd(Daemon):
    """sasl-policyd."""

    module = "policyd"
    decided = r"\baction="
