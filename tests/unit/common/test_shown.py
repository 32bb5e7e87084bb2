"""What of a server's words reaches a log."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.secret import Secret
from bridge_common.shown import shortened, shown

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
        (b"abc", b"abc"),
        (b"abc", b"is it (ABC)?"),
        (b'a"c', b'LOGIN "alice" "a\\"c"'),
        (b"a b", b"password=a+b"),
        (b"correcthorsebattery", b'LOGIN "alice" "correcthorseb...'),
        (b"correcthorsebattery", b'LOGIN "alice" "correc'),
        (b'c"rr"cthorse', b'LOGIN "alice" "c\\"rr\\"ct'),
        (b"correcthorsebattery", b"what is Y29ycmVjdGhvcnNl"),
        (b"correcthorsebattery", b"what is AGFsaWNlAGNvcnJlY3..."),
        (b"pass/word", b"password=pass%2fword"),
        (b"pass/word", b"password=%70%61%73%73%2F%77"),
        (b"pass word", b"password=pass+wo"),
        (b"pass+word", b"password=pass%2Bword"),
        ("pässword".encode(), b"password=p%C3%A4sswo"),
        (b"  hunter22", b"bad password: hunter22"),
        (b"hunter22\t ", b"bad password: (hunter22)"),
        (b" four ", b"bad password: four"),
        (b"  x", b"bad password: x"),
        (b"    x ", b"bad password: x"),
        (b"  hunter22", b"what is AGFsaWNlAGh1bnRlcjIy"),
        (b"      ", b"LOGIN alice       "),
        (b"four", b"so it is four"),
        (b"four", b"what is AGFsaWNlAGZvdXI="),
    ],
)
def test_a_repeated_password_is_withheld(password: bytes, words: bytes) -> None:
    assert shown(words, Secret(password)) == HIDDEN


@pytest.mark.parametrize(
    ("password", "words"),
    [
        (b"x", b"NO try xterm"),
        (b"in", b"NO invalid login"),
        (b"a", b"NO [AUTHENTICATIONFAILED] failed, YQ==, aGVsbG8gd29ybGQ="),
        (b"abc", b"NO YWJj"),
        (b" abc ", b"NO abcdef"),
        (b"    ", b"NO out"),
        (b"correcthorsebattery", b"NO what is corre... then"),
    ],
)
def test_what_is_no_repetition_is_shown(password: bytes, words: bytes) -> None:
    assert shown(words, Secret(password)) == words.decode()


def test_without_a_password_there_is_nothing_to_withhold() -> None:
    assert shown(b"secret \x07", None) == "secret ?"


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


@given(st.text(min_size=6, max_size=40), st.integers(min_value=6))
def test_a_cut_password_is_withheld_down_to_six_characters(password: str, cut: int) -> None:
    words = b"what is " + password[:cut].encode()
    assert shown(words, Secret(password.encode())) == HIDDEN


def test_long_words_are_cut() -> None:
    assert shown(b"y" * 201, Secret(b"secret")) == "y" * 197 + "..."
    assert shortened("y" * 200) == "y" * 200


def test_a_password_behind_the_cut_is_withheld_all_the_same() -> None:
    assert shown(b"y" * 300 + b"secret", Secret(b"secret")) == HIDDEN
