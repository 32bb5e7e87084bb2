"""Moments of a connection that no server can bring about; the rest is in test_remote*.py."""

import asyncio
import errno
import ssl
from typing import Any

import pytest
from lab.asking import GOOD, GREETING, remote, serving, verify
from lab.fake_server import hang, hear, script

from bridge_common.network.tls import Tls
from bridge_common.network.trouble import UnreachableError
from bridge_common.secret import Secret
from sasl_bridge.dialogue.imap import ImapDialogue
from sasl_bridge.dialogue.interface import Attempt, Dialogue, DialogueRules, Outcome
from sasl_bridge.passdb.conversation import Conversation
from sasl_bridge.verdict import Answer, Verdict

TLS = Tls(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "mail.example.com")


def dialogue() -> Dialogue:
    return ImapDialogue(Attempt("alice", Secret(b"secret")), DialogueRules(), tag_prefix="T")


@pytest.mark.parametrize("early", [b"* OK [CAPABILITY IMAP4rev1] ready\r\n", b""])
async def test_what_comes_before_tls_is_not_heard(early: bytes) -> None:
    """Injected words, or an end: no handshake follows, and nothing is said."""
    async with serving(GOOD) as server:
        conversation = Conversation(dialogue(), "127.0.0.1", server.port, TLS)
        if early:
            conversation.data_received(early)
        else:
            conversation.eof_received()
        expected = rf"^127\.0\.0\.1 port {server.port} spoke or hung up before TLS$"
        with pytest.raises(UnreachableError, match=expected):
            await conversation.open()
        conversation.end()
    assert server.heard == b""


async def test_what_comes_before_the_channel_is_ready_is_heard_then() -> None:
    async with serving(GOOD) as server:
        conversation = Conversation(dialogue(), "127.0.0.1", server.port, None)
        conversation.data_received(b"* PREAUTH ")
        conversation.data_received(b"hello\r\n")
        conversation.eof_received()
        with pytest.raises(UnreachableError, match=r"^the server greets with PREAUTH hello$"):
            await conversation.open()
        assert conversation.outcome.result() == Outcome(
            Verdict.UNAVAILABLE, "the server greets with PREAUTH hello"
        )
        conversation.end()


async def test_a_connection_that_breaks_is_told_with_its_reason() -> None:
    async with serving(script(GREETING, hang)) as server:
        conversation = Conversation(dialogue(), "127.0.0.1", server.port, None)
        await conversation.open()
        conversation.connection_lost(OSError(errno.EHOSTUNREACH, "x"))
        assert conversation.outcome.result() == Outcome(
            Verdict.UNAVAILABLE,
            f"127.0.0.1 port {server.port}: No route to host, no answer to the login came",
        )
        conversation.end()


async def test_the_first_outcome_counts() -> None:
    async with serving(GOOD) as server:
        conversation = Conversation(dialogue(), "127.0.0.1", server.port, None)
        await conversation.open()
        outcome = await conversation.outcome
        assert outcome.verdict is Verdict.REJECTED
        conversation.connection_lost(OSError(errno.EHOSTUNREACH, "x"))
        assert conversation.outcome.result() is outcome
        conversation.end()


def test_a_connection_lost_in_the_moment_of_success() -> None:
    """Then asyncio hands out no transport."""

    class LosingLoop(asyncio.SelectorEventLoop):
        async def start_tls(self, *_: Any, **__: Any) -> None:
            await asyncio.sleep(0)

    async def lose() -> None:
        async with serving(GOOD) as server:
            conversation = Conversation(dialogue(), "127.0.0.1", server.port, TLS)
            with pytest.raises(ConnectionResetError):
                await conversation.open()
            conversation.end()
        assert server.heard == b""

    with asyncio.Runner(loop_factory=LosingLoop) as runner:
        runner.run(lose())


def test_a_server_that_speaks_before_tls_is_left_at_once() -> None:
    """Its words are there before the loop comes back to us."""

    class BusyLoop(asyncio.SelectorEventLoop):
        async def create_connection(self, *args: Any, **options: Any) -> Any:
            transport, protocol = await super().create_connection(*args, **options)
            while not protocol._held:
                await asyncio.sleep(0)
            return transport, protocol

    async def ask() -> Answer:
        async with serving(GOOD) as server:
            return await verify(remote(server.port, TLS.context))

    with asyncio.Runner(loop_factory=BusyLoop) as runner:
        answer = runner.run(ask())
    assert answer.verdict is Verdict.UNAVAILABLE
    assert answer.reason.endswith(" spoke or hung up before TLS")


async def test_ending_what_never_began() -> None:
    Conversation(dialogue(), "127.0.0.1", 1, None).end()


async def test_one_that_gets_ready_in_the_moment_of_the_time_out_is_the_only_one_asked() -> None:
    """The login is said by then: another address must not count it a second time."""

    class Late(Conversation):
        async def open(self) -> None:
            await super().open()
            await asyncio.Event().wait()

    async with serving(script(GREETING, hear, b"{tag} OK in\r\n", hang)) as server:
        late = Late(dialogue(), "127.0.0.1", server.port, None)
        await remote(server.port)._open(late, 0.3)
        assert (await late.outcome).verdict is Verdict.ACCEPTED
        late.end()
