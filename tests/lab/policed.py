"""A gateway whose Postfix asks sasl-policyd about senders, and what it tells those who send.

Alice and Bob log in, by a sasl-bridge and a Dovecot that run beside it; sasl-policyd is each
test's own.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from lab.certificates import make_certificates
from lab.gateway import Gateway
from lab.postfix import Postfix
from lab.processes import lab_folder
from lab.settings import tls_server
from lab.smtp import Reply, SmtpSession

ALICE = "alice@example.com"
BOB = "bob@example.com"
PASSWORDS = {ALICE: "hers", BOB: "his"}
FOREIGN = "carol@example.net"
ENFORCED: dict[str, Any] = {"match_login": "enforce", "fake_sender_control": "enforce"}
INTERNET = "203.0.113.7"

TAKEN = (250, "2.1.5 Ok")
_LATER = "The sender cannot be checked now; try again later"
CANNOT_BE_CHECKED = (451, f"4.3.0 <{ALICE}>: Sender address rejected: {_LATER}")
"""What the examples tell Alice when nobody answers."""

_MAIL = "Subject: Hello\r\n\r\nHello\r\n"


@contextlib.contextmanager
def policed_gateway(**changes: Any) -> Iterator[Gateway]:
    """Yield the gateway, Postfix and logins running; ``changes`` are those of `Postfix`."""
    with lab_folder() as folder:
        tls = make_certificates(folder)
        postfix = Postfix(folder / "postfix", tls, xclient=True, policy=True, **changes)
        gateway = Gateway(folder, tls, postfix)
        with (
            gateway.dovecot(PASSWORDS, tls) as dovecot,
            gateway.bridge(tls_server("mailboxes", dovecot, tls)),
            postfix,
        ):
            yield gateway


@contextlib.contextmanager
def logged_in(gateway: Gateway, login: str = ALICE) -> Iterator[SmtpSession]:
    """Yield a session on port 587 that has logged in."""
    with gateway.submission() as session:
        session.secure()
        assert session.plain(login, PASSWORDS[login])[0] == 235
        yield session


def told(session: SmtpSession, sender: str, recipient: str = BOB) -> Reply:
    """Return what is said to RCPT TO, or to MAIL FROM if that is refused; the mail is given up."""
    return envelope(session, f"<{sender}>", recipient) or TAKEN


def taken_as(gateway: Gateway, session: SmtpSession, sender: str) -> str | Reply:
    """Send a mail, ``sender`` as it stands behind MAIL FROM; return the sender it leaves with.

    Or the refusal.
    """
    refused = envelope(session, sender, "bob@example.net", go_on=True)
    if refused:
        return refused
    code, text = session.data(_MAIL)
    assert code == 250
    queue_id = text.decode().rpartition(" ")[2]
    begin = rf"qmgr\[\d+\]: {queue_id}: from=<"
    log = gateway.postfix.log_with(begin)
    return log.partition(f": {queue_id}: from=<")[2].partition(">")[0]


def envelope(
    session: SmtpSession, sender: str, recipient: str, *, go_on: bool = False
) -> Reply | None:
    """Say an envelope, in UTF-8; return the refusal, if there is one, and give the mail up."""
    for line in (f"MAIL FROM:{sender}", f"RCPT TO:<{recipient}>"):
        session.send(f"{line}\r\n".encode())
        code, text = session.getreply()
        if code != 250:
            session.rset()
            return code, text.decode()
    if not go_on:
        session.rset()
    return None
