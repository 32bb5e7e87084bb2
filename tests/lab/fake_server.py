"""A fake server on a real loopback socket: well-behaved, or exactly as bad as it was told.

A thread for the listener and one for each connection, so it serves tests on any event loop.
A behaviour is a function that talks with one `Peer`; when it returns, the connection is closed.
It ends early, and quietly, when the other side is gone.
Knows sockets, lines and TLS; the words of a protocol are in `fake_imap` and `fake_pop3`.
"""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable
from typing import Self

Behaviour = Callable[["Peer"], None]
Step = bytes | Behaviour

_TCP_ESTABLISHED = 1  # linux/tcp_states.h


class _SecureSocket(ssl.SSLSocket):
    """Closed even if its making fails: on a connection that was reset, the ssl module drops it."""

    def __del__(self) -> None:
        self.close()


class Peer:
    """One connection, as the server sees it.

    ``heard`` is all that was received, ``in_the_clear`` what of it came without TLS; ``left`` says
    whether the other side closed as it should (with TLS: the notice that nothing was cut off), and
    not by a reset.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.heard = b""
        self.in_the_clear = b""
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

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Do the server's part of the handshake; everything is encrypted from here on."""
        assert not self._buffer, "it went on unencrypted"
        context.sslsocket_class = _SecureSocket
        # Wrapped first, so that whoever ends the server reaches the socket during the handshake.
        self.connection = secure = context.wrap_socket(
            self.connection,
            server_side=True,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
        )
        secure.do_handshake()

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
        if not isinstance(self.connection, ssl.SSLSocket):
            self.in_the_clear += data
        self._buffer += data


class FakeServer:
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
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()  # no connection comes in any more
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

    @property
    def in_the_clear(self) -> bytes:
        """What of it came without TLS."""
        return b"".join(peer.in_the_clear for peer in self.peers)

    def all_left(self) -> bool:
        """Say whether no connection is open any more."""
        return not self.open_connections()

    def open_connections(self) -> int:
        """Return how many connections are open still."""
        return sum(thread.is_alive() for thread in self._threads)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # What is said is on its way at once, and a segment of its own.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.peers.append(peer := Peer(connection))
            thread = threading.Thread(target=self._serve, args=(peer,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, peer: Peer) -> None:
        with contextlib.suppress(EOFError, OSError):  # OSError: ssl.SSLError is one too
            if self._tls:
                peer.start_tls(self._tls)
            self._behave(peer)
        peer.connection.close()


# Behaviours step by step


def script(*steps: Step) -> Behaviour:
    """Return a server that follows its script.

    Bytes are said, with ``{tag}`` for the tag of the IMAP command heard last; anything else does
    what it does. `hear` waits for a command.
    """

    def behave(peer: Peer) -> None:
        for step in steps:
            if isinstance(step, bytes):
                peer.say(step.replace(b"{tag}", _last_tag(peer.heard)))
            else:
                step(peer)

    return behave


def _last_tag(heard: bytes) -> bytes:
    """Return the first word of the last line that has several: a SASL response has no other."""
    commands = [line for line in heard.splitlines() if b" " in line]
    return commands[-1].partition(b" ")[0] if commands else b""


def hear(peer: Peer) -> None:
    """Wait for a line, whatever it is."""
    peer.hear_line()


def hear_hello(peer: Peer) -> None:
    """Wait until the other side begins TLS; it is left for the handshake to read."""
    if not peer.connection.recv(1, socket.MSG_PEEK):
        raise EOFError


def hang(peer: Peer) -> None:
    """Say nothing more, until the other side is gone."""
    peer.hear_the_end()


def hang_up(_: Peer) -> None:
    """Do nothing; as the last step: close the connection."""


def reset(peer: Peer) -> None:
    """Break the connection."""
    peer.reset()


def stop_writing(peer: Peer) -> None:
    """Close the own half of the connection, and listen on."""
    peer.connection.shutdown(socket.SHUT_WR)


def stop_reading(peer: Peer) -> None:
    """Take in nothing more, and say nothing, until the other side is gone."""
    peer.connection.shutdown(socket.SHUT_RD)
    # Only the state of the connection tells the end now: recv returns at once.
    while peer.connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _TCP_ESTABLISHED:
        time.sleep(0.005)


def start_tls(context: ssl.SSLContext) -> Behaviour:
    """Do the server's part of the TLS handshake."""
    return lambda peer: peer.start_tls(context)


def drip(data: Iterable[bytes], interval: float) -> Behaviour:
    """Say one piece after the other, so many seconds apart."""

    def behave(peer: Peer) -> None:
        for piece in data:
            peer.say(piece)
            time.sleep(interval)

    return behave
