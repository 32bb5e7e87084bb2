"""A fake IMAP server on a real loopback socket: well-behaved, or exactly as bad as it was told.

A thread for the listener and one for each connection, so it serves tests on any event loop.
A behaviour is a function that talks with one `Peer`; when it returns, the connection is closed.
It ends early, and quietly, when the other side is gone.
"""

import base64
import contextlib
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Self

Behaviour = Callable[["Peer"], None]

FULL = "IMAP4rev1 SASL-IR AUTH=PLAIN"


class Peer:
    """One connection, as the server sees it.

    ``heard`` is all that was received; ``left`` says whether the other side closed as it should
    (with TLS: the notice that nothing was cut off), and not by a reset.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.heard = b""
        self.left = False
        self._buffer = b""

    def say(self, data: bytes) -> None:
        self.connection.sendall(data)

    def hear_line(self) -> bytes:
        """Return the next line without its end. Raises EOFError."""
        while b"\r\n" not in self._buffer:
            self._receive()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def hear_bytes(self, count: int) -> bytes:
        """Return so many bytes. Raises EOFError."""
        while len(self._buffer) < count:
            self._receive()
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def hear_the_end(self) -> None:
        """Say nothing more, until the other side is gone."""
        with contextlib.suppress(EOFError):
            while True:
                self._receive()

    def reset(self) -> None:
        """Close the connection with a TCP reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _receive(self) -> None:
        data = self.connection.recv(65536)
        if not data:
            self.left = True
            raise EOFError
        self.heard += data
        self._buffer += data


class FakeImap:
    """The server. ``peers`` are its connections so far, those with a failed handshake included."""

    def __init__(
        self,
        behave: Behaviour,
        tls: ssl.SSLContext | None = None,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._behave = behave
        self._tls = tls
        self._listener = socket.create_server((address, port))
        self.port: int = self._listener.getsockname()[1]
        self.peers: list[Peer] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self.peers:
            with contextlib.suppress(OSError):
                peer.connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=10)
            assert not thread.is_alive(), "a behaviour does not end"

    @property
    def heard(self) -> bytes:
        """What all connections received together."""
        return b"".join(peer.heard for peer in self.peers)

    def wait_until_left(self) -> None:
        """Wait until no connection is open any more; TimeoutError after 5 s."""
        until = time.monotonic() + 5
        for thread in self._threads[1:]:
            thread.join(timeout=max(0.0, until - time.monotonic()))
            if thread.is_alive():
                raise TimeoutError("a client is still connected")

    def _start(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        peer = Peer(connection)
        self.peers.append(peer)
        with contextlib.suppress(EOFError, OSError):  # OSError: ssl.SSLError is one too
            if self._tls:
                peer.connection = self._tls.wrap_socket(
                    connection, server_side=True, suppress_ragged_eofs=False
                )
            self._behave(peer)
        peer.connection.close()


def mailboxes(
    users: Mapping[str, bytes], capabilities: str = FULL, *, announce: bool = True
) -> Behaviour:
    """Return a server that knows these logins and passwords, and does what it should.

    ``announce``: whether the greeting names the capabilities.
    """
    known = {login.encode(): password for login, password in users.items()}
    code = f"[CAPABILITY {capabilities}] " if announce else ""

    def behave(peer: Peer) -> None:
        peer.say(f"* OK {code}fake server ready\r\n".encode())
        while True:
            tag, _, command = peer.hear_line().partition(b" ")
            name, _, rest = command.partition(b" ")
            match name:
                case b"CAPABILITY":
                    peer.say(f"* CAPABILITY {capabilities}\r\n".encode() + tag + b" OK done\r\n")
                case b"AUTHENTICATE" | b"LOGIN":
                    read = _hear_plain if name == b"AUTHENTICATE" else _hear_login
                    login, password = read(peer, rest)
                    right = known.get(login) == password
                    answer = b" OK in" if right else b" NO [AUTHENTICATIONFAILED] out"
                    peer.say(tag + answer + b"\r\n")
                case b"LOGOUT":
                    peer.say(b"* BYE\r\n" + tag + b" OK bye\r\n")
                    return
                case _:
                    peer.say(tag + b" BAD unknown command\r\n")

    return behave


def script(*steps: bytes | Callable[[Peer], None]) -> Behaviour:
    """Return a server that follows its script.

    Bytes are said, with ``{tag}`` for the tag heard last; anything else does what it does.
    `hear` waits for a command.
    """

    def behave(peer: Peer) -> None:
        for step in steps:
            if isinstance(step, bytes):
                tag = peer.heard.splitlines()[-1].partition(b" ")[0] if peer.heard else b""
                peer.say(step.replace(b"{tag}", tag))
            else:
                step(peer)

    return behave


def hear(peer: Peer) -> None:
    """Wait for a line, whatever it is."""
    peer.hear_line()


def hang(peer: Peer) -> None:
    """Say nothing more, until the other side is gone."""
    peer.hear_the_end()


def reset(peer: Peer) -> None:
    """Break the connection."""
    peer.reset()


def drip(data: Iterable[bytes], interval: float) -> Callable[[Peer], None]:
    """Say one piece after the other, so many seconds apart."""

    def behave(peer: Peer) -> None:
        for piece in data:
            peer.say(piece)
            time.sleep(interval)

    return behave


def _hear_plain(peer: Peer, rest: bytes) -> tuple[bytes, bytes]:
    mechanism, _, response = rest.partition(b" ")
    assert mechanism == b"PLAIN"
    if not response:
        peer.say(b"+ \r\n")
        response = peer.hear_line()
    nobody, login, password = base64.b64decode(response, validate=True).split(b"\0")
    assert not nobody
    return login, password


def _hear_login(peer: Peer, rest: bytes) -> tuple[bytes, bytes]:
    login, rest = _hear_string(peer, rest)
    password, rest = _hear_string(peer, rest.removeprefix(b" "))
    assert not rest
    return login, password


def _hear_string(peer: Peer, rest: bytes) -> tuple[bytes, bytes]:
    """Read a quoted string or a literal; return it and what follows it on its line."""
    if literal := re.fullmatch(rb"\{(\d+)(\+?)\}", rest):
        if not literal[2]:
            peer.say(b"+ go ahead\r\n")
        value = peer.hear_bytes(int(literal[1]))
        return value, peer.hear_line()
    quoted = re.match(rb'"((?:[^"\\]|\\["\\])*)"', rest)
    assert quoted
    return re.sub(rb"\\(.)", rb"\1", quoted[1]), rest[quoted.end() :]
