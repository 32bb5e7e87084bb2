"""What the client gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sasl_bridge.protocol.replies import (
    format_cont,
    format_fail,
    format_handshake,
    format_ok,
    format_temporary_fail,
)
from sasl_bridge.sasl.registry import OFFERED


def test_the_handshake_names_mechanisms_before_spid() -> None:
    assert format_handshake(4711, 7, "0123456789abcdef0123456789abcdef", OFFERED) == (
        b"VERSION\t1\t2\n"
        b"MECH\tPLAIN\tplaintext\n"
        b"MECH\tLOGIN\tplaintext\n"
        b"SPID\t4711\n"
        b"CUID\t7\n"
        b"COOKIE\t0123456789abcdef0123456789abcdef\n"
        b"DONE\n"
    )


def test_the_handshake_fits_in_one_small_read() -> None:
    assert len(format_handshake(2**32 - 1, 2**63, "f" * 32, OFFERED)) < 1024


def test_ok_names_one_user_and_nothing_else() -> None:
    assert format_ok(1, "alice@example.com") == b"OK\t1\tuser=alice@example.com\n"
    assert format_ok(4294967295, "j\u00f6rg@x.de") == b"OK\t4294967295\tuser=j\xc3\xb6rg@x.de\n"


@pytest.mark.parametrize(
    "identity",
    ["", "a\tb", "a\nb", "a\rb", "a\0b", "a\x01b", "a\x7fb", "a\x85b", "\udc80", "a" * 1025],
)
def test_an_unsafe_identity_is_our_own_bug(identity: str) -> None:
    with pytest.raises(ValueError, match="identity"):
        format_ok(1, identity)


def test_cont_has_its_field_even_if_it_is_empty() -> None:
    assert format_cont(1, b"") == b"CONT\t1\t\n"
    assert format_cont(1, b"Username:") == b"CONT\t1\tVXNlcm5hbWU6\n"


def test_fail_always_has_a_reason() -> None:
    assert format_fail(1, "no") == b"FAIL\t1\treason=no\n"
    assert format_fail(1, "") == b"FAIL\t1\treason=Authentication failed\n"
    assert (
        format_fail(1, "bad", login="alice", code="invalid_base64")
        == b"FAIL\t1\tuser=alice\tcode=invalid_base64\treason=bad\n"
    )


def test_fail_shows_nothing_that_is_not_printable() -> None:
    assert (
        format_fail(1, "a\tb\nc\x1bd\u00e4\udc80", login="j\u00f6\t\n\x85\udc80")
        == b"FAIL\t1\tuser=j\xc3\xb6????\treason=a?b?c?d???\n"
    )


def test_temporary_fail_says_so_in_both_dialects() -> None:
    assert format_temporary_fail(1) == b"FAIL\t1\tcode=temp_fail\ttemp\n"
    assert format_temporary_fail(1, login="alice") == b"FAIL\t1\tuser=alice\tcode=temp_fail\ttemp\n"


@given(st.text(), st.text())
def test_a_failure_is_one_line_of_three_known_fields(reason: str, login: str) -> None:
    reply = format_fail(1, reason, login=login)
    fields = reply.removesuffix(b"\n").split(b"\t")
    assert [field.partition(b"=")[0] for field in fields] == (
        [b"FAIL", b"1", *([b"user"] if login else []), b"reason"]
    )
    assert reply.count(b"\n") == 1
    assert not set(reply[:-1]) & set(b"\0\1\r")


def test_replies_stay_below_what_exim_reads() -> None:
    wide = "\U0001f600" * 100_000
    assert len(format_fail(2**32 - 1, wide, login=wide, code="invalid_base64")) < 8192
    assert len(format_temporary_fail(2**32 - 1, login=wide)) < 8192
    assert len(format_ok(2**32 - 1, "\U0001f600" * 1024)) < 8192
