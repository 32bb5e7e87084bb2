"""The gates before anybody is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.identity import IdentityRules, LoginForm
from bridge_common.secret import Secret
from sasl_bridge.admission import MAX_PASSWORD_BYTES, AdmissionRules, admit, gate
from sasl_bridge.credentials import Claim, Credentials
from sasl_bridge.verdict import Refused, Verdict

RULES = AdmissionRules(
    enabled=True,
    require_tls=True,
    identity=IdentityRules(domains=frozenset({"example.com"})),
)


def claim(login: bytes = b"alice@example.com", password: bytes = b"secret") -> Claim:
    return Claim(login, Secret(password))


def refusal(made: Credentials | Refused) -> str:
    assert isinstance(made, Refused)
    assert made.verdict is Verdict.REJECTED
    return made.reason


def test_switched_off_is_trouble_for_everyone() -> None:
    """Off is answered by hanging up, not as a wrong password."""
    off = AdmissionRules(enabled=False, require_tls=False, identity=RULES.identity)
    refused = gate(off, secured=True)
    assert refused is not None
    assert refused.verdict is Verdict.UNAVAILABLE


def test_without_encryption_the_client_is_told_why() -> None:
    refused = gate(RULES, secured=False)
    assert refused == Refused(
        Verdict.REJECTED,
        "the SMTP session is not encrypted (require_tls)",
        told="encryption is required before logging in",
    )


def test_encryption_opens_the_gate_and_the_setting_does() -> None:
    assert gate(RULES, secured=True) is None
    lax = AdmissionRules(enabled=True, require_tls=False, identity=RULES.identity)
    assert gate(lax, secured=False) is None


def test_an_admitted_claim_becomes_credentials() -> None:
    made = admit(RULES, claim(b"Alice@Example.COM"), "192.0.2.1")
    assert isinstance(made, Credentials)
    assert made.identity.address == "alice@example.com"
    assert made.identity.form is LoginForm.ADDRESS
    assert made.password == Secret(b"secret")
    assert made.client == "192.0.2.1"


@pytest.mark.parametrize(
    ("login", "reason"),
    [
        (b"", "the login is empty"),
        (b"alice@example.org", "the login's domain is not one of ours"),
        (b"alice\n@example.com", "the login holds a control character"),
        (b"a" * 300, "the login is longer than 255 bytes"),
        (b"\xff@example.com", "the login is not valid UTF-8"),
        (b"alice@example.com.", "the part after the @ is no domain name"),
    ],
)
def test_a_bad_login_is_refused(login: bytes, reason: str) -> None:
    assert refusal(admit(RULES, claim(login), "")) == reason


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        (b"", "the password is empty"),
        (b"x" * (MAX_PASSWORD_BYTES + 1), "the password is longer than 1024 bytes"),
        (b"a\0b", "the password holds a NUL, CR or LF"),
        (b'x"\r\na2 LOGIN "own" "pw', "the password holds a NUL, CR or LF"),
        (b"a\rb", "the password holds a NUL, CR or LF"),
        (b"a\nb", "the password holds a NUL, CR or LF"),
    ],
)
def test_a_bad_password_is_refused(password: bytes, reason: str) -> None:
    assert refusal(admit(RULES, claim(password=password), "")) == reason


def test_the_longest_password_is_admitted() -> None:
    made = admit(RULES, claim(password=b"x" * MAX_PASSWORD_BYTES), "")
    assert isinstance(made, Credentials)


@given(login=st.binary(max_size=300), password=st.binary(max_size=1100))
def test_whatever_is_admitted_keeps_the_promises(login: bytes, password: bytes) -> None:
    """Law 4 and law 5: nothing admitted can end a command or lie outside our domains."""
    made = admit(RULES, claim(login, password), "")
    if isinstance(made, Credentials):
        assert made.identity.domain == "example.com"
        assert not set(b"\0\r\n") & set(made.password.reveal())
        assert made.password
    else:
        assert made.reason.isprintable()
