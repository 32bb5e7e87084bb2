"""Cutting a stream into LDAP messages."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.fake_ldap import bound, message, tlv

from bridge_common.directory.framing import (
    MAX_MESSAGE_BYTES,
    BrokenStreamError,
    MessageSplitter,
)

NO_LDAP = "what it says is not LDAP"


def messages_of(*pieces: bytes) -> list[bytes]:
    """Return what comes of these pieces, as `Connection` asks for it."""
    splitter = MessageSplitter()
    messages = []
    for piece in pieces:
        splitter.receive(piece)
        while (one := splitter.next_message()) is not None:
            messages.append(one)
    return messages


def encoded(number: int, size: int, length_bytes: int) -> bytes:
    """Return a message whose length is written in so many bytes more, 0 being the short form."""
    content = message(number, tlv(0x61, bytes(size)))[2:] if size < 100 else bytes(size)
    if not length_bytes and len(content) < 0x80:
        return b"\x30" + bytes([len(content)]) + content
    length = len(content).to_bytes(max(length_bytes, 3), "big")
    return b"\x30" + bytes([0x80 | len(length)]) + length + content


some_messages = st.lists(
    st.builds(encoded, st.integers(0, 2**31 - 1), st.integers(0, 500), st.sampled_from([0, 3, 4])),
    max_size=5,
)


@given(some_messages, st.data())
def test_any_cut_gives_the_same_messages(said: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(said)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=10).map(sorted))
    places = [0, *cuts, len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(places)]
    assert messages_of(*pieces) == said


def test_single_bytes() -> None:
    stream = message(1, bound()) + message(2, bound(49, b"x" * 300))
    pieces = [bytes([byte]) for byte in stream]
    assert messages_of(*pieces) == [message(1, bound()), message(2, bound(49, b"x" * 300))]


def test_what_is_left_over() -> None:
    splitter = MessageSplitter()
    assert splitter.is_empty
    splitter.receive(message(1, bound()) + b"\x30")
    assert splitter.next_message() == message(1, bound())
    assert not splitter.is_empty
    assert splitter.next_message() is None


@given(st.binary(max_size=300), st.data())
def test_any_bytes_give_messages_or_are_no_ldap(stream: bytes, data: st.DataObject) -> None:
    """And what was a message is one, however the stream is cut."""

    def outcome(*pieces: bytes) -> tuple[list[bytes], str]:
        splitter, messages = MessageSplitter(), []
        for piece in pieces:
            splitter.receive(piece)
            try:
                while (one := splitter.next_message()) is not None:
                    messages.append(one)
            except BrokenStreamError as error:
                return messages, str(error)
        return messages, ""

    cut = data.draw(st.integers(0, len(stream)))
    whole = outcome(stream)
    assert outcome(stream[:cut], stream[cut:]) == whole
    assert outcome(*(bytes([byte]) for byte in stream)) == whole
    assert stream.startswith(b"".join(whole[0]))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"2", NO_LDAP),
        (b"220 mail.example.com\r\n", NO_LDAP),
        (b"HTTP/1.1 400\r\n", NO_LDAP),
        (b"\x15\x03\x01\x00\x02\x02\x0a", NO_LDAP),
        (b"\x30\x80", NO_LDAP),
        (b"\x30\x85", NO_LDAP),
        (b"\x30\xff", NO_LDAP),
        (b"\x30\x83\x02\x00\x00", "a message is longer than 131072 bytes"),
        (b"\x30\x84\xff\xff\xff\xff", "a message is longer than 131072 bytes"),
    ],
)
def test_no_ldap_is_known_by_its_first_bytes(said: bytes, why: str) -> None:
    """Nobody waits for the rest."""
    with pytest.raises(BrokenStreamError, match=f"^{why}$"):
        messages_of(said)


def test_the_longest_message() -> None:
    header = 5
    longest = b"\x30\x83" + (MAX_MESSAGE_BYTES - header).to_bytes(3, "big")
    assert messages_of(longest, bytes(MAX_MESSAGE_BYTES - header))[0][:header] == longest
    longer = b"\x30\x83" + (MAX_MESSAGE_BYTES - header + 1).to_bytes(3, "big")
    with pytest.raises(BrokenStreamError, match="longer than 131072 bytes"):
        messages_of(longer)
