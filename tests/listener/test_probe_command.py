"""`bridgectl server test`, from the command line to the fake server and back."""

import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from lab.bridge import PROJECT, Bridge
from lab.fake_imap import mailboxes
from lab.fake_server import Behaviour, FakeServer, Peer, hang, hear, script
from lab.settings import server, settings_text

from bridge_admin.cli import main as bridgectl

pytestmark = pytest.mark.usefixtures("daemon_loop")

WORDS = "secret words"
GOOD = mailboxes({"alice@example.com": WORDS.encode()})


def settings(folder: Path, port: int, name: str = "first") -> str:
    return settings_text(folder, folder / "auth", [server(name, port)])


@contextmanager
def running(folder: Path, behave: Behaviour = GOOD) -> Iterator[tuple[Bridge, Path, FakeServer]]:
    """Yield a daemon that asks a fake server, its settings file, and the server."""
    with FakeServer(behave) as fake, Bridge(folder, settings(folder, fake.port)) as bridge:
        yield bridge, folder / "settings.toml", fake


def server_test(file: Path, *more: str, name: str = "first") -> int:
    return bridgectl(["server", "test", name, "--settings", str(file), *more])


def test_both_opinions_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path) as (bridge, file, fake):
        assert server_test(file) == 0
        said = capsys.readouterr()
        assert said.out.startswith(f"first: IMAP at 127.0.0.1 port {fake.port}, not encrypted\n")
        assert said.out.endswith("\nfirst is ready for logins.\n")
        assert said.err == ""

        for password, code, state in [(WORDS, 0, "accepted"), ("wrong", 77, "rejected")]:
            arguments = ("--login", "alice@example.com", "--password-stdin", "--json")
            monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
            assert server_test(file, *arguments) == code
            report = json.loads(capsys.readouterr().out)
            assert report["first"]["state"] == report["second"]["state"] == state
        line = bridge.decisions(2)[0]
        assert "login=alice@example.com mechanism=probe verdict=accepted server=first" in line

        assert server_test(file, name="second") == 64
        assert capsys.readouterr().err == (
            "bridgectl: the daemon said: no server 'second' in the settings in force; "
            "there are: first\n"
        )
    assert not [one for one in bridge.lines if WORDS in one]


def test_a_dead_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(tmp_path) as (bridge, file, fake):
        port = fake.port
        with FakeServer(hang) as dead:
            pass
        bridge.reload(settings(tmp_path, dead.port))
        assert port != dead.port
        assert server_test(file) == 75
    trouble = f"  trouble       connection refused by 127.0.0.1 port {dead.port}\n"
    assert trouble in capsys.readouterr().out


def test_at_a_terminal_it_says_that_it_takes_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    with running(tmp_path) as (_, file, _):
        monkeypatch.setattr("sys.stderr", terminal)
        assert server_test(file) == 0
    assert terminal.getvalue() == "asking first, which may take 20 s ...\n"
    assert "asking" not in capsys.readouterr().out


def test_a_terminal_that_lacks_a_character_is_no_traceback(tmp_path: Path) -> None:
    greeting = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] gr\u00fc\u00df dich\r\n".encode()
    with running(tmp_path, script(greeting, hear)) as (_, file, _):
        done = subprocess.run(
            [
                *(sys.executable, "-m", "bridge_admin.cli"),
                *("server", "test", "first", "--settings", str(file)),
            ],
            env=os.environ | {"PYTHONPATH": str(PROJECT), "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            check=False,
        )
    assert done.stderr == b""
    assert b"  greeting      OK gr?? dich\n" in done.stdout


def test_it_follows_a_reload(tmp_path: Path) -> None:
    with running(tmp_path) as (bridge, file, fake):
        bridge.reload(settings(tmp_path, fake.port, "renamed"))
        assert server_test(file) == 64
        assert server_test(file, "--json", name="renamed") == 0


def test_the_other_client_takes_no_module_from_the_daemon_s_surroundings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "modules"
    folder.mkdir()
    for module in ("poplib", "imaplib", "imapclient", "cryptography"):
        (folder / f"{module}.py").write_text("raise SystemExit('slipped in')\n")
    monkeypatch.setattr(Bridge, "python_path", f"{folder}:{Bridge.python_path}")
    with running(tmp_path) as (_, file, _):
        assert server_test(file, "--json") == 0
    assert json.loads(capsys.readouterr().out)["second"]["state"] == "ready"


def test_it_ends_with_who_asked_for_it(tmp_path: Path) -> None:
    """The other client waits for a greeting; its process is gone once bridgectl is."""
    turns = iter([script(b"* BYE\r\n"), hang])

    def behave(peer: Peer) -> None:
        next(turns)(peer)

    with running(tmp_path, behave) as (_, _, fake):
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(tmp_path / "control"))
            control.sendall(b'{"command": "probe", "server": "first"}\n')
            until = time.monotonic() + 10
            while len(fake.peers) < 2 or fake.all_left():
                assert time.monotonic() < until
                time.sleep(0.005)
        while not fake.all_left():
            assert time.monotonic() < until
            time.sleep(0.005)
