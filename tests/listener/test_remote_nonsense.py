"""The carrier and servers that answer strangely: out of turn, twice, for others, with the password.

What each answer means is for the dialogues' own tests; here it goes over a socket, as it comes.
"""

import logging
from dataclasses import dataclass

import pytest
from lab.asking import Channel, Contexts
from lab.fake_server import Step, hang, hear, script
from lab.stages import Protocol

from sasl_bridge.verdict import Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE

WITHHELD = "(text withheld, it repeats the password)"

IMAP = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n"
POP3 = (b"+OK ready\r\n", hear, b"+OK\r\nSASL PLAIN\r\n.\r\n", hear)


@dataclass(frozen=True)
class Case:
    """What a server does, and what becomes of the login."""

    protocol: Protocol
    steps: tuple[Step, ...]
    verdict: Verdict
    reason: str
    sent: bool = True


CASES = {
    # The greeting
    "imap-preauth": Case(
        "imap",
        (b"* PREAUTH welcome\r\n",),
        UNAVAILABLE,
        "the server greets with PREAUTH welcome",
        sent=False,
    ),
    "imap-bye": Case(
        "imap", (b"* BYE busy\r\n",), UNAVAILABLE, "the server greets with BYE busy", sent=False
    ),
    "pop3-busy": Case(
        "pop3", (b"-ERR busy\r\n",), UNAVAILABLE, "the server greets with -ERR busy", sent=False
    ),
    "pop3-that-is-imap": Case(
        "pop3", (IMAP,), UNAVAILABLE, "the server sent a malformed line", sent=False
    ),
    "imap-that-is-pop3": Case(
        "imap", (b"+OK ready\r\n",), UNAVAILABLE, "the server sent a malformed line", sent=False
    ),
    # Too early
    "imap-ok-in-the-greeting": Case(
        "imap",
        (IMAP + b"a1 OK in\r\n",),
        UNAVAILABLE,
        "the server answered before it was asked",
        sent=False,
    ),
    "pop3-ok-in-the-greeting": Case(
        "pop3",
        (b"+OK ready\r\n+OK in\r\n",),
        UNAVAILABLE,
        "the server answered before it was asked",
        sent=False,
    ),
    "pop3-ok-behind-the-list": Case(
        "pop3",
        (b"+OK ready\r\n", hear, b"+OK\r\nSASL PLAIN\r\n.\r\n+ \r\n+OK in\r\n"),
        UNAVAILABLE,
        "the server answered before it was asked",
        sent=False,
    ),
    "pop3-ok-with-the-leave": Case(
        "pop3",
        (*POP3, b"+ \r\n+OK in\r\n"),
        UNAVAILABLE,
        "the server answered before it was asked",
        sent=False,
    ),
    "pop3-ok-instead-of-leave": Case(
        "pop3",
        (*POP3, b"+OK in\r\n"),
        UNAVAILABLE,
        "before it had the password, the server said +OK in",
        sent=False,
    ),
    # To somebody else
    "imap-tag-of-another": Case(
        "imap",
        (IMAP, hear, b"a1 OK in\r\n"),
        UNAVAILABLE,
        "the server sent something else than the answer to the login",
    ),
    "imap-untagged-ok": Case(
        "imap",
        (IMAP, hear, b"* OK in\r\n* NO out\r\n{tag} BAD what?\r\n"),
        UNAVAILABLE,
        "the server answers the login with BAD what?",
    ),
    # Twice: the first counts
    "imap-no-then-ok": Case(
        "imap", (IMAP, hear, b"{tag} NO out\r\n{tag} OK in\r\n"), REJECTED, "NO out"
    ),
    "imap-ok-then-no": Case(
        "imap", (IMAP, hear, b"{tag} OK in\r\n{tag} NO out\r\n"), ACCEPTED, "OK in"
    ),
    "pop3-no-then-ok": Case(
        "pop3",
        (*POP3, b"+ \r\n", hear, b"-ERR [AUTH] out\r\n+OK in\r\n"),
        REJECTED,
        "-ERR [AUTH] out",
    ),
    "pop3-ok-then-no": Case(
        "pop3",
        (*POP3, b"+ \r\n", hear, b"+OK in\r\n-ERR [AUTH] out\r\n"),
        ACCEPTED,
        "+OK in",
    ),
    "imap-no-and-ok-at-leave": Case(
        "imap", (IMAP, hear, b"{tag} NO out\r\n", hear, b"{tag} OK in\r\n"), REJECTED, "NO out"
    ),
    # Not a no
    "imap-bye-instead": Case(
        "imap", (IMAP, hear, b"* BYE out\r\n"), UNAVAILABLE, "the server said BYE out"
    ),
    "pop3-trouble": Case(
        "pop3",
        (*POP3, b"+ \r\n", hear, b"-ERR [SYS/TEMP] later\r\n"),
        UNAVAILABLE,
        "-ERR [SYS/TEMP] later",
    ),
    "pop3-in-use": Case(
        "pop3",
        (*POP3, b"+ \r\n", hear, b"-ERR [IN-USE] open\r\n"),
        UNAVAILABLE,
        "-ERR [IN-USE] open",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_nonsense(contexts: Contexts, case: Case) -> None:
    """Over TLS, so that what is said in one breath is one record."""
    channel = Channel(case.protocol, "ssl", contexts)
    asked = await channel.ask(script(*case.steps, hang))
    assert (asked.answer.verdict, asked.reason) == (case.verdict, case.reason)
    channel.check_secrecy(asked, sent=case.sent)


# Referrals (RFC 2221): the password goes to no server that another one names


@pytest.mark.parametrize(
    "answer",
    [b"{tag} NO [REFERRAL %b] go there\r\n", b"* BYE [REFERRAL %b] go there\r\n"],
    ids=["no", "bye"],
)
async def test_referrals_are_not_followed(contexts: Contexts, answer: bytes) -> None:
    channel = Channel("imap", "ssl", contexts)
    async with channel.serving(channel.good()) as other:
        url = b"imap://alice@127.0.0.1:%d/" % other.port
        asked = await channel.ask(script(IMAP, hear, answer % url, hang))
    assert asked.answer.verdict is UNAVAILABLE
    assert asked.answer.reason.endswith(f"[REFERRAL {url.decode()}] go there")
    assert not other.peers


# Echoes of the password

ECHOES = {
    "plain": b"you said secret",
    "quoted": b'you said "alice@example.com" "secret"',
    "base64": b"you said AGFsaWNlQGV4YW1wbGUuY29tAHNlY3JldA==",
    "in capitals": b"you said SECRET",
}
REFUSALS = {
    "imap-no": ("imap", (IMAP, hear, b"{tag} NO [AUTHENTICATIONFAILED] %b\r\n"), REJECTED),
    "imap-bad": ("imap", (IMAP, hear, b"{tag} BAD %b\r\n"), UNAVAILABLE),
    "imap-bye": ("imap", (IMAP, hear, b"* BYE %b\r\n"), UNAVAILABLE),
    "imap-wrong-tag": ("imap", (IMAP, hear, b"a1 OK %b\r\n"), UNAVAILABLE),
    "pop3-err": ("pop3", (*POP3, b"+ \r\n", hear, b"-ERR [AUTH] %b\r\n"), REJECTED),
    "pop3-leave": ("pop3", (*POP3, b"+ \r\n", hear, b"+ %b\r\n"), UNAVAILABLE),
    "pop3-rubbish": ("pop3", (*POP3, b"+ \r\n", hear, b"ERR %b\r\n"), UNAVAILABLE),
}


@pytest.mark.parametrize(("protocol", "steps", "verdict"), REFUSALS.values(), ids=REFUSALS)
async def test_no_echo_of_the_password_gets_out(
    contexts: Contexts,
    caplog: pytest.LogCaptureFixture,
    protocol: Protocol,
    steps: tuple[Step, ...],
    verdict: Verdict,
) -> None:
    caplog.set_level(logging.DEBUG)
    channel = Channel(protocol, "ssl", contexts)
    *before, answer = steps
    assert isinstance(answer, bytes)
    for echo in ECHOES.values():
        asked = await channel.ask(script(*before, answer.replace(b"%b", echo), hang))
        assert asked.answer.verdict is verdict
        for text in (repr(asked.answer), caplog.text):
            assert "secret" not in text.casefold()
            assert "Y3JldA" not in text
