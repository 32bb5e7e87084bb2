"""The line splitter: whole lines, however they are cut, and never more than the limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.lines import LineSplitter


def taken(splitter: LineSplitter) -> list[bytes]:
    return list(iter(splitter.next_line, None))


def test_lines_come_without_their_lf_and_in_order() -> None:
    splitter = LineSplitter(100)
    splitter.receive(b"one\ntwo\r\n\nthr")
    assert taken(splitter) == [b"one", b"two\r", b""]
    splitter.receive(b"ee")
    assert splitter.next_line() is None
    splitter.receive(b"\n")
    assert taken(splitter) == [b"three"]
    assert not splitter.too_long


def test_a_line_of_exactly_the_limit_is_whole() -> None:
    splitter = LineSplitter(8)
    splitter.receive(b"1234567\n")
    assert taken(splitter) == [b"1234567"]
    assert not splitter.too_long


@pytest.mark.parametrize("data", [b"12345678\n", b"12345678", b"12345678\nok\n", b"x" * 1000])
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_longer_line_ends_the_stream_after_the_lines_before_it(data: bytes, size: int) -> None:
    splitter = LineSplitter(8)
    stream = b"ok\n" + data
    for start in range(0, len(stream), size):
        splitter.receive(stream[start : start + size])
    assert splitter.too_long
    assert taken(splitter) == [b"ok"]
    splitter.receive(b"later\n")
    assert taken(splitter) == []


def test_an_endless_line_is_not_kept() -> None:
    splitter = LineSplitter(16)
    for _ in range(1000):
        splitter.receive(b"x" * 15)
    assert splitter._tail == []


def test_time_is_linear_for_many_lines_and_for_single_bytes() -> None:
    splitter = LineSplitter(300_000)
    splitter.receive(b"\n" * 300_000)
    assert len(taken(splitter)) == 300_000
    for _ in range(299_999):
        splitter.receive(b"x")
    splitter.receive(b"\n")
    assert [len(line) for line in taken(splitter)] == [299_999]


@given(st.lists(st.binary(max_size=20)), st.integers(min_value=1, max_value=12))
def test_any_cut_gives_the_lines_that_the_whole_gives(pieces: list[bytes], limit: int) -> None:
    whole, cut = LineSplitter(limit), LineSplitter(limit)
    whole.receive(b"".join(pieces))
    lines = []
    for piece in pieces:
        cut.receive(piece)
        lines += taken(cut)
    assert lines == taken(whole)
    assert cut.too_long == whole.too_long
