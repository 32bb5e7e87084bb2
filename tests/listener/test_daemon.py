"""The whole daemon in a process of its own, and bridgectl asking it."""

import base64
import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab.bridge import PROJECT, Bridge, PassedSocket
from lab.processes import LabError

from bridge_admin.cli import main as bridgectl

pytestmark = pytest.mark.usefixtures("daemon_loop")

WORDS = "secret words"


class Imap:
    """An IMAP server that knows alice, and wrong passwords; one connection after the other."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Stop for good; a second time does nothing."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as file:
                file.write(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
                file.flush()
                command = file.readline().decode()
                tag = command.partition(" ")[0]
                right = command == f'{tag} LOGIN "alice@example.com" "{WORDS}"\r\n'
                answer = "OK welcome" if right else "NO [AUTHENTICATIONFAILED] no"
                file.write(f"{tag} {answer}\r\n".encode())
                file.flush()
                file.readline()


@contextmanager
def imap() -> Iterator[Imap]:
    server = Imap()
    try:
        yield server
    finally:
        server.close()


def settings(folder: Path, port: int, **more: str) -> str:
    keys = {
        "enabled": "true",
        "failure_delay": '"0s"',
        "require_tls": "false",
        "listen": f'["unix:{folder}/auth"]',
        "control": f'"unix:{folder}/control"',
        **more,
    }
    section = "\n".join(f"{key} = {value}" for key, value in keys.items())
    return f"""
[smtp_auth]
{section}

[identity]
domains = ["example.com"]

[[server]]
name = "first"
security = "plain"
host = "127.0.0.1"
port = {port}
"""


@contextmanager
def running(folder: Path, **more: str) -> Iterator[tuple[Bridge, Path, Imap]]:
    with imap() as server, Bridge(folder, settings(folder, server.port, **more)) as bridge:
        yield bridge, folder / "settings.toml", server


def exit_of(folder: Path, text: str) -> tuple[int, str]:
    """Run a daemon that is meant to end by itself; return its code and what it said."""
    bridge = Bridge(folder, text)
    code = bridge.run_to_its_end()
    return code, "\n".join(bridge.lines_with("."))


def as_json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def login(file: Path, password: str, monkeypatch: pytest.MonkeyPatch, *more: str) -> int:
    with subprocess.Popen(["printf", "%s\n", password], stdout=subprocess.PIPE, text=True) as typed:
        monkeypatch.setattr("sys.stdin", typed.stdout)
        return bridgectl(
            ["login", "alice@example.com", "--password-stdin", "--settings", str(file), *more]
        )


def test_the_effective_settings_are_logged_at_the_start(tmp_path: Path) -> None:
    with running(tmp_path) as (bridge, _, server):
        bridge.lines_with(r"settings: connection_timeout = ")
        bridge.lines_with(rf"settings: port = {server.port}")
        bridge.lines_with(r"listening at unix:.*/auth")


def test_the_sockets_are_for_their_group_only(tmp_path: Path) -> None:
    """Who may write to the auth socket may try passwords."""
    with running(tmp_path, socket_mode='"0600"'):
        assert stat.S_IMODE((tmp_path / "auth").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "control").stat().st_mode) == 0o660


def test_a_client_over_tcp_logs_in(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with running(tmp_path, listen=f'["inet:127.0.0.1:{port}"]') as (bridge, _, _):
        response = base64.b64encode(f"\0alice@example.com\0{WORDS}".encode()).decode()
        with (
            socket.create_connection(("127.0.0.1", port)) as client,
            client.makefile("rwb") as file,
        ):
            file.write(b"VERSION\t1\t1\nCPID\t1\n")
            file.write(f"AUTH\t1\tPLAIN\tservice=smtp\tresp={response}\n".encode())
            file.flush()
            while (line := file.readline()) != b"DONE\n":
                assert line
            assert file.readline() == b"OK\t1\tuser=alice@example.com\n"
        bridge.lines_with("warning: settings: smtp_auth.listen: .*use unix: for Postfix")


def test_passed_sockets_are_served_with_broken_settings_until_they_are_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with imap() as server, PassedSocket(tmp_path / "passed") as passed:
        good = settings(tmp_path, server.port)
        broken = good.replace("enabled", "enalbed")
        with Bridge(tmp_path, broken, passed) as bridge:
            file = tmp_path / "settings.toml"
            bridge.lines_with("error: settings: smtp_auth.enalbed: ")
            assert bridgectl(["status", "--settings", str(file)]) == 78
            said = capsys.readouterr().out
            assert "answers every request as trouble; the settings are broken" in said
            assert "error: smtp_auth.enalbed: " in said
            assert login(file, WORDS, monkeypatch) == 75
            capsys.readouterr()
            bridge.reload(good)
            assert login(file, WORDS, monkeypatch) == 0


def test_bridgectl_login_shows_each_answer_and_what_postfix_would_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path) as (bridge, file, server):
        assert login(file, WORDS, monkeypatch, "--client", "192.0.2.1") == 0
        said = capsys.readouterr().out.splitlines()
        assert said[0].startswith("first: accepted in 0.")
        assert said[1] == "accepted as alice@example.com by first: OK welcome"
        assert said[2] == (
            "Postfix would tell the mail program: 235 2.7.0 Authentication successful"
        )
        assert login(file, "wrong", monkeypatch, "--json") == 77
        reply = as_json(capsys)
        assert reply["verdict"] == "rejected"
        assert reply["smtp_reply"] == (
            "535 5.7.8 Error: authentication failed: the login or the password is wrong"
        )
        assert reply["asked"][0]["detail"] == "NO [AUTHENTICATIONFAILED] no"
        server.close()
        assert login(file, WORDS, monkeypatch) == 75
        said = capsys.readouterr().out.splitlines()
        assert said[-1] == (
            "Postfix would tell the mail program: 454 4.7.0 Temporary authentication failure: "
            "Connection lost to authentication server"
        )
        assert "connection refused by 127.0.0.1" in said[0]
        line = bridge.decisions(3)[0]
    assert "client=192.0.2.1 mechanism=bridgectl verdict=accepted" in line
    assert not [one for one in bridge.lines if WORDS in one]


def test_on_unavailable_reject_is_what_bridgectl_login_foretells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path, on_unavailable='"reject"') as (_, file, server):
        server.close()
        assert login(file, WORDS, monkeypatch, "--json") == 75
        assert as_json(capsys)["smtp_reply"] == (
            "535 5.7.8 Error: authentication failed: the password cannot be checked at the moment"
        )


def test_a_login_that_nobody_is_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path) as (_, file, _):
        assert login(file, "", monkeypatch) == 77
        said = capsys.readouterr().out.splitlines()
    assert said[0] == "no server was asked"
    assert said[1] == "rejected by admission: the password is empty"


def test_bridgectl_status_and_reload(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(tmp_path) as (bridge, file, server):
        assert bridgectl(["status", "--settings", str(file)]) == 0
        said = capsys.readouterr().out
        assert said.startswith("sasl-bridge serves, process ")
        assert f"  listening     unix:{tmp_path}/auth, unix:{tmp_path}/control\n" in said
        assert "  logins        0 accepted, 0 rejected, 0 unavailable\n" in said
        assert re.search(rf"\n  first .* 127\.0\.0\.1 port {server.port}\n", said)
        assert "warning" not in said

        file.write_text(file.read_text().replace("enabled", "enalbed"))
        assert bridgectl(["reload", "--settings", str(file)]) == 78
        said = capsys.readouterr().out
        assert "error: smtp_auth.enalbed: " in said
        assert said.endswith("\nsasl-bridge: not reloaded: the settings are broken\n")
        assert bridgectl(["status", "--settings", str(file)]) == 78
        assert "serves its last good settings; the file is broken" in capsys.readouterr().out

        bridge.reload(settings(tmp_path, server.port, enabled="false"))
        assert bridgectl(["reload", "--settings", str(file), "--json"]) == 0
        assert as_json(capsys) == {
            "sasl-bridge": {"applied": True, "problems": [], "warnings": []},
            "sasl-policyd": None,
        }
        assert bridgectl(["status", "--settings", str(file), "--json"]) == 0
        assert as_json(capsys)["sasl-bridge"]["enabled"] is False
        assert bridgectl(["status", "--settings", str(file)]) == 0
        assert capsys.readouterr().out.startswith("sasl-bridge is switched off, process ")
        assert bridgectl(["reload", "--settings", str(file)]) == 0
        assert capsys.readouterr().out == "sasl-bridge: reloaded\n"


def test_bridgectl_says_when_nobody_is_running(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(settings(tmp_path, 1))
    assert bridgectl(["status", "--settings", str(file)]) == 69
    assert capsys.readouterr().err == (
        f"bridgectl: unix:{tmp_path}/control: No such file or directory; is sasl-bridge running?\n"
    )


def test_without_usable_settings_the_daemon_does_not_start(tmp_path: Path) -> None:
    code, said = exit_of(tmp_path, settings(tmp_path, 1, enalbed="true"))
    assert code == 78
    assert "smtp_auth.enalbed" in said
    assert "Traceback" not in said


def test_a_ca_file_that_is_none_is_a_problem_of_the_settings(tmp_path: Path) -> None:
    text = settings(tmp_path, 1).replace('"plain"', '"ssl"') + f'ca_file = "{tmp_path}/ca.pem"\n'
    code, said = exit_of(tmp_path, text)
    assert code == 78
    assert f'server[1] "first".ca_file: {tmp_path}/ca.pem: No such file or directory' in said
    (tmp_path / "ca.pem").write_text("not a certificate")
    code, said = exit_of(tmp_path, text)
    assert code == 78
    assert "holds no certificate in PEM form" in said


def test_a_second_daemon_leaves_the_first_alone(tmp_path: Path) -> None:
    with running(tmp_path) as (_, file, server):
        second = tmp_path / "second"
        code, said = exit_of(second, settings(tmp_path, server.port))
        assert code == 69
        assert said.endswith("another process is listening there; stop it first")
        assert bridgectl(["status", "--settings", str(file)]) == 0


def test_a_stop_removes_the_socket_files(tmp_path: Path) -> None:
    with running(tmp_path) as (bridge, _, _):
        assert bridge.stop() == 0
    assert not (tmp_path / "auth").exists()
    assert not (tmp_path / "control").exists()


def test_a_second_stop_signal_exits_at_once(tmp_path: Path) -> None:
    with imap() as server, Bridge(tmp_path, settings(tmp_path, server.port)) as bridge:
        # A client that never finishes its greeting holds up the drain.
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "auth"))
            client.recv(1000)
            child = bridge._child
            assert child is not None
            child.send_signal(signal.SIGTERM)
            bridge.lines_with("draining 1 connections")
            child.send_signal(signal.SIGTERM)
            assert child.wait(10) == 75
        assert not (tmp_path / "auth").exists()


def test_no_core_dump_can_hold_a_password(tmp_path: Path) -> None:
    with running(tmp_path) as (bridge, _, _):
        assert bridge._child is not None
        limits = Path(f"/proc/{bridge._child.pid}/limits").read_text()
    assert [line.split()[4:6] for line in limits.splitlines() if "core file" in line] == [
        ["0", "0"]
    ]


@pytest.mark.parametrize("module", ["sasl_bridge", "policyd", "bridge_admin.cli"])
def test_help_is_there(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("usage: ")


def test_a_start_that_fails_is_no_silent_one(tmp_path: Path) -> None:
    with (
        pytest.raises(LabError, match="make the folder first"),
        Bridge(tmp_path, settings(tmp_path, 1, listen=f'["unix:{tmp_path}/nowhere/auth"]')),
    ):
        pass
