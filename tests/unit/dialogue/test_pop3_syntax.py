"""POP3's grammar: replies in, commands out."""

import pytest

from sasl_bridge.dialogue.pop3_syntax import (
    Reply,
    auth_parts,
    names_of,
    parse_capability,
    parse_reply,
    pass_command,
    sasl_mechanisms,
    user_command,
    xclient_command,
)
from sasl_bridge.dialogue.received import UnclearError


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"+OK", Reply("+OK", None, b"", b"")),
        (b"+OK ", Reply("+OK", None, b"", b"")),
        (b"+OK in", Reply("+OK", None, b"in", b"in")),
        (b"+OK [XCLIENT] ready", Reply("+OK", "XCLIENT", b"ready", b"[XCLIENT] ready")),
        (b"-ERR", Reply("-ERR", None, b"", b"")),
        (b"-ERR out", Reply("-ERR", None, b"out", b"out")),
        (b"-ERR [auth] out", Reply("-ERR", "AUTH", b"out", b"[auth] out")),
        (b"-ERR [SYS/TEMP]out", Reply("-ERR", "SYS/TEMP", b"out", b"[SYS/TEMP]out")),
        (b"-ERR  [IN-USE]", Reply("-ERR", "IN-USE", b"", b" [IN-USE]")),
        (b"-ERR [A] [B] x", Reply("-ERR", "A", b"[B] x", b"[A] [B] x")),
        (b"-ERR [AUTH", Reply("-ERR", "", b"[AUTH", b"[AUTH")),
        (b"-ERR [] x", Reply("-ERR", "", b"[] x", b"[] x")),
        (b"-ERR [\xff] x", Reply("-ERR", "\N{REPLACEMENT CHARACTER}", b"x", b"[\xff] x")),
        (b"-ERR x [AUTH]", Reply("-ERR", None, b"x [AUTH]", b"x [AUTH]")),
        (b"+", Reply("+", None, b"", b"")),
        (b"+ ", Reply("+", None, b"", b"")),
        (b"+ OK", Reply("+", None, b"OK", b"OK")),
    ],
)
def test_replies(line: bytes, reply: Reply) -> None:
    assert parse_reply(line) == reply


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b" ", b" +OK", b"+OKAY", b"+OK\tx", b"+ok", b"+Ok x", b"OK", b"ERR", b"-err x"),
        *(b"-ERR: x", b"-ERROR", b"--ERR", b"+-ERR", b"++", b"+OK a\0b", b"-ERR a\rb", b"."),
    ],
)
def test_what_is_no_reply(line: bytes) -> None:
    with pytest.raises(UnclearError, match=r"^the server sent a malformed line$"):
        parse_reply(line)


@pytest.mark.parametrize(
    ("line", "capability"),
    [
        (b"USER", "USER"),
        (b"sasl  Plain\x20", "SASL PLAIN"),
        (b"+OK", "+OK"),
        (b"IMPLEMENTATION Gr\xf6e", "IMPLEMENTATION GR\N{REPLACEMENT CHARACTER}E"),
        (b"X.Y z", "X.Y Z"),
    ],
)
def test_capabilities(line: bytes, capability: str) -> None:
    assert parse_capability(line) == capability


@pytest.mark.parametrize(
    "line", [b"", b" USER", b"..", b"..USER", b"IMPLEMENTATION\tx", b"SASL PLAIN\t", b"\x7f", b"\t"]
)
def test_what_names_no_capability(line: bytes) -> None:
    assert parse_capability(line) is None


@pytest.mark.parametrize("line", [b". ", b".USER", b"US\0ER", b"USER\r", b"\0", b"\r", b" \r"])
def test_what_is_no_capability(line: bytes) -> None:
    with pytest.raises(UnclearError, match=r"^the server sent a malformed line$"):
        parse_capability(line)


def test_names_are_what_stands_before_the_words() -> None:
    assert names_of(frozenset({"USER", "SASL PLAIN LOGIN", "X-USER PASS"})) == {
        "USER",
        "SASL",
        "X-USER",
    }


def test_mechanisms_stand_behind_sasl_and_nowhere_else() -> None:
    capabilities = frozenset(
        {"SASL PLAIN LOGIN", "SASL CRAM-MD5", "X EXTERNAL", "SASL-IR X", "SASL"}
    )
    assert sasl_mechanisms(capabilities) == {"PLAIN", "LOGIN", "CRAM-MD5"}


def test_the_password_is_in_the_second_part_of_auth() -> None:
    assert auth_parts(b"u", b"p") == [b"AUTH PLAIN\r\n", b"AHUAcA==\r\n"]


def test_user_and_pass_quote_nothing() -> None:
    assert user_command(b'a"b\\c') == b'USER a"b\\c\r\n'
    assert pass_command(b' two  words{5+}" ') == b'PASS  two  words{5+}" \r\n'


def test_an_ipv6_address_is_told_without_prefix() -> None:
    assert xclient_command("198.51.100.7") == b"XCLIENT ADDR=198.51.100.7\r\n"
    assert xclient_command("2001:db8::7") == b"XCLIENT ADDR=2001:db8::7\r\n"
