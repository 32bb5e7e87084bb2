"""What systemd and a service tell each other."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bridge_common.runtime.systemd import Notifier, passed_listeners

ROOT = Path(__file__).parents[3]


def test_sockets_for_another_process_are_not_ours() -> None:
    environ = {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "a", "HOME": "/"}
    assert passed_listeners(environ) == []
    assert environ == {"HOME": "/"}


@pytest.mark.parametrize("count", ["", "x", "-1"])
def test_a_count_that_is_none_means_no_sockets(count: str) -> None:
    assert passed_listeners({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count}) == []


def test_passed_sockets_are_adopted_with_their_names(tmp_path: Path) -> None:
    """As systemd does it: the sockets are file descriptors 3 and 4 of the new process."""
    program = (
        "import os\n"
        "from bridge_common.runtime.systemd import passed_listeners\n"
        "os.environ['LISTEN_PID'] = str(os.getpid())\n"
        "for one in passed_listeners(os.environ):\n"
        "    print(one.name, one.socket.getsockname(), one.socket.get_inheritable(), one.path)\n"
    )
    with socket.socket(socket.AF_UNIX) as first, socket.socket(socket.AF_UNIX) as second:
        for index, one in enumerate((first, second)):
            one.bind(str(tmp_path / str(index)))
            one.listen()

        def pass_them() -> None:
            # Out of the way first: either of them may be 3 or 4 already.
            spare = [os.dup(first.fileno()), os.dup(second.fileno())]
            spare = [os.dup2(fd, 60 + index) for index, fd in enumerate(spare)]
            for index, fd in enumerate(spare):
                os.dup2(fd, 3 + index)

        done = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONPATH": str(ROOT), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "postfix-auth"},
            preexec_fn=pass_them,
            close_fds=False,
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout.splitlines() == [
        f"systemd:postfix-auth {tmp_path}/0 False ",
        f"systemd:passed {tmp_path}/1 False ",
    ]


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(tmp_path: Path, *, abstract: bool) -> None:
    address = f"@sasl-bridge-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address.replace("@", "\0", 1) if abstract else address)
        Notifier({"NOTIFY_SOCKET": address}).notify("READY=1", "STATUS=serving")
        assert systemd.recv(100) == b"READY=1\nSTATUS=serving"


@pytest.mark.timeout(10)
@pytest.mark.parametrize("wait_seconds", [0.0, 0.1])
def test_a_socket_that_is_full_is_waited_for_no_longer_than_that(
    tmp_path: Path, wait_seconds: float
) -> None:
    """When systemd is behind with reading, a daemon has other things to do."""
    address = str(tmp_path / "notify")
    notifier = Notifier({"NOTIFY_SOCKET": address})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        _fill(address)
        began = time.monotonic()
        notifier.notify("READY=1", wait_seconds=wait_seconds)
        assert time.monotonic() - began >= wait_seconds
        systemd.recv(100)
        notifier.notify("STOPPING=1", wait_seconds=wait_seconds)
        assert _all_of(systemd)[-1] == b"STOPPING=1"


def test_a_message_waits_for_room_that_comes(tmp_path: Path) -> None:
    """READY=1 is worth a moment."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        _fill(address)
        reading = threading.Timer(0.05, systemd.recv, (100,))
        reading.start()
        Notifier({"NOTIFY_SOCKET": address}).notify("READY=1", wait_seconds=5.0)
        reading.join()
        assert _all_of(systemd)[-1] == b"READY=1"


def _fill(address: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filling:
        filling.setblocking(False)
        filling.connect(address)
        with contextlib.suppress(BlockingIOError):
            while True:
                filling.send(b"WATCHDOG=1")


def _all_of(systemd: socket.socket) -> list[bytes]:
    """Return the messages that are there."""
    systemd.setblocking(False)
    received: list[bytes] = []
    with contextlib.suppress(BlockingIOError):
        while True:
            received.append(systemd.recv(100))
    return received


def test_nobody_to_tell_is_no_failure(tmp_path: Path) -> None:
    Notifier({}).notify("READY=1")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "away")}).notify("READY=1")


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
        ({}, 0.0),
    ],
)
def test_the_watchdog_is_fed_only_when_it_is_ours(environ: dict[str, str], seconds: float) -> None:
    assert Notifier(environ).watchdog_seconds == seconds
    assert environ == {}
