"""The daemons' log when they end, and when nobody reads it."""

import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from lab.bridge import PROJECT, Bridge
from lab.processes import END_SECONDS, Child, Notifications, end_process, start

pytestmark = pytest.mark.usefixtures("daemon_loop")


def settings(folder: Path) -> str:
    return f"""
        [smtp_auth]
        listen = ["unix:{folder}/auth"]
        control = "unix:{folder}/control"
    """


def test_the_last_word_of_a_stop_is_in_the_log(tmp_path: Path) -> None:
    with Bridge(tmp_path, settings(tmp_path)) as bridge:
        assert bridge.stop() == 0
    assert bridge.lines[-1].endswith(" sasl-bridge: stopped")


def test_what_is_logged_just_before_leaving_at_once_is_in_the_log(tmp_path: Path) -> None:
    with Bridge(tmp_path, settings(tmp_path)) as bridge, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "auth"))
        client.recv(1000)  # it never greets, and holds up the drain
        os.kill(bridge.pid, signal.SIGTERM)
        bridge.lines_with("draining 1 connections")
        os.kill(bridge.pid, signal.SIGTERM)
        assert bridge.lines_with("sasl-bridge: told to stop twice, leaving at once")


def filled_pipe() -> tuple[int, int]:
    read, write = os.pipe()
    os.set_blocking(write, False)
    while True:
        try:
            os.write(write, b"full\n" * 800)
        except BlockingIOError:
            os.set_blocking(write, True)
            return read, write


def bridge_without_reader(folder: Path, **environ: str) -> tuple[Child, int]:
    """Start the daemon; return it, and the end of its log's pipe at which nobody reads."""
    read, write = filled_pipe()
    child = start(
        [sys.executable, "-m", "sasl_bridge", "--settings", str(folder / "settings.toml")],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": Bridge.python_path} | environ,
        stderr=write,
    )
    os.close(write)
    return child, read


def test_a_daemon_whose_log_nobody_reads_serves_and_ends(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(settings(tmp_path))
    notifications = Notifications(tmp_path / "notify")
    child, read = bridge_without_reader(tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify"))
    try:
        notifications.wait_for("READY=1", child)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(END_SECONDS)
            client.connect(str(tmp_path / "auth"))
            assert client.recv(1000).startswith(b"VERSION\t1\t")
    finally:
        code = end_process(child)
        notifications.close()
        os.close(read)
    assert code == 0


def test_broken_settings_end_a_start_where_nobody_reads_why(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[smtp_auth]\nlistne = 1\n")
    child, read = bridge_without_reader(tmp_path)
    try:
        assert child.wait(END_SECONDS) == 78
    finally:
        end_process(child)
        os.close(read)
