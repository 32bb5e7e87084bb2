"""What a request says of its client and its sender."""

import pytest

from policyd.request import PolicyRequest


@pytest.mark.parametrize("method", ["PLAIN", "login", "XCLIENT", "EXTERNAL", "ANONYMOU\u017f"])
def test_a_method_is_a_login(method: str) -> None:
    """Postfix's own test is the method, and it compares ASCII letters only."""
    assert PolicyRequest(sasl_method=method, sasl_username="alice@example.com").is_authenticated


def test_a_method_without_a_name_is_a_login_too() -> None:
    assert PolicyRequest(sasl_method="PLAIN").is_authenticated


@pytest.mark.parametrize("method", ["", "ANONYMOUS", "anonymous", "Anonymous"])
def test_nobody_is_logged_in_without_a_method_or_as_anonymous(method: str) -> None:
    assert not PolicyRequest(sasl_method=method, sasl_username="alice").is_authenticated


@pytest.mark.parametrize("state", ["MAIL", "RCPT", "DATA", "BDAT", "END-OF-MESSAGE"])
def test_after_mail_from_an_empty_sender_is_the_null_sender(state: str) -> None:
    assert PolicyRequest(protocol_state=state).sender_is_known


@pytest.mark.parametrize("state", ["CONNECT", "EHLO", "HELO", "VRFY", "ETRN", "", "rcpt"])
def test_elsewhere_an_empty_sender_is_none_yet(state: str) -> None:
    assert not PolicyRequest(protocol_state=state).sender_is_known


@pytest.mark.parametrize("state", ["VRFY", "ETRN", "EHLO", ""])
def test_a_sender_that_is_there_is_known_in_any_state(state: str) -> None:
    assert PolicyRequest(protocol_state=state, sender="alice@example.com").sender_is_known
