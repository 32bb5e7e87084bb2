"""bridgectl's end of the control socket, against daemons that are away or behave oddly."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.processes import lab_folder

from bridge_admin.cli import main as bridgectl
from bridge_admin.control_client import NotRunning, RequestFailed, ask_daemon

ROOT = Path(__file__).parents[3]


@contextlib.contextmanager
def daemon(folder: Path, answer: bytes) -> Iterator[Path]:
    """Yield the settings file of a daemon that gives one answer, whatever it is asked."""
    file = folder / "settings.toml"
    file.write_text(f'[smtp_auth]\ncontrol = "unix:{folder}/control"\n')
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "control"))
        listening.listen()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield file
        thread.join()


def test_a_reply_comes_without_its_ok(tmp_path: Path) -> None:
    with daemon(tmp_path, b'{"ok": true, "pid": 42}\n') as file:
        assert ask_daemon(file, "status") == {"pid": 42}


@pytest.mark.parametrize(
    ("kind", "code"), [("request", 64), ("busy", 75), ("fault", 70), ("another", 70)]
)
def test_a_refusal_is_the_daemon_s_text_and_its_kind_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, code: int
) -> None:
    reply = {"ok": False, "error": "not like this", "kind": kind}
    with daemon(tmp_path, json.dumps(reply).encode() + b"\n") as file:
        assert bridgectl(["status", "--settings", str(file)]) == code
    assert capsys.readouterr().err == "bridgectl: the daemon said: not like this\n"


def test_a_refusal_is_an_exception_of_its_own(tmp_path: Path) -> None:
    with (
        daemon(tmp_path, b'{"ok": false, "error": "no", "kind": "busy"}\n') as file,
        pytest.raises(RequestFailed, match=r"^no$") as refused,
    ):
        ask_daemon(file, "status")
    assert refused.value.kind == "busy"


@pytest.mark.parametrize("answer", [b"", b'{"ok": tr'])
def test_a_daemon_that_hangs_up_is_named(tmp_path: Path, answer: bytes) -> None:
    with (
        daemon(tmp_path, answer) as file,
        pytest.raises(NotRunning, match="the daemon hung up without an answer; see its log"),
    ):
        ask_daemon(file, "status")


def test_who_may_not_ask_is_told_to_be_root() -> None:
    """Run as nobody if we are root, whom no mode keeps out."""
    program = (
        "import os, pathlib, sys\n"
        "from bridge_admin.control_client import NotRunning, ask_daemon\n"
        "if os.getuid() == 0:\n"
        "    os.setuid(65534)\n"
        "try:\n"
        "    ask_daemon(pathlib.Path(sys.argv[1]), 'status')\n"
        "except NotRunning as error:\n"
        "    print(error)\n"
    )
    with lab_folder() as folder, socket.socket(socket.AF_UNIX) as listening:
        file = folder / "settings.toml"
        file.write_text(f'[smtp_auth]\ncontrol = "unix:{folder}/control"\n')
        listening.bind(str(folder / "control"))
        listening.listen()
        (folder / "control").chmod(0o000)
        done = subprocess.run(
            [sys.executable, "-c", program, str(file)],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout == f"unix:{folder}/control: permission denied; run this as root\n"


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    """`bridgectl show | head -1` ends quietly."""
    file = tmp_path / "settings.toml"
    file.write_text("")
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-u", "-m", "bridge_admin.cli", "show", "--settings", str(file)],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=closed,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")
