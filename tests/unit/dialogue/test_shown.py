"""What of a server's words reaches a log."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.secret import Secret
from sasl_bridge.dialogue.shown import shortened, shown

HIDDEN = "(text withheld, it repeats the password)"


def test_words_are_shown_as_they_are() -> None:
    assert shown("NO Paßwort falsch.".encode(), Secret(b"secret")) == "NO Paßwort falsch."


def test_unprintable_characters_are_replaced() -> None:
    text = b"a\tb\x1b[1m\x7f\xe2\x80\xaec\xff"
    assert shown(text, Secret(b"secret")) == "a?b?[1m??c\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("password", "words"),
    [
        (b"secret", b"is it secret?"),
        (b"secret", b"is it SECRET?"),
        (b'se"c\\ret', b'LOGIN "alice" "se\\"c\\\\ret"'),
        (b'se"c\\ret', b'plainly se"c\\ret'),
        (b"secret", b"c2VjcmV0"),
        (b"secret", b"C2VJCMV0"),
        ("pässword".encode(), "PÄSSWORD".encode()),
        (b"\xff\xfe\xfd", b"bytes \xff\xfe\xfd"),
        (b"x", b"anything with an x"),
    ],
)
def test_a_repeated_password_is_withheld(password: bytes, words: bytes) -> None:
    assert shown(words, Secret(password)) == HIDDEN


def test_a_short_password_does_not_hide_everything() -> None:
    assert shown(b"NO", Secret(b"x")) == "NO"


@given(
    st.binary(min_size=4, max_size=40),
    st.binary(max_size=10),
    st.binary(max_size=10),
)
def test_base64_of_any_text_around_the_password_is_withheld(
    password: bytes, before: bytes, after: bytes
) -> None:
    words = b"what is " + base64.b64encode(before + password + after)
    assert shown(words, Secret(password)) == HIDDEN


def test_long_words_are_cut() -> None:
    assert shown(b"y" * 201, Secret(b"secret")) == "y" * 197 + "..."
    assert shortened("y" * 200) == "y" * 200


def test_a_password_behind_the_cut_is_withheld_all_the_same() -> None:
    assert shown(b"y" * 300 + b"secret", Secret(b"secret")) == HIDDEN
