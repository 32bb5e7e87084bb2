"""Laws of the policy protocol, over requests made from its grammar."""

import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lab.policy_client import RCPT, request_bytes

from policyd.action import DUNNO, HANG_UP, Action, Code, Refuse
from policyd.protocol import (
    PolicyConnection,
    _parse_lines,
    format_action,
    parse_request,
    printable,
)
from policyd.request import PolicyRequest

# What a client program may put into a line: text, and bytes that are none.
VALUES = st.one_of(
    st.sampled_from(
        [b"", b"RCPT", b"MAIL", b"alice@example.com", b"a b", b"=", b"\0", b"j\xc3\xb6rg", b"\xff"]
    ),
    st.binary(max_size=12).map(lambda data: data.replace(b"\n", b"")),
)
NAMES = st.sampled_from([*(name.encode() for name in PolicyRequest._fields), b"size", b"x"])
LINES = st.one_of(
    st.builds(lambda name, value: name + b"=" + value, NAMES, VALUES),
    st.sampled_from([b"nonsense", b"=", b"request=junk", b"\r"]),
)
GOOD_LINES = st.builds(lambda name, value: name + b"=" + value, NAMES, VALUES)
KIND = b"request=smtpd_access_policy"


def block(lines: list[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in [KIND, *lines]) + b"\n"


BLOCKS = st.one_of(
    st.lists(GOOD_LINES, max_size=4, unique_by=lambda line: line.partition(b"=")[0]).map(block),
    st.lists(LINES, max_size=3).map(block),
    st.sampled_from([b"\n", b"\n\n", KIND, b"request=smtpd_access_policy\r\n\r\n"]),
)
STREAMS = st.lists(BLOCKS, max_size=5).map(b"".join)

Outcome = tuple[list[PolicyRequest], bytes, str]


def outcome(pieces: list[bytes]) -> Outcome:
    """Answer all requests, each by what it asks; return them, all that is sent, and the fault."""
    connection = PolicyConnection()
    requests, sent = [], b""
    for piece in pieces:
        connection.receive_data(piece)
        while (request := connection.next_request()) is not None:
            requests.append(request)
            connection.answer(request, decided(request))
        sent += connection.data_to_send()
    return requests, sent, connection.broken


def decided(request: PolicyRequest) -> Action:
    if request.sender == "a b":
        return HANG_UP
    return Refuse(Code.NOT_ALLOWED, request.sender) if request.sender else DUNNO


@given(STREAMS, st.data())
def test_any_cut_gives_the_same_requests_and_replies(stream: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6).map(sorted))
    pieces = [stream[one:other] for one, other in pairwise([0, *cuts, len(stream)])]
    whole = outcome([stream])
    assert outcome(pieces) == whole
    assert outcome([bytes([byte]) for byte in stream]) == whole


@given(STREAMS)
def test_each_request_gets_one_reply_in_its_order(stream: bytes) -> None:
    requests, sent, _ = outcome([stream])
    expected = [format_action(decided(one)) for one in requests if decided(one) is not HANG_UP]
    assert sent == b"".join(expected)


@given(
    st.lists(GOOD_LINES, max_size=6, unique_by=lambda line: line.partition(b"=")[0]),
    st.randoms(use_true_random=False),
)
def test_what_is_written_is_what_is_asked(lines: list[bytes], random: object) -> None:
    values = dict(line.split(b"=", 1) for line in lines)
    random.shuffle(lines)  # type: ignore[attr-defined]  # random.Random, as hypothesis makes it
    requests, _, broken = outcome([block(lines)])
    assert broken == ""
    assert [name.encode("utf-8", "surrogateescape") for name in requests[0]] == [
        values.get(name.encode(), b"") for name in PolicyRequest._fields
    ]


ANY_TEXT = st.text(st.characters(blacklist_categories=[]), max_size=600)


@given(ANY_TEXT, st.sampled_from(Code))
@example("a\n\naction=OK", Code.NOT_ALLOWED)
@example("a\r\n\r\naction=OK\x85\u2028\x1b[31m\udcff\U0001f600", Code.NOT_ALLOWED)
@example("", Code.TRY_LATER)
@example(" \t\n ", Code.TRY_LATER)
@example("123", Code.NOT_ALLOWED)
@example("x" * 100_000, Code.NOT_ALLOWED)
def test_a_refusal_is_one_short_printable_reply_whatever_its_text(text: str, code: Code) -> None:
    reply = format_action(Refuse(code, text))
    form = b"action=" + re.escape(code.value.encode()) + rb" [!-~]([ -~]{0,398}[!-~])?\n\n"
    assert re.fullmatch(form, reply)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=400))
def test_a_plain_text_is_told_as_it_is(text: str) -> None:
    assert printable(text) == (text.strip() or "refused")


def test_the_actions_without_a_text() -> None:
    assert format_action(DUNNO) == b"action=DUNNO\n\n"


def test_what_cannot_be_printed_leaves_a_mark() -> None:
    """`a` and `a` with something behind it must not look alike."""
    assert printable("a\n\naction=OK\x1b") == "a?action=OK?"


def test_a_long_text_is_cut() -> None:
    """What Postfix puts before it must fit too."""
    assert printable("x" * 401) == "x" * 400


# Postfix's own order of attributes is read by one pattern, everything else line by line.


TEXTS = st.sampled_from(
    ["", "a=b", "RCPT", "smtpd_access_policy", "j\u00f6rg\udcff", "\0\r\x85\u2028"]
)


@st.composite
def almost_postfix(draw: st.DrawFn) -> bytes:
    """Return the lines of Postfix's request, other values in it, with a few faults or without."""
    values = {**RCPT, **draw(st.dictionaries(st.sampled_from(sorted(RCPT)), TEXTS, max_size=4))}
    lines = [
        name.encode() + b"=" + value.encode("utf-8", "surrogateescape")
        for name, value in values.items()
    ]
    for line in draw(st.lists(st.one_of(LINES, GOOD_LINES), max_size=2)):
        lines.insert(draw(st.sampled_from([0, 10, len(lines)])), line)
    for _ in range(draw(st.integers(0, 1))):
        del lines[draw(st.integers(0, len(lines) - 1))]
    return b"\n".join(lines)


def either(parse: Callable[[], PolicyRequest]) -> PolicyRequest | str:
    try:
        return parse()
    except ValueError as error:
        return str(error)


@given(almost_postfix())
@example(b"\n".join(f"{name}={value}".encode() for name, value in RCPT.items()))
def test_by_one_pattern_or_line_by_line_it_is_the_same(block: bytes) -> None:
    lines = block.decode("utf-8", "surrogateescape").split("\n")
    assert either(lambda: parse_request(block)) == either(lambda: _parse_lines(lines))


def test_postfix_s_own_requests_are_read_by_one_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_line_by_line(lines: list[str]) -> PolicyRequest:
        raise AssertionError(lines)

    monkeypatch.setattr("policyd.protocol._parse_lines", not_line_by_line)
    newer = b"compatibility_level=3.9\nmail_version=3.9.0\n"
    assert parse_request(request_bytes()[:-2]).sender == "alice@example.com"
    assert parse_request(request_bytes()[:-1] + newer[:-1]).policy_context == "submission"
