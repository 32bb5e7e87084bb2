"""The life of a daemon, with a program that only echoes; in this process, with real signals."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from lab.own_log import log_to

from bridge_common.errors import Problem, SettingsError
from bridge_common.metrics import Measure, gauge
from bridge_common.runtime.control import Command, Reply
from bridge_common.runtime.endpoint import EndpointError, Listener, open_endpoint
from bridge_common.runtime.lifecycle import Daemon, Ready, loop_factory
from bridge_common.runtime.serve import Connections
from bridge_common.runtime.systemd import Notifier

BROKEN = SettingsError((Problem("smtp_auth.listne", "no such key; did you mean listen?"),))


@dataclass(frozen=True)
class Sockets:
    """The keys about sockets."""

    listen: tuple[str, ...]
    control: str
    socket_mode: str = "0660"
    socket_owner: str = ""
    metrics_listen: str = ""


class Echo(asyncio.Protocol):
    def __init__(self, program: "Program") -> None:
        self.program = program

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.program.connections.add(self)

    def data_received(self, data: bytes) -> None:
        applied = self.program.applied
        self.transport.write(applied[-1].encode() if applied else b"-")

    def connection_lost(self, exc: Exception | None) -> None:
        self.program.connections.discard(self)

    def drain(self) -> None:
        self.transport.close()

    def abort(self) -> None:
        self.transport.abort()


class Program:
    """A program whose settings are one word, or broken."""

    name = "echo"
    commands: Mapping[str, Command] = {}

    def __init__(self, folder: Path) -> None:
        self.default_sockets = Sockets((f"unix:{folder}/client",), f"unix:{folder}/control")
        self.sockets = self.default_sockets
        self.connections = Connections()
        self.next: str | SettingsError = "first"
        self.applied: list[str] = []
        self.is_broken = False
        self.life: list[str] = []
        self.prepared = asyncio.Event()

    def prepare(self) -> Ready[str]:
        if isinstance(self.next, SettingsError):
            raise self.next
        return Ready(self.sockets, self.next, ("a doubt",), lambda: None, "a = 1\n")

    def apply(self, built: str) -> None:
        self.applied.append(built)

    def broken(self) -> None:
        self.is_broken = True

    def metrics(self) -> Iterator[Measure]:
        yield gauge("echo_applied", "How often settings were applied.", len(self.applied))

    async def begin(self) -> None:
        self._note("begin")

    async def end(self) -> None:
        self._note("end")

    def _note(self, what: str) -> None:
        there = Path(self.sockets.listen[0].removeprefix("unix:")).exists()
        self.life.append(f"{what}, {'somebody' if there else 'nobody'} can connect")

    def connection(self) -> asyncio.Protocol:
        return Echo(self)

    def status(self) -> Reply:
        return {"mood": "good"}


class Systemd:
    """The socket on which the daemon tells how it is doing."""

    def __init__(self, folder: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(folder / "notify"))
        self.socket.settimeout(10)

    async def told(self) -> list[str]:
        data = await asyncio.to_thread(self.socket.recv, 1000)
        return data.decode().split("\n")


@asynccontextmanager
async def log_at(path: Path) -> AsyncIterator[None]:
    """Let the log go to a file: without settings the daemon configures it by itself."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        with log_to(descriptor):
            yield
    finally:
        os.close(descriptor)


@asynccontextmanager
async def living(
    program: Program, folder: Path, passed: list[Listener] | None = None, **environ: str
) -> AsyncIterator[tuple[Systemd, "asyncio.Task[int]"]]:
    systemd = Systemd(folder)
    notifier = Notifier({"NOTIFY_SOCKET": str(folder / "notify"), **environ})
    life = asyncio.create_task(Daemon(program, notifier, passed or []).live())
    try:
        yield systemd, life
    finally:
        if not life.done():
            os.kill(os.getpid(), signal.SIGTERM)
        assert await life == 0
        systemd.socket.close()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def ask(path: Path, line: bytes) -> bytes:
    """Return the answer to one line: all that comes in one piece."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(line)
    answer = await reader.read(65536)
    writer.close()
    return answer


pytestmark = pytest.mark.expect_warnings("^settings: a doubt$")


async def test_a_daemon_serves_and_removes_its_socket_files(tmp_path: Path) -> None:
    async with living(Program(tmp_path), tmp_path) as (systemd, _):
        assert await systemd.told() == ["READY=1", "STATUS=serving"]
        assert await ask(tmp_path / "client", b"?") == b"first"
    assert not (tmp_path / "client").exists()
    assert not (tmp_path / "control").exists()


async def test_sighup_applies_new_settings_to_open_connections(tmp_path: Path) -> None:
    program = Program(tmp_path)
    async with living(program, tmp_path) as (systemd, _):
        await systemd.told()
        reader, writer = await asyncio.open_unix_connection(tmp_path / "client")
        writer.write(b"?")
        assert await reader.read(100) == b"first"
        program.next = "second"
        os.kill(os.getpid(), signal.SIGHUP)
        assert (await systemd.told())[0] == "RELOADING=1"
        assert await systemd.told() == ["READY=1", "STATUS=serving"]
        writer.write(b"?")
        assert await reader.read(100) == b"second"
        writer.close()


@pytest.mark.expect_warnings("settings: ")
async def test_broken_settings_at_reload_leave_the_last_good_ones(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program = Program(tmp_path)
    async with living(program, tmp_path) as (systemd, _):
        await systemd.told()
        program.next = BROKEN
        reply = await ask(tmp_path / "control", b'{"command": "reload"}\n')
        assert reply == (
            b'{"ok": true, "applied": false, "problems": '
            b'["smtp_auth.listne: no such key; did you mean listen?"], "warnings": ["a doubt"]}\n'
        )
        assert (await systemd.told())[0] == "RELOADING=1"
        assert await systemd.told() == [
            "READY=1",
            "STATUS=settings are broken: smtp_auth.listne: no such key; did you mean listen?",
        ]
        assert await ask(tmp_path / "client", b"?") == b"first"
    assert "the last good settings stay in force" in caplog.text


async def test_without_settings_and_sockets_there_is_no_start(tmp_path: Path) -> None:
    program = Program(tmp_path)
    program.next = BROKEN
    with pytest.raises(SettingsError):
        await Daemon(program, Notifier({}), []).live()


@pytest.mark.expect_warnings("settings: ")
async def test_without_settings_passed_sockets_are_served_until_the_file_is_mended(
    tmp_path: Path,
) -> None:
    program = Program(tmp_path)
    program.next = BROKEN
    passed = open_endpoint(f"unix:{tmp_path}/passed")
    ours = [Listener("systemd:passed", passed.socket)]
    async with log_at(tmp_path / "log"), living(program, tmp_path, ours) as (systemd, _):
        assert (await systemd.told())[1].startswith("STATUS=settings are broken")
        assert program.is_broken
        assert await ask(tmp_path / "passed", b"?") == b"-"
        program.next = "mended"
        reply = await ask(tmp_path / "control", b'{"command": "reload"}\n')
        assert reply.startswith(b'{"ok": true, "applied": true, "problems": [], ')
        assert await ask(tmp_path / "passed", b"?") == b"mended"
    assert " error: settings: smtp_auth.listne: no such key; " in (tmp_path / "log").read_text()
    assert (tmp_path / "passed").exists()  # it is systemd's


async def test_status_says_how_things_are(tmp_path: Path) -> None:
    async with living(Program(tmp_path), tmp_path) as (systemd, _):
        await systemd.told()
        reply = await ask(tmp_path / "control", b'{"command": "status"}\n')
    assert b'"program": "echo"' in reply
    assert b'"settings_problems": [], "settings_warnings": ["a doubt"]' in reply
    assert b'"connections": 0, "log_lines_dropped": 0, "mood": "good"' in reply


@pytest.mark.expect_warnings("a doubt|no control socket, so bridgectl cannot ask")
async def test_trouble_with_the_control_socket_does_not_stop_logins(tmp_path: Path) -> None:
    program = Program(tmp_path)
    program.sockets = Sockets(program.sockets.listen, f"unix:{tmp_path}/nowhere/control")
    async with living(program, tmp_path) as (systemd, _):
        await systemd.told()
        assert await ask(tmp_path / "client", b"?") == b"first"


async def test_an_endpoint_that_cannot_be_opened_takes_none_with_it(tmp_path: Path) -> None:
    program = Program(tmp_path)
    good, bad = f"unix:{tmp_path}/good", f"unix:{tmp_path}/nowhere/bad"
    program.sockets = Sockets((good, bad), program.sockets.control)
    with pytest.raises(EndpointError, match="nowhere/bad"):
        await Daemon(program, Notifier({}), []).live()
    assert not (tmp_path / "good").exists()


@pytest.mark.expect_warnings("a doubt|wait for the next start")
async def test_changed_endpoints_wait_for_the_next_start(tmp_path: Path) -> None:
    program = Program(tmp_path)
    async with living(program, tmp_path) as (systemd, _):
        await systemd.told()
        reload = b'{"command": "reload"}\n'
        assert b'"warnings": ["a doubt"]' in await ask(tmp_path / "control", reload)
        program.sockets = Sockets((f"unix:{tmp_path}/other",), program.sockets.control)
        for _ in range(2):  # it is said as long as it is so
            reply = await ask(tmp_path / "control", reload)
            assert b"changed socket or control settings wait for the next start" in reply
        assert await ask(tmp_path / "client", b"?") == b"first"


@pytest.mark.expect_warnings("settings: ")
async def test_a_fault_of_ours_while_reloading_leaves_the_last_good_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = Program(tmp_path)
    async with living(program, tmp_path) as (systemd, _):
        await systemd.told()
        monkeypatch.setattr(program, "prepare", lambda: 1 / 0)
        reply = await ask(tmp_path / "control", b'{"command": "reload"}\n')
        assert b'"applied": false' in reply
        assert await ask(tmp_path / "client", b"?") == b"first"
        await systemd.told()
        assert (await systemd.told())[0] == "READY=1"


async def test_the_program_begins_before_anybody_can_connect_and_ends_after_the_last(
    tmp_path: Path,
) -> None:
    program = Program(tmp_path)
    async with living(program, tmp_path) as (systemd, _):
        await systemd.told()
        assert program.life == ["begin, nobody can connect"]
        assert await ask(tmp_path / "client", b"?") == b"first"
    assert program.life == ["begin, nobody can connect", "end, nobody can connect"]


async def test_sigint_stops_too(tmp_path: Path) -> None:
    async with living(Program(tmp_path), tmp_path) as (systemd, life):
        await systemd.told()
        os.kill(os.getpid(), signal.SIGINT)
        assert await life == 0


async def test_the_watchdog_is_fed(tmp_path: Path) -> None:
    async with living(Program(tmp_path), tmp_path, WATCHDOG_USEC="30000") as (systemd, _):
        assert (await systemd.told())[0] == "READY=1"
        assert await systemd.told() == ["WATCHDOG=1"]
        assert await systemd.told() == ["WATCHDOG=1"]


async def test_sigterm_drains_open_connections(tmp_path: Path) -> None:
    async with living(Program(tmp_path), tmp_path) as (systemd, life):
        await systemd.told()
        reader, writer = await asyncio.open_unix_connection(tmp_path / "client")
        writer.write(b"?")
        assert await reader.read(100) == b"first"
        os.kill(os.getpid(), signal.SIGTERM)
        assert await systemd.told() == ["STOPPING=1"]
        assert await reader.read() == b""
        assert await life == 0
        writer.close()


def test_uvloop_is_used_where_it_is_installed() -> None:
    factory = loop_factory()
    assert factory is not None
    assert factory.__module__ == "uvloop"


def test_uvloop_is_not_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "uvloop", None)
    assert loop_factory() is None
