"""Who may use which envelope sender, as Postfix tells the mail programs and the outsiders."""

from typing import Any

import pytest
from lab.gateway import Gateway
from lab.policed import (
    ALICE,
    BOB,
    ENFORCED,
    FOREIGN,
    INTERNET,
    TAKEN,
    envelope,
    logged_in,
    taken_as,
    told,
)
from lab.settings import sender_context, sender_exception
from lab.smtp import Reply, SmtpSession

NOT_ALICES = (553, f"5.7.1 <{BOB}>: Sender address rejected: not owned by user {ALICE}")
NOT_LOGGED_IN = (553, f"5.7.1 <{ALICE}>: Sender address rejected: not logged in")


def test_a_login_may_use_its_own_sender_and_no_other(policed: Gateway) -> None:
    with policed.policyd(**ENFORCED) as policyd, logged_in(policed) as session:
        assert told(session, ALICE) == TAKEN
        assert told(session, "Alice+lists@EXAMPLE.com") == TAKEN
        assert told(session, BOB) == NOT_ALICES
        assert told(session, FOREIGN) == (
            553,
            f"5.7.1 <{FOREIGN}>: Sender address rejected: not owned by user {ALICE}",
        )
        lines = policyd.decisions(4)
    assert f"login={ALICE} sender={ALICE} " in lines[0]
    assert "context=submission action=DUNNO" in lines[0]
    assert 'context=submission action="553 5.7.1" rule=match_login' in lines[2]


def test_port_465_asks_as_587_does(policed: Gateway) -> None:
    with policed.policyd(**ENFORCED), policed.submissions() as session:
        session.secure()
        session.plain(ALICE, "hers")
        assert told(session, ALICE) == TAKEN
        assert told(session, BOB) == NOT_ALICES


def test_all_recipients_of_a_mail_are_told_the_same_and_leave_one_line(policed: Gateway) -> None:
    with policed.policyd(**ENFORCED) as policyd, logged_in(policed) as session:
        session.say(f"MAIL FROM:<{BOB}>")
        recipients = [f"RCPT TO:<user{n}@example.net>" for n in range(5)]
        assert [session.say(line) for line in recipients] == [NOT_ALICES] * 5
        session.rset()
        told(session, ALICE)
        lines = policyd.decisions(2)
    assert [line.partition("sender=")[2].split()[0] for line in lines] == [BOB, ALICE]


def test_mail_to_postmaster_is_refused_before_its_content(policed: Gateway) -> None:
    """Postfix skips the restrictions on senders for it."""
    rejected = "5.7.1 <DATA>: Data command rejected: "
    with policed.policyd(**ENFORCED):
        with logged_in(policed) as session:
            assert to_postmaster(session, BOB, "DATA") == (
                553,
                f"{rejected}not owned by user {ALICE}",
            )
            assert to_postmaster(session, ALICE, "DATA")[0] == 354
            assert session.say(".")[0] == 250
        with policed.smtp(INTERNET) as outsider:
            assert to_postmaster(outsider, ALICE, "DATA") == (553, f"{rejected}not logged in")
            assert to_postmaster(outsider, ALICE, "BDAT 0 LAST")[0] == 553
            assert to_postmaster(outsider, FOREIGN, "BDAT 0 LAST")[0] == 250


def to_postmaster(session: SmtpSession, sender: str, content: str) -> Reply:
    """Return what is said to the command that begins the content of a mail to postmaster."""
    assert envelope(session, f"<{sender}>", "postmaster", go_on=True) is None
    reply = session.say(content)
    if reply[0] != 354:
        session.rset()
    return reply


def test_a_mail_is_one_message_until_its_content_is_there(policed: Gateway) -> None:
    with policed.policyd(**ENFORCED) as policyd, logged_in(policed) as session:
        for recipient in ("bob@example.net", "postmaster"):
            assert session.deliver(ALICE, recipient, "Subject: Hello\r\n")[0] == 250
        assert told(session, BOB)[0] == 553
        assert len(policyd.decisions(3)) == 3


def test_an_outsider_may_use_foreign_senders_and_none_of_ours(policed: Gateway) -> None:
    with policed.policyd(**ENFORCED), policed.smtp(INTERNET) as session:
        assert told(session, ALICE) == NOT_LOGGED_IN
        assert told(session, FOREIGN) == TAKEN
        assert told(session, "") == TAKEN
        assert told(session, "victim%example.com@gateway.example.com")[0] == 553


def test_an_outsider_on_port_587_is_an_outsider_too(policed: Gateway) -> None:
    with policed.policyd(**ENFORCED), policed.submission() as session:
        session.ehlo()
        session.come_from(INTERNET)
        session.secure()
        assert told(session, ALICE) == NOT_LOGGED_IN
        assert told(session, FOREIGN) == (
            554,
            f"5.7.1 <{BOB}>: Recipient address rejected: Access denied",
        )


def test_a_trusted_network_needs_no_login(policed: Gateway) -> None:
    with policed.policyd(**ENFORCED, trusted_networks=["192.0.2.0/24"]):
        with policed.smtp("192.0.2.9") as session:
            assert told(session, ALICE) == TAKEN
        with policed.smtp("192.0.3.9") as session:
            assert told(session, ALICE) == NOT_LOGGED_IN


def test_mynetworks_are_not_asked_about_on_port_25(policed: Gateway) -> None:
    """The lab's are 127.0.0.0/8; sasl-policyd, left alone, would refuse them."""
    with policed.policyd(**ENFORCED, trusted_networks=[]) as policyd:
        with policed.smtp() as session:
            assert told(session, ALICE) == TAKEN
        with policed.smtp(INTERNET) as session:
            told(session, FOREIGN)
        [line] = policyd.decisions(1)
    assert f"client={INTERNET}" in line


def test_an_exception_is_for_its_sender_from_its_clients(policed: Gateway) -> None:
    exception = sender_exception("news@example.com", "198.51.100.0/24")
    with policed.policyd(exception, **ENFORCED):
        with policed.smtp("198.51.100.20") as session:
            assert told(session, "news@example.com") == TAKEN
            assert told(session, ALICE) == NOT_LOGGED_IN
        with policed.smtp(INTERNET) as session:
            assert told(session, "news@example.com")[0] == 553


def test_the_null_sender_of_a_login_is_allowed_unless_it_is_rejected(policed: Gateway) -> None:
    with policed.policyd(**ENFORCED) as policyd, logged_in(policed) as session:
        assert told(session, "") == TAKEN
        policyd.reload(policed.sender_settings(**ENFORCED, null_sender="reject"))
        assert told(session, "") == (
            553,
            "5.7.1 <>: Sender address rejected: the null sender is not for users",
        )


def test_foreign_sender_alone_leaves_our_own_domains_to_everybody(policed: Gateway) -> None:
    with policed.policyd(foreign_sender="enforce"), logged_in(policed) as session:
        assert told(session, BOB) == TAKEN
        assert told(session, FOREIGN) == (
            553,
            f"5.7.1 <{FOREIGN}>: Sender address rejected: example.net is not one of our domains",
        )


def test_monitor_lets_pass_what_it_would_refuse_and_says_so(policed: Gateway) -> None:
    monitored: dict[str, Any] = {"match_login": "monitor", "fake_sender_control": "monitor"}
    with policed.policyd(**monitored) as policyd:
        with logged_in(policed) as session:
            assert told(session, BOB) == TAKEN
        with policed.smtp(INTERNET) as session:
            assert told(session, ALICE) == TAKEN
        lines = policyd.decisions(2)
    assert "action=DUNNO rule=match_login mode=monitor" in lines[0]
    assert "action=DUNNO rule=fake_sender_control mode=monitor" in lines[1]


def test_a_context_has_rules_of_its_own(policed: Gateway) -> None:
    """The contexts are those that the examples name."""
    inbound = sender_context("inbound", fake_sender_control="enforce")
    submission = sender_context("submission", match_login="enforce", help_text="Ask us")
    with policed.policyd(inbound, submission):
        with policed.smtp(INTERNET) as session:
            assert told(session, ALICE) == NOT_LOGGED_IN
        with policed.submission() as session:
            session.secure()
            assert told(session, ALICE)[0] == 554
            session.plain(ALICE, "hers")
            assert told(session, BOB) == (553, f"{NOT_ALICES[1]}; Ask us")


# How one address may be written: facts of Postfix's rewriting, each with what stands behind
# MAIL FROM.
FORMS = {
    "plain": "<{0}@example.com>",
    "upper case": "<{1}@EXAMPLE.COM>",
    "extension": "<{0}+lists@example.com>",
    "trailing dot": "<{0}@example.com.>",
    "bare": "<{0}>",
    "source route": "<@a.example,@b.example:{0}@example.com>",
    "comments and spaces": "<{0} (c) @ example . com>",
    "no brackets": "{0}@example.com",
    "quoted": '<"{0}"@example.com>',
    "bang": "<example.com!{0}>",
    "quoted bang": '<"example.com!{0}">',
    "percent": "<{0}%example.com>",
    "percent behind": "<{0}%example.com@gateway.example.com>",
    "bang behind": "<example.com!{0}@gateway.example.com>",
    "quoted at": '<"{0}@example.com"@gateway.example.com>',
    "quoted at, bare": '<"{0}@example.com">',
    "full-width at": "<{0}\N{FULLWIDTH COMMERCIAL AT}example.com>",
}
LEAVES_AS = {
    "plain": "alice@example.com",
    "upper case": "ALICE@EXAMPLE.COM",
    "extension": "alice+lists@example.com",
    "trailing dot": "alice@example.com",
    "bare": "alice@example.com",
    "source route": "alice@example.com",
    "comments and spaces": "alice@example.com",
    "no brackets": "alice@example.com",
    "quoted": "alice@example.com",
    "quoted at, bare": "alice@example.com",
}


@pytest.mark.parametrize("name", ["alice", "bob"])
def test_no_way_of_writing_a_sender_makes_it_the_logins(policed: Gateway, name: str) -> None:
    """What Alice may send leaves as hers; forms that may be routed elsewhere are not for her."""
    left, refused = dict[str, str](), dict[str, int]()
    with policed.policyd(**ENFORCED):
        for form, text in FORMS.items():
            # One session each: Postfix slows down who makes many errors.
            with logged_in(policed) as session:
                came = taken_as(policed, session, text.format(name, name.upper()))
            if isinstance(came, str):
                left[form] = came
            else:
                refused[form] = came[0]
    assert left == (LEAVES_AS if name == "alice" else {})
    assert refused == dict.fromkeys(FORMS.keys() - left.keys(), 553)
