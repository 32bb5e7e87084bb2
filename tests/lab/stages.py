"""A login stage by stage, as a server goes through it, so that it can go wrong at each of them.

Knows what a good server hears and says at each stage, with IMAP and POP3, in every security.
"""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lab.fake_server import Behaviour, Step, hear, hear_hello, script, start_tls
from sasl_bridge.dialogue.interface import Security

Protocol = Literal["imap", "pop3"]

IMAP_CAPABILITIES = b"* CAPABILITY IMAP4rev1 STARTTLS ID AUTH=PLAIN\r\n{tag} OK done\r\n"
POP3_CAPABILITIES = b"+OK\r\nSTLS\r\nSASL PLAIN\r\n.\r\n"


@dataclass(frozen=True)
class Stage:
    """One turn of the server: what it hears first, and what it does if it is good.

    ``awaited`` is what the client waits for meanwhile; ``leave_due``: it takes leave of a server
    that does not get beyond this stage; ``in_opening``: another address may still be tried.
    """

    name: str
    awaited: str
    hears: tuple[Step, ...]
    says: Step
    leave_due: bool = True
    in_opening: bool = True

    @property
    def said(self) -> bytes:
        """Its words, if it says any."""
        return self.says if isinstance(self.says, bytes) else b""


def stages(
    protocol: Protocol, security: Security, tls: ssl.SSLContext | None = None
) -> tuple[Stage, ...]:
    """Return the stages of a login on a connection; ``tls`` is needed where STARTTLS is used."""
    words = _imap if protocol == "imap" else _pop3
    return tuple(words(tls if security == "tls" else None))


def failing_at(stage: Stage, of: tuple[Stage, ...], *instead: Step) -> Behaviour:
    """Return a server that is good up to this stage, and does something else there."""
    good: list[Step] = []
    for one in of:
        good += one.hears
        if one.name == stage.name:
            break
        good.append(one.says)
    return script(*good, *instead)


def _imap(tls: ssl.SSLContext | None) -> Iterator[Stage]:
    capabilities = ("answer to CAPABILITY", (hear,), IMAP_CAPABILITIES)
    done = b"* ID NIL\r\n{tag} OK done\r\n"
    yield Stage("greeting", "greeting", (), b"* OK ready\r\n", leave_due=False)
    yield Stage("capabilities", *capabilities)
    if tls:
        yield Stage(
            "tls-answer", "answer to STARTTLS", (hear,), b"{tag} OK go on\r\n", leave_due=False
        )
        yield _handshake(tls)
        yield Stage("capabilities-in-tls", *capabilities)
    yield Stage("id", "answer to ID", (hear,), done, in_opening=False)
    yield from _login(b"+ \r\n", b"{tag} OK in\r\n")


def _pop3(tls: ssl.SSLContext | None) -> Iterator[Stage]:
    capabilities = ("answer to CAPA", (hear,), POP3_CAPABILITIES)
    yield Stage("greeting", "greeting", (), b"+OK [XCLIENT] ready\r\n", leave_due=False)
    yield Stage("capabilities", *capabilities)
    if tls:
        yield Stage("tls-answer", "answer to STLS", (hear,), b"+OK go on\r\n", leave_due=False)
        yield _handshake(tls)
        yield Stage("capabilities-in-tls", *capabilities)
    yield Stage("xclient", "answer to XCLIENT", (hear,), b"+OK\r\n", in_opening=False)
    yield from _login(b"+ \r\n", b"+OK in\r\n")


def _handshake(tls: ssl.SSLContext) -> Stage:
    return Stage("handshake", "TLS handshake", (hear_hello,), start_tls(tls), leave_due=False)


def _login(leave: bytes, answer: bytes) -> Iterator[Stage]:
    waits = "leave to send the password"
    yield Stage("leave", waits, (hear,), leave, leave_due=False, in_opening=False)
    yield Stage("answer", "answer to the login", (hear,), answer, in_opening=False)
