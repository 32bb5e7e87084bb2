"""The beginning of TLS in LDAP, as the process of the second opinion says and hears it."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.directory.codec import Codec
from sasl_bridge.probe.ldap_peer import START_TLS, LdapPeer
from sasl_bridge.probe.mail_libraries import NoWayError, UntriedError

SUCCESS = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"
# As Active Directory writes lengths.
LONG = b"\x30\x84\x00\x00\x00\x10\x02\x01\x01\x78\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00"
REFUSAL = SUCCESS.replace(b"\x0a\x01\x00", b"\x0a\x01\x34")


class Context(ssl.SSLContext):
    """A context whose handshake is none: it only notes that it was to begin."""

    begun = False

    def wrap_socket(self, sock: socket.socket, *_: object, **__: object) -> ssl.SSLSocket:
        self.begun = True
        return sock  # type: ignore[return-value]  # nobody looks at it


@contextmanager
def answering(answer: bytes) -> Iterator[tuple[LdapPeer, list[bytes]]]:
    """Yield a client of a server that says this, and what the server hears."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(4096))
                connection.sendall(answer)

        server = threading.Thread(target=serve)
        server.start()
        peer = LdapPeer("127.0.0.1", listener.getsockname()[1], None, 5.0)
        try:
            yield peer, heard
        finally:
            peer.leave()
            server.join()


def begun(answer: bytes) -> bool:
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    with answering(answer) as (peer, heard):
        peer.start_tls(context)
    assert heard == [START_TLS]
    return context.begun


def test_the_request_is_libldap_s_own() -> None:
    codec = Codec()
    try:
        assert codec.start_tls() == START_TLS
    finally:
        codec.close()


@pytest.mark.parametrize("answer", [SUCCESS, LONG])
def test_a_yes_begins_tls(answer: bytes) -> None:
    assert begun(answer)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (REFUSAL, "the server does not begin TLS: result code 52"),
        (SUCCESS + b"\x30", "the server went on unencrypted where TLS was due"),
        (b"HTTP/1.1 400 Bad Request\r\n", "what it says is not LDAP"),
        (SUCCESS.replace(b"\x78", b"\x61"), "what the server says is no answer to StartTLS"),
        (b"\x30\x03\x02\x01\x01", "what the server says is no answer to StartTLS"),
        (b"\x30\x00", "what the server says is no answer to StartTLS"),
    ],
)
def test_what_is_no_yes_begins_nothing(answer: bytes, words: str) -> None:
    with pytest.raises(NoWayError, match=f"^{words}$"):
        begun(answer)


@pytest.mark.parametrize("answer", [b"", SUCCESS[:5]])
def test_a_server_that_hangs_up(answer: bytes) -> None:
    with pytest.raises(ConnectionResetError):
        begun(answer)


@given(st.binary(max_size=20))
def test_whatever_is_in_a_message_only_these_errors_come_of_it(contents: bytes) -> None:
    message = b"\x30" + bytes((len(contents),)) + contents
    with suppress(NoWayError):
        assert begun(message)


def test_nobody_is_logged_in() -> None:
    with answering(b"") as (peer, _):
        peer.need_a_way()
        assert peer.capabilities() == []
        with pytest.raises(UntriedError):
            peer.log_in("alice", "secret")
        peer.socket().sendall(b"x")  # the server waits for something
