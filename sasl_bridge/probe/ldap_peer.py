"""A directory server, as far as its certificate: the beginning of TLS, for the process of its own.

In the shape of a `mail_libraries.MailClient`, so that the other client looks at it as at other
servers; it logs nobody in.
Knows one request of LDAP, StartTLS (RFC 4511 section 4.14), and its answer's result code.
Raises OSError, and `NoWayError` for an answer that is no yes; logs nothing.
"""

import socket
import ssl
from typing import Any

from bridge_common.directory.framing import BrokenStreamError, MessageSplitter
from sasl_bridge.probe.mail_libraries import NoWayError, UntriedError

NAME = "ssl of Python"

_NUMBER_ONE = b"\x02\x01\x01"
_OID = b"1.3.6.1.4.1.1466.20037"
_EXTENDED_REQUEST, _EXTENDED_RESPONSE, _ENUMERATED, _INTEGER = 0x77, 0x78, 0x0A, 0x02
_LONG_FORM = 0x80
_READ_BYTES = 4096


def _element(tag: int, contents: bytes) -> bytes:
    """Return an element whose length fits into a byte."""
    return bytes((tag, len(contents))) + contents


START_TLS = _element(0x30, _NUMBER_ONE + _element(_EXTENDED_REQUEST, _element(0x80, _OID)))


class LdapPeer:
    """One connection."""

    banner = ""

    def __init__(
        self, host: str, port: int, context: ssl.SSLContext | None, seconds: float
    ) -> None:
        self._connection = socket.create_connection((host, port), seconds)
        if context is not None:
            self._connection = context.wrap_socket(self._connection, server_hostname=host)

    def socket(self) -> Any:
        """Return the socket that is spoken on."""
        return self._connection

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Ask for TLS, and begin it."""
        self._connection.sendall(START_TLS)
        if code := self._result_code():
            raise NoWayError(f"the server does not begin TLS: result code {code}")
        self._connection = context.wrap_socket(self._connection, server_hostname="")

    def capabilities(self) -> list[str]:
        """Return none: they are not asked for."""
        return []

    def need_a_way(self) -> None:
        """Do nothing: nobody is to log in."""

    def log_in(self, login: str, password: str) -> str:
        """Raise UntriedError."""
        del login, password
        raise UntriedError("this client only looks at the certificate")

    def leave(self) -> None:
        """Close; LDAP's word for it, unbind, has no answer."""
        self._connection.close()

    def _result_code(self) -> int:
        messages = MessageSplitter()
        try:
            while (message := messages.next_message()) is None:
                received = self._connection.recv(_READ_BYTES)
                if not received:
                    raise ConnectionResetError
                messages.receive(received)
        except BrokenStreamError as error:
            raise NoWayError(str(error)) from None
        if not messages.is_empty:
            raise NoWayError("the server went on unencrypted where TLS was due")
        return _code_in(message)


def _code_in(message: bytes) -> int:
    """Return the result code of an extended response (RFC 4511 sections 4.1.1 and 4.12)."""
    _, _, inside, _ = _parted(message)
    number, _, _, behind = _parted(inside)
    answer, _, response, _ = _parted(behind)
    kind, length, code, _ = _parted(response)
    if (number, answer, kind, length) != (_INTEGER, _EXTENDED_RESPONSE, _ENUMERATED, 1):
        raise NoWayError("what the server says is no answer to StartTLS")
    return code[0]


def _parted(data: bytes) -> tuple[int, int, bytes, bytes]:
    """Return the tag, length and contents of the first element, and what is behind it.

    An element that is cut off is of tag 0.
    """
    header, length = 2, data[1] if data[1:] else 0
    if length & _LONG_FORM:
        header += length - _LONG_FORM
        length = int.from_bytes(data[2:header], "big")
    contents = data[header : header + length]
    if len(data) < header or len(contents) < length:
        return 0, 0, b"", b""
    return data[0], length, contents, data[header + length :]
