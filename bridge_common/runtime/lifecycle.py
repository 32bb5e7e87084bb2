"""The life of a daemon: start, reload, drain, end; the same for both programs.

SIGHUP reads the settings again: good ones apply from the next request on, broken ones leave the
last good ones in force. SIGTERM drains; a second one exits at once.
Broken settings at start: with sockets passed by systemd the daemon serves them, each request being
trouble, until the file is mended and reloaded; without, it exits with EX_CONFIG.
Exit codes are those of sysexits.h. Logs what changes, and each problem of the settings by itself.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from bridge_common.errors import Problem, SettingsError
from bridge_common.log import configure_log, dropped_lines, end_log
from bridge_common.metrics import Measure
from bridge_common.runtime.control import Command, ControlSocket, Reply, serve_control
from bridge_common.runtime.core_dumps import forbid_core_dumps
from bridge_common.runtime.daemon_metrics import DaemonState, metrics_of_daemon
from bridge_common.runtime.endpoint import BACKLOG, EndpointError, Listener, open_endpoint
from bridge_common.runtime.metrics_socket import MetricsSocket
from bridge_common.runtime.serve import Connections
from bridge_common.runtime.systemd import Notifier, passed_listeners
from bridge_common.runtime.threads import in_thread

_logger = logging.getLogger(__name__)

DRAIN_SECONDS = 7.0
"""Whoever connects meanwhile waits in the listening socket's queue, and Postfix waits 10 s at most:
some are left for the successor's start. A request that takes longer is in trouble anyway."""

# asyncio accepts in one turn of its loop and makes the connection in a later one.
_ACCEPTED_SECONDS = 0.02


class ListenSettings(Protocol):
    """The keys about sockets, which both daemons' sections have."""

    @property
    def listen(self) -> tuple[str, ...]:
        """Own endpoints, where systemd passed none."""

    @property
    def socket_mode(self) -> str:
        """Octal mode of socket files."""

    @property
    def socket_owner(self) -> str:
        """``user:group`` of socket files, or empty."""

    @property
    def control(self) -> str:
        """Endpoint of the control socket."""

    @property
    def metrics_listen(self) -> str:
        """Endpoint for Prometheus, or empty."""


B = TypeVar("B")
_Opened = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ready(Generic[B]):
    """Settings that were read, and what the program built from them.

    ``doubts`` returns further warnings: what is doubtful now, in files that may change meanwhile.
    """

    sockets: ListenSettings
    built: B
    warnings: tuple[str, ...]
    log: Callable[[], None]
    summary: str
    doubts: Callable[[], tuple[str, ...]] = tuple


class Program(Protocol[B]):
    """What a daemon is, beside being a daemon."""

    @property
    def name(self) -> str:
        """The program's name, for the log."""

    @property
    def connections(self) -> Connections:
        """Its open client connections."""

    @property
    def default_sockets(self) -> ListenSettings:
        """What holds as long as there are no usable settings."""

    @property
    def commands(self) -> Mapping[str, Command]:
        """What the control socket offers beside status and reload."""

    def prepare(self) -> Ready[B]:
        """Read the settings and build from them. May block. Raises SettingsError."""

    def apply(self, built: B) -> None:
        """Use it from the next request on."""

    def broken(self) -> None:
        """Answer everything as trouble: there are no usable settings."""

    async def begin(self) -> None:
        """Make ready, after the first `apply` or `broken`, before anybody can connect."""

    async def end(self) -> None:
        """End what is under way beside the requests, after the last of them."""

    def connection(self) -> asyncio.Protocol:
        """Return the protocol of one new client connection."""

    def status(self) -> Reply:
        """Return what the program has to say of itself."""

    def metrics(self) -> Iterable[Measure]:
        """Return what it has to say of itself in figures."""


def run(program: Callable[[], Program[B]]) -> int:
    """Run a daemon in the foreground until a signal ends it; returns its exit code."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it can mean a reload
    forbid_core_dumps()
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return _run(runner, program)
    finally:
        end_log()


def _run(runner: asyncio.Runner, program: Callable[[], Program[B]]) -> int:
    try:
        return runner.run(_live(program))
    except EndpointError as error:
        _logger.error("cannot listen: %s", error)  # noqa: TRY400  # no fault of ours
        return os.EX_UNAVAILABLE
    except SettingsError as error:
        configure_log("info", "text")
        for problem in error.problems:
            _logger.error("settings: %s", problem)  # noqa: TRY400  # the same
        return os.EX_CONFIG


async def _live(program: Callable[[], Program[B]]) -> int:
    return await Daemon(program(), Notifier(os.environ), passed_listeners(os.environ)).live()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loop where it is installed, else None: asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415  # optional
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


class Daemon(Generic[B]):
    """One running daemon. All of its state changes in this file."""

    def __init__(self, program: Program[B], notifier: Notifier, passed: list[Listener]) -> None:
        self._program = program
        self._notifier = notifier
        self._passed = passed
        self._listeners: list[Listener] = []
        self._servers: list[asyncio.Server] = []
        self._sockets: ListenSettings = program.default_sockets
        self._opened: _Opened | None = None
        self._problems: tuple[str, ...] = ()
        self._warnings: tuple[str, ...] = ()
        self._doubts: Callable[[], tuple[str, ...]] = tuple
        self._started = time.time()
        self._applied = 0.0
        self._stop = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._hangups: set[asyncio.Task[Reply]] = set()
        commands = {"status": self._status, "reload": self._reload, **program.commands}
        self._control = ControlSocket(commands)
        self._metrics = MetricsSocket(self._measures)

    async def live(self) -> int:
        """Start, serve until told to stop, drain. Raises EndpointError and SettingsError."""
        self._start_with_settings()
        await self._program.begin()
        await self._listen()
        self._handle_signals()
        self._notifier.notify("READY=1", self._state())
        watchdog = asyncio.create_task(self._feed_watchdog())
        await self._stop.wait()
        await self._drain()
        watchdog.cancel()
        await self._program.end()
        _logger.info("%s: stopped", self._program.name)
        return os.EX_OK

    # Settings

    def _start_with_settings(self) -> None:
        try:
            self._take(self._program.prepare())
        except SettingsError as error:
            if not self._passed:
                raise
            configure_log("info", "text")
            self._program.broken()
            self._note_problems(error)

    def _take(self, ready: Ready[B]) -> None:
        ready.log()
        self._program.apply(ready.built)
        self._sockets = ready.sockets
        self._metrics.apply(ready.sockets.metrics_listen)
        self._problems = ()
        self._warnings, self._doubts = ready.warnings, ready.doubts
        if self._opened not in (None, self._to_open()):
            self._warnings += ("changed socket or control settings wait for the next start",)
        self._applied = time.time()
        for warning in self._all_warnings():
            _logger.warning("settings: %s", warning)
        for line in filter(None, ready.summary.splitlines()):
            _logger.info("settings: %s", line)

    def _note_problems(self, error: SettingsError) -> None:
        self._problems = tuple(str(problem) for problem in error.problems)
        for problem in self._problems:
            _logger.error("settings: %s", problem)
        if self._applied:
            _logger.error("settings: the file is broken; the last good settings stay in force")
        else:
            _logger.error("settings: the file is broken; every request is answered as trouble")

    async def _reload(self, _request: Mapping[str, Any] | None = None) -> Reply:
        """Read the settings again, beside the requests: certificates are read too."""
        async with self._reloading:
            now_us = time.monotonic_ns() // 1000
            self._notifier.notify("RELOADING=1", f"MONOTONIC_USEC={now_us}")
            try:
                self._take(await in_thread(self._program.prepare))
            except SettingsError as error:
                self._note_problems(error)
            except Exception:
                _logger.exception("settings: a fault of ours while reading them")
                problem = Problem("settings", "cannot be read by a fault of ours; see the log")
                self._note_problems(SettingsError((problem,)))
            if not self._stop.is_set():
                self._notifier.notify("READY=1", self._state())
        return {
            "applied": not self._problems,
            "problems": self._problems,
            "warnings": self._all_warnings(),
        }

    def _all_warnings(self) -> tuple[str, ...]:
        return self._warnings + self._metrics.warnings() + self._doubts()

    # Sockets

    def _to_open(self) -> "_Opened":
        """Return the settings that matter only when sockets are opened."""
        sockets = self._sockets
        own = () if self._passed else (*sockets.listen, sockets.socket_mode, sockets.socket_owner)
        return (*own, sockets.control)

    async def _listen(self) -> None:
        self._opened = self._to_open()
        self._listeners = list(self._passed) or self._open_all()
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            # create_server for UNIX sockets too: create_unix_server unlinks systemd's socket.
            server = await loop.create_server(
                self._program.connection, sock=listener.socket, backlog=BACKLOG
            )
            self._servers.append(server)
            _logger.info("%s: listening at %s", self._program.name, listener.name)
        await self._listen_for_control()

    def _open_all(self) -> list[Listener]:
        opened: list[Listener] = []
        try:
            for text in self._sockets.listen:
                mode, owner = int(self._sockets.socket_mode, 8), self._sockets.socket_owner
                opened.append(open_endpoint(text, mode=mode, owner=owner))
        except EndpointError:
            for listener in opened:
                listener.close()
            raise
        return opened

    async def _listen_for_control(self) -> None:
        """Without a control socket logins still work, so trouble with it is only a warning."""
        try:
            listener = open_endpoint(self._sockets.control)
        except EndpointError as error:
            _logger.warning("no control socket, so bridgectl cannot ask: %s", error)
            return
        self._listeners.append(listener)
        self._servers.append(await serve_control(self._control, listener))

    # Signals and the end

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop)

    def _on_hangup(self) -> None:
        if self._stop.is_set():
            return
        task = asyncio.create_task(self._reload())
        self._hangups.add(task)
        task.add_done_callback(self._hangups.discard)

    def _on_stop(self) -> None:
        if self._stop.is_set():
            _logger.warning("%s: told to stop twice, leaving at once", self._program.name)
            for listener in self._listeners:
                listener.close()
            end_log()
            os._exit(os.EX_TEMPFAIL)
        self._stop.set()

    async def _drain(self) -> None:
        self._notifier.notify("STOPPING=1")
        _logger.info(
            "%s: draining %d connections", self._program.name, len(self._program.connections)
        )
        for server in self._servers:
            server.close()  # and no wait_closed(): it waits for idle clients
        for listener in self._listeners:
            listener.close()
        self._control.close()
        self._metrics.close()
        await asyncio.sleep(_ACCEPTED_SECONDS)
        await self._program.connections.drain(DRAIN_SECONDS)

    async def _feed_watchdog(self) -> None:
        while self._notifier.watchdog_seconds:
            self._notifier.notify("WATCHDOG=1", wait_seconds=0.0)  # the next is soon to come
            await asyncio.sleep(self._notifier.watchdog_seconds / 3)

    # Status

    def _measures(self) -> Iterator[Measure]:
        state = DaemonState(
            problems=len(self._problems),
            warnings=len(self._all_warnings()),
            applied=self._applied,
            connections=len(self._program.connections),
        )
        yield from metrics_of_daemon(self._program.name.replace("-", "_"), state)
        yield from self._program.metrics()

    def _state(self) -> str:
        if self._problems:
            return f"STATUS=settings are broken: {self._problems[0]}"
        return "STATUS=serving"

    async def _status(self, _request: Mapping[str, Any]) -> Reply:
        """Return what `bridgectl status` prints; times are seconds since the epoch."""
        return {
            "program": self._program.name,
            "pid": os.getpid(),
            "started": self._started,
            "settings_applied": self._applied,
            "settings_problems": self._problems,
            "settings_warnings": self._all_warnings(),
            "listeners": [listener.name for listener in self._listeners],
            "connections": len(self._program.connections),
            "log_lines_dropped": dropped_lines(),
            **self._program.status(),
        }
