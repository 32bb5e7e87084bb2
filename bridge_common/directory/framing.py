"""Cutting a stream of bytes into LDAP messages, incrementally and within a bound.

Knows how a message begins (RFC 4511 section 4.1.1): its tag, its length. Does not know what it
says.
Fails with `BrokenStreamError`; logs nothing.
"""

_SEQUENCE = 0x30
_LONG_FORM = 0x80
_MOST_LENGTH_BYTES = 4
_SHORTEST_HEADER = 2

NO_LDAP = "what it says is not LDAP"

MAX_MESSAGE_BYTES = 128 * 1024
"""An entry has only the attributes that we ask for: some hundred addresses are 20 KB."""


class BrokenStreamError(Exception):
    """What came is no LDAP, or too long; the text says which."""


class MessageSplitter:
    """Bytes in, whole messages out."""

    def __init__(self) -> None:
        self._received = bytearray()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left over."""
        return not self._received

    def receive(self, data: bytes) -> None:
        """Take what the server sent."""
        self._received += data

    def next_message(self) -> bytes | None:
        """Return the next whole message, or None when there is none now.

        Raises BrokenStreamError.
        """
        length = self._message_length()
        if length is None or len(self._received) < length:
            return None
        message = bytes(self._received[:length])
        del self._received[:length]
        return message

    def _message_length(self) -> int | None:
        """Return the length of the next message, its header included, if that much is known."""
        received = self._received
        if received and received[0] != _SEQUENCE:
            raise BrokenStreamError(NO_LDAP)
        if len(received) < _SHORTEST_HEADER:
            return None
        header = _SHORTEST_HEADER
        length = received[1]
        if length & _LONG_FORM:
            count = length - _LONG_FORM
            # No octets at all would be the indefinite form (RFC 4511 section 5.1 forbids it).
            if not 1 <= count <= _MOST_LENGTH_BYTES:
                raise BrokenStreamError(NO_LDAP)
            header += count
            if len(received) < header:
                return None
            length = int.from_bytes(received[_SHORTEST_HEADER:header], "big")
        if header + length > MAX_MESSAGE_BYTES:
            raise BrokenStreamError(f"a message is longer than {MAX_MESSAGE_BYTES} bytes")
        return header + length
