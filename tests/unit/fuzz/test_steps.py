"""Inputs as literals, cut in pieces, and made smaller."""

import pytest
from fuzz.steps import Steps, in_pieces, read_steps, smallest


def test_a_repr_is_read_back() -> None:
    steps: Steps = (("login", "zoë", "x"), b"\xff\r\n", ("hangup",))
    assert read_steps(repr(steps)) == steps


@pytest.mark.parametrize("text", ["b'x'", "('x',)", "(1,)", "[b'x']"])
def test_what_are_no_steps_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="steps are a tuple"):
        read_steps(text)


def test_pieces_are_single_bytes_and_words_stay() -> None:
    assert in_pieces((b"ab", ("tls",), b"", b"c")) == (b"a", b"b", ("tls",), b"c")


def test_pieces_of_what_is_long_are_longer() -> None:
    assert [len(piece) for piece in in_pieces((b"x" * 61,))] == [*[5] * 12, 1]


def test_the_smallest_is_what_fails_by_itself() -> None:
    steps: Steps = (("tls",), b"one\r\ntwo\r\n", ("hangup",), b"three\r\n" * 50)

    def still_fails(steps: Steps) -> bool:
        said = b"".join(step for step in steps if isinstance(step, bytes))
        return b"w" in said and said.count(b"h") > 1

    assert smallest(steps, still_fails) == (b"whh",)
