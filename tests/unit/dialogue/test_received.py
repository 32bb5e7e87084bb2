"""Lines of a server: ends, caps, and what came too early."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sasl_bridge.dialogue.received import Line, ReceivedLines, UnclearError


def lines_of(received: ReceivedLines) -> list[Line]:
    return list(iter(received.next_line, None))


def test_lines_end_in_lf_or_crlf() -> None:
    received = ReceivedLines()
    received.feed(b"one\r\ntwo\n\nthr")
    assert lines_of(received) == [(b"one", False), (b"two", False), (b"", False)]
    received.feed(b"ee\r\n")
    assert lines_of(received) == [(b"three", False)]


def test_a_line_may_be_as_long_as_its_cap() -> None:
    received = ReceivedLines()
    received.feed(b"x" * 8191 + b"\n")
    assert received.next_line() == (b"x" * 8191, False)


def test_a_longer_line_is_refused_even_when_it_is_whole() -> None:
    received = ReceivedLines()
    received.feed(b"x" * 8192 + b"\n")
    with pytest.raises(UnclearError, match=r"^the server sent a line of more than 8192 bytes$"):
        received.next_line()


def test_a_line_without_end_is_refused_at_its_cap() -> None:
    received = ReceivedLines()
    received.feed(b"x" * 8191)
    assert received.next_line() is None
    received.feed(b"x")
    with pytest.raises(UnclearError, match=r"^the server sent a line of more than 8192 bytes$"):
        received.next_line()


def test_endless_lines_are_refused_at_the_total_cap() -> None:
    received = ReceivedLines()
    line = b"*" * 511
    received.feed((line + b"\n") * 129)
    for _ in range(128):
        assert received.next_line() == (line, False)
    with pytest.raises(UnclearError, match=r"^the server sent more than 65536 bytes$"):
        received.next_line()


def test_endless_lines_are_refused_at_their_number_be_they_empty() -> None:
    received = ReceivedLines()
    received.feed(b"\n" * 300)
    for _ in range(256):
        assert received.next_line() == (b"", False)
    with pytest.raises(UnclearError, match=r"^the server sent more than 256 lines$"):
        received.next_line()


def test_it_is_empty_when_every_byte_was_taken() -> None:
    received = ReceivedLines()
    assert received.empty
    received.feed(b"one\ntw")
    received.next_line()
    assert not received.empty
    received.feed(b"o\n")
    received.next_line()
    assert received.empty


def test_what_began_before_the_question_is_early() -> None:
    received = ReceivedLines()
    received.feed(b"hello\nbe")
    assert received.next_line() == (b"hello", False)
    received.expect_answer()
    received.feed(b"fore\nafter\n")
    assert lines_of(received) == [(b"before", True), (b"after", False)]


def test_every_line_that_came_too_early_is_early() -> None:
    received = ReceivedLines()
    received.feed(b"hello\none\ntwo\nthr")
    assert received.next_line() == (b"hello", False)
    received.expect_answer()
    received.feed(b"ee\nfour\n")
    assert lines_of(received) == [
        (b"one", True),
        (b"two", True),
        (b"three", True),
        (b"four", False),
    ]


def test_skipped_bytes_are_no_lines_however_they_arrive() -> None:
    received = ReceivedLines()
    received.feed(b"data\none\ntw")
    assert received.next_line() == (b"data", False)
    received.skip(8)
    assert received.next_line() is None
    received.feed(b"o\n")
    assert received.next_line() is None
    received.feed(b"three\n")
    assert lines_of(received) == [(b"three", False)]


def test_skipped_bytes_are_early_too() -> None:
    received = ReceivedLines()
    received.feed(b"hello\ndata\none\ntwo\n")
    assert received.next_line() == (b"hello", False)
    received.expect_answer()
    assert received.next_line() == (b"data", True)
    received.skip(4)
    received.feed(b"three\n")
    assert lines_of(received) == [(b"two", True), (b"three", False)]


def test_skipped_bytes_count() -> None:
    received = ReceivedLines()
    received.skip(65_536)
    with pytest.raises(UnclearError, match=r"^the server sent more than 65536 bytes$"):
        received.skip(1)


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_any_cut_gives_the_same_lines(data: bytes, cuts: list[int]) -> None:
    whole, cut = ReceivedLines(), ReceivedLines()
    whole.feed(data)
    found = []
    edges = [0, *sorted(cuts), len(data)]
    for start, end in pairwise(edges):
        cut.feed(data[start:end])
        found += lines_of(cut)
    assert found == lines_of(whole)
