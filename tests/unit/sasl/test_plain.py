"""SASL PLAIN."""

import pytest

from bridge_common.secret import Secret
from sasl_bridge.credentials import Claim
from sasl_bridge.sasl.mechanism import Prompt
from sasl_bridge.sasl.plain import Plain
from sasl_bridge.verdict import Refused, Verdict

MALFORMED = Refused(Verdict.REJECTED, "malformed PLAIN response")


def test_prompts_with_nothing_and_reads_the_response() -> None:
    plain = Plain()
    assert plain.start(None) == Prompt(b"")
    assert plain.step(b"\0alice\0secret") == Claim(b"alice", Secret(b"secret"))


@pytest.mark.parametrize(
    ("response", "login", "password"),
    [
        (b"\0alice\0secret", b"alice", b"secret"),
        (b"alice\0alice\0secret", b"alice", b"secret"),
        (b"\0alice\0", b"alice", b""),
        (b"\0\0secret", b"", b"secret"),
        (b"\0\0", b"", b""),
        (b"\0\xff\xfe\0\x80", b"\xff\xfe", b"\x80"),
        (b"\0" + b"a" * 9000 + b"\0" + b"b" * 9000, b"a" * 9000, b"b" * 9000),
    ],
)
def test_an_initial_response_is_a_claim_byte_for_byte(
    response: bytes, login: bytes, password: bytes
) -> None:
    assert Plain().start(response) == Claim(login, Secret(password))


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"alice",
        b"\0alice",
        b"\0alice\0secret\0",
        b"\0alice\0\0secret",
        b"\0alice\0sec\0ret",
        b"\0" * 9000,
    ],
)
def test_anything_but_two_nuls_is_refused(response: bytes) -> None:
    assert Plain().start(response) == MALFORMED


@pytest.mark.parametrize("acting_for", [b"bob", b"ALICE", b"alice "])
def test_acting_for_another_is_refused(acting_for: bytes) -> None:
    assert Plain().start(acting_for + b"\0alice\0secret") == Refused(
        Verdict.REJECTED, "PLAIN response asks to act for another login"
    )
