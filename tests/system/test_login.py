"""One login through a real Postfix to a real Dovecot over TLS, dialogue by dialogue."""

import re
import time
from collections.abc import Callable, Iterator

import pytest
from lab.bridge import Bridge
from lab.gateway import Gateway
from lab.replies import ACCEPTED, TRY_LATER, WRONG
from lab.settings import tls_server
from lab.smtp import Reply, SmtpSession, encoded

ALICE = "alice@example.com"
PASSWORD = 'correct: "horse" \\ {5+} Bücher'
MAIL = "Subject: Hello\r\n\r\nHello\r\n"


@pytest.fixture
def bridge(gateway: Gateway) -> Iterator[Bridge]:
    """Start a daemon that asks one Dovecot, where Alice has her mailbox."""
    with (
        gateway.dovecot({ALICE: PASSWORD}, gateway.tls) as dovecot,
        gateway.bridge(tls_server("mailboxes", dovecot, gateway.tls)) as bridge,
    ):
        yield bridge


def test_plain_with_the_right_password_is_accepted_and_the_mail_is_queued(
    gateway: Gateway, bridge: Bridge
) -> None:
    with gateway.submission() as session:
        session.secure()
        del session.transcript[:]
        session.plain(ALICE, PASSWORD)
        code, text = session.deliver(ALICE, "bob@example.net", MAIL)
    assert (code, text[:25]) == (250, "2.0.0 Ok: queued as " + text[20:25])
    assert session.transcript[:-3] == [
        "C: AUTH PLAIN AGFsaWNlQGV4YW1wbGUuY29tAGNvcnJlY3Q6ICJob3JzZSIgXCB7NSt9IELDvGNoZXI=",
        "S: 235 2.7.0 Authentication successful",
        "C: MAIL FROM:<alice@example.com>",
        "S: 250 2.1.0 Ok",
        "C: RCPT TO:<bob@example.net>",
        "S: 250 2.1.5 Ok",
        "C: data",
        "S: 354 End data with <CR><LF>.<CR><LF>",
        "C: <a mail of 28 bytes>",
    ]
    [line] = bridge.decisions(1)
    assert "login=alice@example.com client=127.0.0.1 mechanism=PLAIN verdict=accepted" in line
    assert "server=mailboxes" in line


def test_login_with_the_right_password_is_accepted_and_the_mail_is_queued(
    gateway: Gateway, bridge: Bridge
) -> None:
    with gateway.submission() as session:
        session.secure()
        del session.transcript[:]
        session.login_steps(ALICE, PASSWORD)
        code, _ = session.deliver(ALICE, "bob@example.net", MAIL)
    assert code == 250
    assert session.transcript[:6] == [
        "C: AUTH LOGIN",
        "S: 334 VXNlcm5hbWU6",
        "C: YWxpY2VAZXhhbXBsZS5jb20=",
        "S: 334 UGFzc3dvcmQ6",
        "C: Y29ycmVjdDogImhvcnNlIiBcIHs1K30gQsO8Y2hlcg==",
        "S: 235 2.7.0 Authentication successful",
    ]
    assert "mechanism=LOGIN verdict=accepted" in bridge.decisions(1)[0]


@pytest.mark.usefixtures("bridge")
def test_login_may_carry_the_login_at_once(gateway: Gateway) -> None:
    with gateway.submission() as session:
        session.secure()
        assert session.say("AUTH LOGIN " + encoded(ALICE)) == (334, "UGFzc3dvcmQ6")
        assert session.say(encoded(PASSWORD)) == ACCEPTED


@pytest.mark.usefixtures("bridge")
def test_plain_may_wait_for_its_prompt(gateway: Gateway) -> None:
    with gateway.submission() as session:
        session.secure()
        assert session.say("AUTH PLAIN") == (334, "")
        assert session.say(encoded(f"\0{ALICE}\0{PASSWORD}")) == ACCEPTED


@pytest.mark.usefixtures("bridge")
def test_port_465_speaks_tls_from_the_first_byte(gateway: Gateway) -> None:
    with gateway.submissions() as session:
        session.secure()
        assert session.plain(ALICE, PASSWORD) == ACCEPTED
        assert session.deliver(ALICE, "bob@example.net", MAIL)[0] == 250


@pytest.mark.parametrize("attempt", [SmtpSession.plain, SmtpSession.login_steps])
@pytest.mark.parametrize("login", [ALICE, "nobody@example.com", "alice@elsewhere.example"])
def test_a_wrong_password_and_an_unknown_login_read_the_same(
    gateway: Gateway, bridge: Bridge, login: str, attempt: Callable[[SmtpSession, str, str], Reply]
) -> None:
    with gateway.submission() as session:
        session.secure()
        assert attempt(session, login, "wrong") == WRONG
        assert session.deliver(ALICE, "bob@example.net", MAIL) == (
            554,
            "5.7.1 <bob@example.net>: Recipient address rejected: Access denied",
        )
    assert "verdict=rejected" in bridge.decisions(1)[0]


@pytest.mark.usefixtures("bridge")
def test_after_a_wrong_password_the_right_one_is_accepted_in_the_same_session(
    gateway: Gateway,
) -> None:
    with gateway.submission() as session:
        session.secure()
        assert session.plain(ALICE, "wrong") == WRONG
        assert session.say("AUTH PLAIN !!!!")[0] == 535
        assert session.plain(ALICE, PASSWORD) == ACCEPTED


def test_before_starttls_postfix_neither_offers_nor_takes_auth(
    gateway: Gateway, bridge: Bridge
) -> None:
    with gateway.submission() as session:
        session.ehlo()
        assert "auth" not in session.esmtp_features
        del session.transcript[:]
        session.plain(ALICE, PASSWORD)
        session.say("MAIL FROM:<alice@example.com>")
        assert session.transcript == [
            "C: AUTH PLAIN AGFsaWNlQGV4YW1wbGUuY29tAGNvcnJlY3Q6ICJob3JzZSIgXCB7NSt9IELDvGNoZXI=",
            "S: 530 5.7.0 Must issue a STARTTLS command first",
            "C: MAIL FROM:<alice@example.com>",
            "S: 530 5.7.0 Must issue a STARTTLS command first",
        ]
        session.secure()
        assert session.esmtp_features["auth"].split() == ["PLAIN", "LOGIN"]
    assert not [line for line in bridge.lines if "verdict=" in line]


@pytest.mark.usefixtures("bridge")
def test_port_25_knows_no_auth_even_with_tls(gateway: Gateway) -> None:
    with SmtpSession(gateway.postfix.smtp, gateway.tls.authority) as session:
        session.secure()
        assert "auth" not in session.esmtp_features
        assert session.plain(ALICE, PASSWORD) == (
            503,
            "5.5.1 Error: authentication not enabled",
        )


@pytest.mark.usefixtures("bridge")
def test_without_a_login_the_submission_service_relays_for_nobody(gateway: Gateway) -> None:
    """The client is in mynetworks, which must not help it here."""
    with gateway.submission() as session:
        session.secure()
        assert session.deliver(ALICE, "bob@example.net", MAIL) == (
            554,
            "5.7.1 <bob@example.net>: Recipient address rejected: Access denied",
        )


def test_postfix_logs_the_canonical_identity_of_a_login_in_capitals(
    gateway: Gateway, bridge: Bridge
) -> None:
    with gateway.submission() as session:
        session.secure()
        assert session.plain("Alice@EXAMPLE.com", PASSWORD) == ACCEPTED
        _, text = session.deliver(ALICE, "bob@example.net", MAIL)
    queue_id = text.rpartition(" ")[2]
    logged = re.search(rf"{queue_id}: client=.*", gateway.postfix.log_with(f"{queue_id}: client="))
    assert logged is not None
    assert logged.group() == (
        f"{queue_id}: client=unknown[127.0.0.1], sasl_method=PLAIN, sasl_username=alice@example.com"
    )
    assert "login=alice@example.com" in bridge.decisions(1)[0]


def test_switched_off_every_login_is_told_to_try_later(gateway: Gateway) -> None:
    with gateway.bridge(enabled=False) as bridge, gateway.submission() as session:
        session.secure()
        assert session.plain(ALICE, PASSWORD) == TRY_LATER
        assert session.say("AUTH LOGIN") == TRY_LATER
    assert "verdict=unavailable" in bridge.decisions(2)[1]


def test_a_wrong_password_is_answered_after_the_failure_delay(gateway: Gateway) -> None:
    with (
        gateway.dovecot({ALICE: PASSWORD}, gateway.tls) as dovecot,
        gateway.bridge(tls_server("a", dovecot, gateway.tls), failure_delay="1s"),
        gateway.submission() as session,
    ):
        session.secure()
        begun = time.monotonic()
        assert session.plain(ALICE, "wrong") == WRONG
        assert 0.5 < time.monotonic() - begun < 5
