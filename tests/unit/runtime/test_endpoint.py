"""Listening sockets of our own."""

import contextlib
import socket
import stat
import threading
from pathlib import Path

import pytest

from bridge_common.runtime.endpoint import EndpointError, Listener, open_endpoint


def test_a_socket_file_has_its_mode_from_the_start_and_answers(tmp_path: Path) -> None:
    path = tmp_path / "auth"
    listener = open_endpoint(f"unix:{path}", mode=0o600)
    with listener.socket:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    listener.close()
    assert not path.exists()


def test_a_socket_file_gets_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "auth"
    listener = open_endpoint(f"unix:{path}", mode=0o660, owner="root:daemon")
    with listener.socket:
        assert path.stat().st_gid == 1


@pytest.mark.parametrize("owner", ["nobody-at-all:", ":nobody-at-all"])
def test_an_unknown_owner_is_named(tmp_path: Path, owner: str) -> None:
    with pytest.raises(EndpointError, match=r"socket_owner .*nobody-at-all"):
        open_endpoint(f"unix:{tmp_path}/auth", owner=owner)


def test_a_stale_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "auth"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    listener = open_endpoint(f"unix:{path}")
    with listener.socket, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_live_one_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "auth"
    with socket.socket(socket.AF_UNIX) as live:
        live.bind(str(path))
        live.listen()
        with pytest.raises(EndpointError, match="another process is listening there"):
            open_endpoint(f"unix:{path}")
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_a_live_one_whose_queue_is_full_is_left_alone_at_once(tmp_path: Path) -> None:
    """A process that hangs does not make its successor hang."""
    path = tmp_path / "auth"
    with socket.socket(socket.AF_UNIX) as live, contextlib.ExitStack() as clients:
        live.bind(str(path))
        live.listen(0)
        while True:
            client = clients.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            if client.connect_ex(str(path)):
                break
        with pytest.raises(EndpointError, match="another process is listening there"):
            open_endpoint(f"unix:{path}")


def test_a_failed_hand_over_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(EndpointError, match="socket_owner"):
        open_endpoint(f"unix:{tmp_path}/auth", owner="nobody-at-all:")
    assert list(tmp_path.iterdir()) == []


def test_of_many_that_start_at_once_one_gets_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "auth"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    begin = threading.Barrier(8)
    opened: list[Listener] = []
    refused: list[EndpointError] = []

    def start() -> None:
        begin.wait()
        try:
            opened.append(open_endpoint(f"unix:{path}"))
        except EndpointError as error:
            refused.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(opened), len(refused)) == (1, 7)
    opened[0].close()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "auth"
    path.write_text("precious")
    with pytest.raises(EndpointError, match="no socket is in the way"):
        open_endpoint(f"unix:{path}")
    assert path.read_text() == "precious"


def test_another_process_s_file_is_not_removed(tmp_path: Path) -> None:
    """Our successor may have put its own socket file where ours was."""
    path = tmp_path / "auth"
    listener = open_endpoint(f"unix:{path}")
    path.rename(tmp_path / "aside")
    successor = open_endpoint(f"unix:{path}")
    listener.close()
    assert path.exists()
    successor.close()
    successor.close()  # already gone: nothing to say


def test_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    """In words that hold for the control socket too, which Postfix has no use for."""
    with pytest.raises(EndpointError) as raised:
        open_endpoint(f"unix:{tmp_path}/nowhere/control")
    assert str(raised.value) == (
        f"unix:{tmp_path}/nowhere/control: No such file or directory; make the folder first: "
        "the daemon must be able to write there, its clients to enter"
    )


@pytest.mark.parametrize(
    ("text", "family"),
    [("inet:127.0.0.1:{}", socket.AF_INET), ("inet:[::1]:{}", socket.AF_INET6)],
)
def test_a_port_answers(text: str, family: socket.AddressFamily) -> None:
    with socket.socket(family) as free:
        free.bind(("localhost" if family is socket.AF_INET else "::1", 0))
        port = free.getsockname()[1]
    listener = open_endpoint(text.format(port))
    with listener.socket, socket.socket(family) as client:
        client.connect(listener.socket.getsockname()[:2])
        assert listener.path == ""
        listener.close()


def test_a_port_in_use_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EndpointError, match=f"inet:127.0.0.1:{port}: Address already in use"):
            open_endpoint(f"inet:127.0.0.1:{port}")
