"""SASL LOGIN."""

import pytest

from bridge_common.secret import Secret
from sasl_bridge.credentials import Claim
from sasl_bridge.sasl.login import Login
from sasl_bridge.sasl.mechanism import Prompt
from sasl_bridge.verdict import Refused, Verdict

MALFORMED = Refused(Verdict.REJECTED, "malformed LOGIN response")


def test_prompts_for_login_then_password() -> None:
    login = Login()
    assert login.start(None) == Prompt(b"Username:")
    assert login.step(b"alice") == Prompt(b"Password:")
    assert login.step(b"secret") == Claim(b"alice", Secret(b"secret"))


@pytest.mark.parametrize("name", [b"alice", b""])
def test_an_initial_response_is_the_login(name: bytes) -> None:
    login = Login()
    assert login.start(name) == Prompt(b"Password:")
    assert login.step(b"") == Claim(name, Secret(b""))


def test_a_nul_in_the_login_is_refused() -> None:
    assert Login().start(b"alice\0bob") == MALFORMED
    login = Login()
    login.start(None)
    assert login.step(b"\0") == MALFORMED


def test_a_nul_in_the_password_is_refused() -> None:
    login = Login()
    login.start(b"alice")
    assert login.step(b"secret\0") == MALFORMED
