"""How a value becomes a field, and is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sasl_bridge.protocol.escaping import printable, tab_escape, tab_unescape


def test_the_five_special_bytes_have_letters() -> None:
    assert tab_escape(b"a\0b\x01c\td\re\nf") == b"a\x010b\x011c\x01td\x01re\x01nf"
    assert tab_unescape(b"a\x010b\x011c\x01td\x01re\x01nf") == b"a\0b\x01c\td\re\nf"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"plain", b"plain"),
        (b"a\x01", b"a"),
        (b"\x01l", b"l"),
        (b"\x01\n", b"\n"),
        (b"\x011t", b"\x01t"),
        (b"\x01\x01t", b"\x01t"),
    ],
)
def test_unescaping_is_done_once_and_takes_what_it_does_not_know_as_it_is(
    field: bytes, value: bytes
) -> None:
    assert tab_unescape(field) == value


@given(st.binary())
def test_unescaping_undoes_escaping(value: bytes) -> None:
    escaped = tab_escape(value)
    assert tab_unescape(escaped) == value
    assert not set(escaped) & set(b"\0\t\r\n")


def test_whatever_is_not_printable_ascii_is_shown_as_a_question_mark() -> None:
    assert printable(b"a ~\0\x1b\x7f\x85\xff\n") == "a ~??????"
