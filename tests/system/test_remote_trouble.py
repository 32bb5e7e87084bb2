"""What real servers do instead of answering, and what the user is told: try later, not wrong.

Where nothing of a login may have been sent, Dovecot's own log is the witness.
"""

import contextlib
import imaplib
import poplib
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from lab.certificates import Certificates, make_certificates
from lab.dovecot import Dovecot
from lab.gateway import Gateway
from lab.ports import LOOPBACK
from lab.replies import ACCEPTED, TRY_LATER, WRONG
from lab.smtp import Reply
from lab.ways import ALL, ENCRYPTED, PLAIN, STARTTLS, Way

USERS = {way.login("alice"): "hers" for way in ALL}
IMAP, POP3 = PLAIN


def _tell(gateway: Gateway, ways: tuple[Way, ...], password: str) -> dict[str, Reply]:
    """Return what Alice is told if her server is asked in each of these ways."""
    replies = {}
    for way in ways:
        with gateway.submissions() as session:
            session.secure()
            replies[way.name] = session.plain(way.login("alice"), password)
    return replies


def _all(ways: tuple[Way, ...], reply: Reply) -> dict[str, Reply]:
    return {way.name: reply for way in ways}


def _assert_untouched(dovecot: Dovecot, clients: int) -> None:
    """See to it that so many clients came, and that none of them said who it was."""
    log = dovecot.log_with("user=<>", clients)
    assert log.count("user=<") == clients


def test_a_killed_server_is_try_later_and_once_it_is_back_it_accepts(gateway: Gateway) -> None:
    with gateway.dovecot(USERS, gateway.tls) as dovecot, gateway.bridge_by(dovecot, ALL):
        assert _tell(gateway, ALL, "hers") == _all(ALL, ACCEPTED)
        dovecot.stop()
        assert _tell(gateway, ALL, "hers") == _all(ALL, TRY_LATER)
        assert _tell(gateway, ALL, "wrong") == _all(ALL, TRY_LATER)
        dovecot.start()
        assert _tell(gateway, ALL, "hers") == _all(ALL, ACCEPTED)


@pytest.fixture(scope="module")
def strangers(running_gateway: Gateway) -> Certificates:
    """Make an authority that the daemon does not trust, and a certificate of it."""
    folder = running_gateway.folder / "strangers"
    folder.mkdir()
    return make_certificates(folder)


@pytest.mark.parametrize("itself", [True, False], ids=["self-signed", "of a stranger"])
def test_a_certificate_that_nobody_vouches_for_ends_it_before_the_login(
    gateway: Gateway, strangers: Certificates, *, itself: bool
) -> None:
    own = replace(strangers, certificate=strangers.authority, key=strangers.authority_key)
    with (
        gateway.dovecot(USERS, own if itself else strangers) as dovecot,
        gateway.bridge_by(dovecot, ENCRYPTED) as bridge,
    ):
        assert _tell(gateway, ENCRYPTED, "hers") == _all(ENCRYPTED, TRY_LATER)
        assert all("certificate" in line for line in bridge.decisions(4))
        _assert_untouched(dovecot, clients=4)


def test_a_certificate_of_another_name_ends_it_before_the_login(gateway: Gateway) -> None:
    with (
        gateway.dovecot(USERS, gateway.tls) as dovecot,
        gateway.bridge_by(dovecot, ENCRYPTED, tls_name="mail.example.com") as bridge,
    ):
        assert _tell(gateway, ENCRYPTED, "hers") == _all(ENCRYPTED, TRY_LATER)
        assert all("mail.example.com" in line for line in bridge.decisions(4))
        _assert_untouched(dovecot, clients=4)


def test_the_name_in_the_certificate_may_be_another_than_the_host(gateway: Gateway) -> None:
    with (
        gateway.dovecot(USERS, gateway.tls) as dovecot,
        gateway.bridge_by(dovecot, ENCRYPTED, tls_name="localhost"),
    ):
        assert _tell(gateway, ENCRYPTED, "hers") == _all(ENCRYPTED, ACCEPTED)


def test_a_server_that_cannot_encrypt_is_told_nothing_where_tls_is_set(gateway: Gateway) -> None:
    with gateway.dovecot(USERS) as dovecot, gateway.bridge_by(dovecot, STARTTLS) as bridge:
        assert _tell(gateway, STARTTLS, "hers") == _all(STARTTLS, TRY_LATER)
        assert "the server does not offer STARTTLS" in bridge.decisions(2)[0]
        assert "the server does not offer STLS" in bridge.decisions(2)[1]
        _assert_untouched(dovecot, clients=2)


@pytest.mark.parametrize("ssl", ["yes", "required"])
def test_a_server_that_wants_encryption_is_told_nothing_where_plain_is_set(
    gateway: Gateway, ssl: str
) -> None:
    """Dovecot trusts clients that come from the very address it listens at, so it is another."""
    address = "127.0.0.2"
    with (
        gateway.dovecot(USERS, gateway.tls, cleartext=False, ssl=ssl, listen=address) as dovecot,
        gateway.bridge_by(dovecot, PLAIN, host=address) as bridge,
    ):
        assert _tell(gateway, PLAIN, "hers") == _all(PLAIN, TRY_LATER)
        imap, pop3 = bridge.decisions(2)
        assert "LOGINDISABLED" in imap
        assert "neither USER nor SASL PLAIN" in pop3
        _assert_untouched(dovecot, clients=2)


@contextlib.contextmanager
def _mailbox_open(dovecot: Dovecot, way: Way) -> Iterator[None]:
    """Keep a session of Alice's own mail program."""
    port = dovecot.ports[way.protocol][way.security]
    if way.protocol == "imap":
        with imaplib.IMAP4(LOOPBACK, port) as imap:
            imap.login(way.login("alice"), "hers")
            yield
        return
    pop3 = poplib.POP3(LOOPBACK, port)
    try:
        pop3.user(way.login("alice"))
        pop3.pass_("hers")
        yield
    finally:
        pop3.quit()


@pytest.mark.parametrize("in_use_is_success", [False, True])
def test_a_pop3_mailbox_in_use_means_what_the_settings_say(
    gateway: Gateway, *, in_use_is_success: bool
) -> None:
    """Dovecot allows one session for an address, and has checked the password before it counts.

    Debian's updates of 2.3 differ in how they call that, [IN-USE] or [SYS/TEMP]; 2.4 gives it no
    code, and so leaves open what it means.
    """
    with (
        gateway.dovecot(USERS, mail_max_userip_connections="1") as dovecot,
        gateway.bridge_by(dovecot, [POP3], in_use_is_success=in_use_is_success) as bridge,
        _mailbox_open(dovecot, POP3),
    ):
        assert _tell(gateway, (POP3,), "wrong") == _all((POP3,), WRONG)
        replies = _tell(gateway, (POP3,), "hers")
        said = re.search(r'reason="-ERR (\[[A-Z/-]+\] )?Maximum number', bridge.decisions(2)[1])
        assert said is not None
        known = {"[IN-USE] ", "[SYS/TEMP] "} if dovecot.version.startswith("2.3.") else {None}
        assert said[1] in known
        expected = ACCEPTED if said[1] == "[IN-USE] " and in_use_is_success else TRY_LATER
        assert replies == _all((POP3,), expected)


def test_too_many_imap_sessions_are_try_later(gateway: Gateway) -> None:
    with (
        gateway.dovecot(USERS, mail_max_userip_connections="1") as dovecot,
        gateway.bridge_by(dovecot, [IMAP]) as bridge,
        _mailbox_open(dovecot, IMAP),
    ):
        assert _tell(gateway, (IMAP,), "hers") == _all((IMAP,), TRY_LATER)
        assert "NO [" in bridge.decisions(1)[0]


def test_a_locked_maildrop_is_try_later_until_it_is_free(gateway: Gateway) -> None:
    """Dovecot waits ten seconds for the lock before it says so: longer than Postfix would."""
    with (
        gateway.dovecot(USERS, pop3_lock_session="yes") as dovecot,
        gateway.bridge_by(dovecot, [POP3]),
    ):
        with _mailbox_open(dovecot, POP3):
            assert _tell(gateway, (POP3,), "hers") == _all((POP3,), TRY_LATER)
        assert _tell(gateway, (POP3,), "hers") == _all((POP3,), ACCEPTED)


def test_leave_is_taken_so_that_no_maildrop_stays_locked(gateway: Gateway) -> None:
    with (
        gateway.dovecot(USERS, gateway.tls, pop3_lock_session="yes") as dovecot,
        gateway.bridge_by(dovecot, ALL),
    ):
        for _ in range(3):
            assert _tell(gateway, ALL, "hers") == _all(ALL, ACCEPTED)
        log = dovecot.log_with(": Disconnected: Logged out", 3 * len(ALL))
        assert log.count("Disconnected: ") == 3 * len(ALL)


def test_leave_is_taken_after_a_refusal(gateway: Gateway) -> None:
    with gateway.dovecot(USERS, gateway.tls) as dovecot, gateway.bridge_by(dovecot, ALL):
        assert _tell(gateway, ALL, "wrong") == _all(ALL, WRONG)
        dovecot.log_with(r"out \(auth failed, 1 attempts", len(ALL))
