"""IMAP's grammar: responses in, commands out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sasl_bridge.dialogue.imap_syntax import (
    Remark,
    Response,
    authenticate_parts,
    id_command,
    literal_bytes,
    login_parts,
    may_hold_literals,
    parse_capabilities,
    parse_remark,
    parse_response,
)
from sasl_bridge.dialogue.received import UnclearError

NOTHING: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("line", "response"),
    [
        (b"* ok hello", Response(b"*", "OK", b"hello")),
        (b"* 3 EXISTS", Response(b"*", "3", b"EXISTS")),
        (b"* x-foo bar", Response(b"*", "X-FOO", b"bar")),
        (b"* OK: x", Response(b"*", "OK:", b"x")),
        (b"A.1 NO", Response(b"A.1", "NO", b"")),
        (b"A1 NO ", Response(b"A1", "NO", b"")),
        (b"+", Response(b"+", "", b"")),
        (b"+ ", Response(b"+", "", b"")),
        (b"+ go ahead", Response(b"+", "", b"")),
    ],
)
def test_responses(line: bytes, response: Response) -> None:
    assert parse_response(line) == response


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b" ", b"*", b"* ", b"*OK", b"* OK] x", b"* OK\tx", b"* OK a\0b", b"* OK a\rb"),
        *(b"A1", b"A(1 OK x", b"A\xe4 OK x", b"+OK x", b"+ a\0b", b"A1 OK-ISH x", b"A1 OK: x"),
    ],
)
def test_what_is_no_response(line: bytes) -> None:
    with pytest.raises(UnclearError, match=r"^the server sent a malformed line$"):
        parse_response(line)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (b"x {5}", 5),
        (b"{0}", 0),
        (b"{12+}", 12),
        (b"~{999999999}", 999_999_999),
        (b"{5} ", None),
        (b"{}", None),
        (b"{-5}", None),
        (b"{5", None),
    ],
)
def test_literals(text: bytes, size: int | None) -> None:
    assert literal_bytes(text) == size


@pytest.mark.parametrize("digits", [10, 20, 5000])
def test_a_literal_without_bound(digits: int) -> None:
    with pytest.raises(UnclearError, match=r"^the server announces a literal without bound$"):
        literal_bytes(b"{" + b"9" * digits + b"}")


@pytest.mark.parametrize(
    ("line", "literals"),
    [
        (b"* LIST {5}", True),
        (b"* ok {5}", False),
        (b"* NO {5}", False),
        (b"* BAD {5}", False),
        (b"* BYE {5}", False),
        (b"* PREAUTH {5}", False),
        (b"A1 OK {5}", False),
        (b"+ {5}", False),
    ],
)
def test_literals_follow_data_only(line: bytes, literals: bool) -> None:
    assert may_hold_literals(parse_response(line)) == literals


@pytest.mark.parametrize(
    ("rest", "remark"),
    [
        (b"just text", Remark(None, b"", b"just text")),
        (b"", Remark(None, b"", b"")),
        (b"[alert] text", Remark("ALERT", b"", b"text")),
        (b"  [alert] text", Remark("ALERT", b"", b"text")),
        (b"[ALERT]text", Remark("ALERT", b"", b"text")),
        (b"[CAPABILITY IMAP4rev1 IDLE] text", Remark("CAPABILITY", b"IMAP4rev1 IDLE", b"text")),
        (b"[UNAVAILABLE text", Remark("", b"", b"[UNAVAILABLE text")),
        (b"[] text", Remark("", b"", b"[] text")),
    ],
)
def test_response_codes(rest: bytes, remark: Remark) -> None:
    assert parse_remark(rest) == remark


def test_capabilities() -> None:
    assert parse_capabilities(b" imap4rev1  AUTH=Plain \xff") == {
        "IMAP4REV1",
        "AUTH=PLAIN",
        "\N{REPLACEMENT CHARACTER}",
    }


def test_the_address_of_the_client_is_a_quoted_string() -> None:
    assert id_command(b"a", "2001:db8::7") == b'a ID ("x-originating-ip" "2001:db8::7")\r\n'


def test_authenticate_carries_the_response_only_where_it_may() -> None:
    assert authenticate_parts(b"a", b"u", b"p", frozenset({"SASL-IR"})) == [
        b"a AUTHENTICATE PLAIN AHUAcA==\r\n"
    ]
    assert authenticate_parts(b"a", b"u", b"p", NOTHING) == [
        b"a AUTHENTICATE PLAIN\r\n",
        b"AHUAcA==\r\n",
    ]


def test_a_long_literal_needs_leave_under_literal_minus() -> None:
    minus = frozenset({"LITERAL-"})
    small, large = b"\xe4" * 4096, b"\xe4" * 4097
    assert login_parts(b"a", b"u", small, minus) == [b'a LOGIN "u" {4096+}\r\n' + small + b"\r\n"]
    assert login_parts(b"a", b"u", large, minus) == [
        b'a LOGIN "u" {4097}\r\n',
        large + b"\r\n",
    ]
    assert login_parts(b"a", b"u", large, frozenset({"LITERAL+"})) == [
        b'a LOGIN "u" {4097+}\r\n' + large + b"\r\n"
    ]


def read_login(command: bytes) -> tuple[bytes, bytes]:
    """Read a LOGIN command as a server does: two quoted strings or literals, and nothing else."""
    rest = command.removeprefix(b"a LOGIN")
    values = []
    for _ in range(2):
        if match := re.match(rb' "((?:[^"\\\r\n]|\\["\\])*)"', rest):
            values.append(re.sub(rb"\\(.)", rb"\1", match[1]))
            rest = rest[match.end() :]
        else:
            match = re.match(rb" \{(\d+)\+?\}\r\n", rest)
            assert match
            end = match.end() + int(match[1])
            values.append(rest[match.end() : end])
            rest = rest[end:]
    assert rest == b"\r\n"
    return values[0], values[1]


words = st.binary(min_size=1, max_size=40).filter(lambda word: not set(word) & set(b"\0\r\n"))


@given(words, words, st.sampled_from(["LITERAL+", "LITERAL-", "IDLE"]))
def test_a_server_reads_what_was_meant(login: bytes, password: bytes, capability: str) -> None:
    parts = login_parts(b"a", login, password, frozenset({capability}))
    assert read_login(b"".join(parts)) == (login, password)
    assert len(parts) == 1 or capability == "IDLE"
    assert all(part.endswith(b"}\r\n") for part in parts[:-1])
