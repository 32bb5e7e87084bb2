"""The carrier and TLS that is begun in the dialogue: STARTTLS, STLS.

Whoever sits between may say anything before TLS; nothing of the login is said to them, and nothing
that they said counts afterwards.
"""

import asyncio
import re
import threading
from dataclasses import dataclass
from typing import Any, cast

import pytest
from lab.asking import Asked, Channel, Contexts, told_the_password
from lab.fake_server import (
    Peer,
    Step,
    hang,
    hear,
    hear_hello,
    reset,
    script,
    start_tls,
    stop_writing,
)
from lab.leftovers import settled
from lab.stages import Protocol

from bridge_common.network.tls import Tls
from sasl_bridge.dialogue.interface import Security
from sasl_bridge.passdb import remote
from sasl_bridge.passdb.conversation import Conversation
from sasl_bridge.verdict import Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE

IMAP_GREETING = b"* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] ready\r\n"
POP3_LIST = b"+OK\r\nSTLS\r\nSASL PLAIN\r\nUSER\r\n.\r\n"


@pytest.fixture(params=["tls"])
def security(request: pytest.FixtureRequest) -> Security:
    """Nearly everything here begins unencrypted."""
    return cast("Security", request.param)


def clear_words(asked: Asked) -> bytes:
    """Return what we said unencrypted; the hello is no word."""
    return without_random_tags(asked.server.in_the_clear.partition(b"\x16\x03")[0])


def without_random_tags(said: bytes) -> bytes:
    """Return it with T for the tags."""
    return re.sub(rb"(?m)^[0-9a-f]{8}\d (?=[A-Z])", b"T ", said)


@dataclass(frozen=True)
class Case:
    """What a server does without TLS, what the log says, and what we said unencrypted."""

    protocol: Protocol
    steps: tuple[Step, ...]
    reason: str
    said: bytes


# No TLS, no login

NO_TLS = {
    "imap-not-offered": Case(
        "imap",
        (b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n",),
        "the server does not offer STARTTLS",
        b"T LOGOUT\r\n",
    ),
    "imap-refused": Case(
        "imap",
        (IMAP_GREETING, hear, b"{tag} NO not today\r\n"),
        "the server refuses STARTTLS: NO not today",
        b"T STARTTLS\r\nT LOGOUT\r\n",
    ),
    "imap-unknown": Case(
        "imap",
        (IMAP_GREETING, hear, b"{tag} BAD what?\r\n"),
        "the server refuses STARTTLS: BAD what?",
        b"T STARTTLS\r\nT LOGOUT\r\n",
    ),
    "imap-leave-for-somebody-else": Case(
        "imap",
        (IMAP_GREETING, hear, b"a1 OK begin TLS now\r\n"),
        "the server sent something else than the answer to STARTTLS",
        b"T STARTTLS\r\n",
    ),
    "imap-leave-before-it-was-asked": Case(
        "imap",
        (IMAP_GREETING + b"a1 OK begin TLS now\r\n",),
        "the server answered before it was asked",
        b"T LOGOUT\r\n",
    ),
    "imap-preauth": Case(
        "imap",
        (b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome\r\n",),
        "the server greets with PREAUTH welcome",
        b"T LOGOUT\r\n",
    ),
    "imap-preauth-later": Case(
        "imap",
        (IMAP_GREETING, hear, b"* PREAUTH welcome\r\n"),
        "the server said PREAUTH welcome",
        b"T STARTTLS\r\n",
    ),
    "imap-injected": Case(
        "imap",
        (IMAP_GREETING, hear, b"{tag} OK begin TLS now\r\n* OK [ALERT] call us\r\n"),
        "the server went on unencrypted behind its leave to begin TLS",
        b"T STARTTLS\r\n",
    ),
    "imap-injected-half-a-line": Case(
        "imap",
        (IMAP_GREETING, hear, b"{tag} OK begin TLS now\r\n*"),
        "the server went on unencrypted behind its leave to begin TLS",
        b"T STARTTLS\r\n",
    ),
    "imap-goes-on-without": Case(
        "imap",
        (IMAP_GREETING, hear, b"{tag} OK begin TLS now\r\n", hear_hello, b"* OK hello\r\n"),
        "127.0.0.1 port N does not speak TLS",
        b"T STARTTLS\r\n",
    ),
    "pop3-not-offered": Case(
        "pop3",
        (b"+OK ready\r\n", hear, b"+OK\r\nUSER\r\n.\r\n"),
        "the server does not offer STLS",
        b"CAPA\r\nQUIT\r\n",
    ),
    "pop3-older-than-capa": Case(
        "pop3",
        (b"+OK ready\r\n", hear, b"-ERR what?\r\n"),
        "the server does not offer STLS",
        b"CAPA\r\nQUIT\r\n",
    ),
    "pop3-refused": Case(
        "pop3",
        (b"+OK ready\r\n", hear, POP3_LIST, hear, b"-ERR not today\r\n"),
        "the server refuses STLS: -ERR not today",
        b"CAPA\r\nSTLS\r\nQUIT\r\n",
    ),
    "pop3-leave-before-it-was-asked": Case(
        "pop3",
        (b"+OK ready\r\n", hear, POP3_LIST + b"+OK begin TLS now\r\n"),
        "the server answered before it was asked",
        b"CAPA\r\nQUIT\r\n",
    ),
    "pop3-injected": Case(
        "pop3",
        (b"+OK ready\r\n", hear, POP3_LIST, hear, b"+OK begin TLS now\r\n+OK\r\n.\r\n+OK\r\n"),
        "the server went on unencrypted behind its leave to begin TLS",
        b"CAPA\r\nSTLS\r\n",
    ),
    "pop3-goes-on-without": Case(
        "pop3",
        (b"+OK ready\r\n", hear, POP3_LIST, hear, b"+OK go\r\n", hear_hello, b"+OK hello\r\n"),
        "127.0.0.1 port N does not speak TLS",
        b"CAPA\r\nSTLS\r\n",
    ),
}


@pytest.mark.parametrize("case", NO_TLS.values(), ids=NO_TLS)
async def test_without_tls_nothing_of_the_login_is_said(contexts: Contexts, case: Case) -> None:
    channel = Channel(case.protocol, "tls", contexts)
    asked = await channel.ask(script(*case.steps, hang))
    assert (asked.answer.verdict, asked.reason) == (UNAVAILABLE, case.reason)
    assert clear_words(asked) == case.said
    assert not asked.answer.password_sent


# Between the leave and our hello

INTERLUDES: dict[str, tuple[Step, str]] = {
    "words": (b"* OK hello\r\n", "127.0.0.1 port N spoke or hung up before TLS"),
    "half-a-word": (b"+", "127.0.0.1 port N spoke or hung up before TLS"),
    "end": (stop_writing, "127.0.0.1 port N spoke or hung up before TLS"),
    "reset": (reset, "connection reset by 127.0.0.1 port N"),
}


@pytest.mark.parametrize(("step", "reason"), INTERLUDES.values(), ids=INTERLUDES)
async def test_what_happens_between_leave_and_hello(
    channel: Channel, monkeypatch: pytest.MonkeyPatch, step: Step, reason: str
) -> None:
    """It came in a segment of its own, before anything was encrypted: no hello follows."""
    begun = threading.Event()

    class Unhurried(Conversation):
        async def _encrypt(self, raw: asyncio.Transport, tls: Tls) -> asyncio.Transport:
            begun.set()
            await settled(lambda: bool(self._held) or raw.is_closing())
            return await super()._encrypt(raw, tls)

    monkeypatch.setattr(remote, "Conversation", Unhurried)
    leave = next(stage for stage in channel.stages if stage.name == "tls-answer")

    def wait_for_the_moment(_: Peer) -> None:
        begun.wait(5)

    asked = await channel.ask(
        channel.failing_at(leave, leave.said, wait_for_the_moment, step, hang)
    )
    assert (asked.answer.verdict, asked.reason) == (UNAVAILABLE, reason)
    assert b"\x16\x03" not in asked.server.in_the_clear
    assert not told_the_password(asked.server.heard)


# With TLS

CHANGES = {
    "imap-login-disabled-before": (
        "imap",
        {"unencrypted": "IMAP4rev1 STARTTLS LOGINDISABLED", "capabilities": "IMAP4rev1 AUTH=PLAIN"},
        (ACCEPTED, b"T AUTHENTICATE PLAIN"),
    ),
    "imap-plain-only-before": (
        "imap",
        {"unencrypted": "IMAP4rev1 STARTTLS SASL-IR AUTH=PLAIN", "capabilities": "IMAP4rev1"},
        (ACCEPTED, b'T LOGIN "alice@example.com" "secret"'),
    ),
    "imap-plain-only-before-and-no-login": (
        "imap",
        {"unencrypted": "IMAP4rev1 STARTTLS AUTH=PLAIN", "capabilities": "IMAP4rev1 LOGINDISABLED"},
        (UNAVAILABLE, b"T LOGOUT"),
    ),
    "imap-id-only-before": (
        "imap",
        {"unencrypted": "IMAP4rev1 STARTTLS ID", "capabilities": "IMAP4rev1 AUTH=PLAIN"},
        (ACCEPTED, b"T AUTHENTICATE PLAIN"),
    ),
    "imap-id-only-in-tls": (
        "imap",
        {"unencrypted": "IMAP4rev1 STARTTLS", "capabilities": "IMAP4rev1 ID AUTH=PLAIN"},
        (ACCEPTED, b'T ID ("x-originating-ip" "192.0.2.7")'),
    ),
    "pop3-no-login-before": (
        "pop3",
        {"unencrypted": ("STLS",), "capabilities": ("SASL PLAIN",)},
        (ACCEPTED, b"AUTH PLAIN"),
    ),
    "pop3-plain-only-before": (
        "pop3",
        {"unencrypted": ("STLS", "SASL PLAIN"), "capabilities": ("USER",)},
        (ACCEPTED, b"USER alice@example.com"),
    ),
    "pop3-no-login-in-tls": (
        "pop3",
        {"unencrypted": ("STLS", "USER", "SASL PLAIN"), "capabilities": ("UIDL",)},
        (UNAVAILABLE, b"QUIT"),
    ),
    "pop3-xclient": (
        "pop3",
        {"xclient": True},
        (ACCEPTED, b"XCLIENT ADDR=192.0.2.7"),
    ),
}


@pytest.mark.parametrize(("protocol", "keys", "expected"), CHANGES.values(), ids=CHANGES)
async def test_what_was_announced_before_tls_does_not_count(
    contexts: Contexts, protocol: Protocol, keys: dict[str, Any], expected: tuple[Verdict, bytes]
) -> None:
    """The first thing said behind the capabilities follows from those that came over TLS."""
    channel = Channel(protocol, "tls", contexts)
    asked = await channel.ask(channel.good(**keys))
    encrypted = without_random_tags(asked.peer.heard.removeprefix(asked.peer.in_the_clear))
    capabilities, said = encrypted.splitlines()[:2]
    assert capabilities == (b"T CAPABILITY" if protocol == "imap" else b"CAPA")
    assert (asked.answer.verdict, said) == expected
    assert clear_words(asked).endswith(b"STARTTLS\r\n" if protocol == "imap" else b"STLS\r\n")
    assert not told_the_password(asked.peer.in_the_clear)
    assert channel.took_leave(asked.peer)


@pytest.mark.parametrize("security", ["ssl"], indirect=True)
async def test_tls_is_not_begun_twice(channel: Channel) -> None:
    """A server may announce STARTTLS where TLS began with the connection."""
    offers: dict[Protocol, Any] = {
        "imap": {"capabilities": "IMAP4rev1 STARTTLS AUTH=PLAIN"},
        "pop3": {"capabilities": ("STLS", "SASL PLAIN")},
    }
    asked = await channel.ask(channel.good(**offers[channel.protocol]))
    assert asked.answer.verdict is ACCEPTED


async def test_unasked_lines_behind_the_handshake(contexts: Contexts) -> None:
    """They are untagged, and in TLS: nobody else can have said them."""
    channel = Channel("imap", "tls", contexts)
    asked = await channel.ask(
        script(
            *(IMAP_GREETING, hear, b"{tag} OK\r\n", start_tls(contexts.server)),
            *(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n* OK welcome\r\n", hear),
            *(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n{tag} OK\r\n", hear, b"+ \r\n", hear),
            *(b"{tag} OK in\r\n", hang),
        )
    )
    assert asked.answer.verdict is ACCEPTED
    assert channel.took_leave(asked.peer)
