"""The carrier and servers that are silent, elsewhere, or no longer wanted."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from lab.asking import (
    ASKING,
    GOOD,
    GREETING,
    NAME,
    NO_IR_GREETING,
    Contexts,
    Sides,
    open_sockets,
    remote,
    serving,
    settled,
    verify,
)
from lab.fake_imap import (
    Behaviour,
    FakeImap,
    Peer,
    drip,
    hang,
    hear,
    script,
)

from bridge_common.deadline import Deadline
from bridge_common.secret import Secret
from sasl_bridge.dialogue.imap import ImapDialogue
from sasl_bridge.dialogue.interface import Dialogue
from sasl_bridge.passdb.addresses import Addresses
from sasl_bridge.passdb.remote import RemotePassdb
from sasl_bridge.verdict import Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE


# Silence


@pytest.mark.parametrize(
    ("behave", "reason", "sent"),
    [
        (script(hang), "no greeting from 127.0.0.1 port {port} within 0.2 s", False),
        (script(b"* OK ready\r\n", hear, hang), "no answer to CAPABILITY within 0.2 s", False),
        (script(NO_IR_GREETING, hear, hang), "no leave to send the password within 0.2 s", False),
        (
            script(NO_IR_GREETING, hear, b"+ \r\n", hear, hang),
            "no answer to the login within 0.2 s",
            True,
        ),
        (script(GREETING, hear, hang), "no answer to the login within 0.2 s", True),
        (
            script(drip((GREETING[at : at + 1] for at in range(99)), 0.02), hang),
            "no greeting from 127.0.0.1 port {port} within 0.2 s",
            False,
        ),
    ],
    ids=["greeting", "capability", "leave", "answer", "answer-at-once", "drip"],
)
async def test_silence(sides: Sides, behave: Behaviour, reason: str, sent: bool) -> None:
    async with serving(behave, sides.server) as server:
        answer = await verify(remote(server.port, sides.client), seconds=0.2)
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, reason.format(port=server.port))
    assert answer.password_sent == sent
    assert answer.steps[0].seconds >= 0.19


async def test_silence_in_the_handshake(contexts: Contexts) -> None:
    async with serving(script(hang)) as server:
        answer = await verify(remote(server.port, contexts.client), seconds=0.2)
    expected = f"no TLS handshake with 127.0.0.1 port {server.port} within 0.2 s"
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, expected)
    assert not answer.password_sent


@pytest.fixture
def full_port() -> Iterator[int]:
    """Listen on a port that lets nobody in any more: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_silence_of_the_network(full_port: int) -> None:
    sockets = open_sockets()
    answer = await verify(remote(full_port), seconds=0.2)
    expected = f"no connection to 127.0.0.1 port {full_port} within 0.2 s"
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, expected)
    await settled(lambda: open_sockets() == sockets)


async def test_silence_of_the_resolver() -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def lookup(*_: object, **__: object) -> list[Any]:
        asyncio.run_coroutine_threadsafe(ended.wait(), loop).result()
        return []

    passdb = remote(1, host=NAME, addresses=Addresses(NAME, lookup=lookup))
    answer = await passdb.verify(ASKING, Deadline.after(0.2))
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, f"no address for {NAME} within 0.2 s")
    ended.set()


async def test_no_time_at_all() -> None:
    async with serving(GOOD) as server:
        answer = await verify(remote(server.port), seconds=0.0)
    assert answer.verdict is UNAVAILABLE
    assert not server.heard


# No longer wanted


# What a server is doing, what it has heard by then, and whether leave is taken of it: not before
# its greeting, and not in the middle of a command.
ENDINGS = {
    "greeting": (script(b"* O", hang), b"", False),
    "capability": (script(b"* OK ready\r\n", hear, hang), b"1 CAPABILITY\r\n", True),
    "leave": (script(NO_IR_GREETING, hear, hang), b"1 AUTHENTICATE PLAIN\r\n", False),
    "answer": (script(GREETING, hear, hang), b"1 AUTHENTICATE PLAIN AG", True),
}


def leave_was_taken(server: FakeImap) -> bool:
    """Say so; nothing may stand between what the server waited for and LOGOUT."""
    (peer,) = server.peers
    return peer.heard.endswith(b"2 LOGOUT\r\n") and peer.heard.count(b"\r\n") == 2


@pytest.mark.parametrize(("behave", "heard", "leave"), ENDINGS.values(), ids=ENDINGS)
async def test_leave_is_taken_of_a_server_that_is_too_slow(
    sides: Sides, behave: Behaviour, heard: bytes, leave: bool
) -> None:
    """A POP3 server would keep the maildrop locked otherwise."""
    async with serving(behave, sides.server) as server:
        await verify(remote(server.port, sides.client), seconds=0.2)
    assert heard in server.heard
    assert leave_was_taken(server) == leave
    assert server.peers[0].left or not leave


@pytest.mark.parametrize(("behave", "heard", "leave"), ENDINGS.values(), ids=ENDINGS)
async def test_a_cancelled_login_leaves_nothing(
    sides: Sides, behave: Behaviour, heard: bytes, leave: bool
) -> None:
    async with serving(behave, sides.server) as server:
        passdb = remote(server.port, sides.client)
        dialogues = note_dialogues(passdb)
        task = asyncio.create_task(passdb.verify(ASKING, Deadline.after(5.0)))
        await settled(lambda: bool(dialogues and (dialogues[0].greeted or begun(dialogues[0]))))
        await settled(lambda: heard in server.heard)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert leave_was_taken(server) == leave


async def test_a_login_cancelled_in_the_handshake_leaves_nothing(contexts: Contexts) -> None:
    async with serving(script(hang)) as server:
        passdb = remote(server.port, contexts.client)
        task = asyncio.create_task(passdb.verify(ASKING, Deadline.after(5.0)))
        await settled(lambda: bool(server.heard))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert server.heard.startswith(b"\x16\x03")


async def test_a_server_that_reads_nothing_holds_up_nobody(sides: Sides) -> None:
    """Its leave is written, and if it does not take it in, the connection is cut all the same."""
    held = threading.Event()

    def behave(peer: Peer) -> None:
        script(GREETING)(peer)
        held.wait(10)

    with FakeImap(behave, sides.server) as server:
        sockets = open_sockets()
        answer = await verify(remote(server.port, sides.client), seconds=0.2)
        assert answer.verdict is UNAVAILABLE
        await settled(lambda: open_sockets() == sockets + 1, seconds=0.5)  # the server's own end
        held.set()


def note_dialogues(passdb: RemotePassdb) -> list[ImapDialogue]:
    """Return a list of the dialogues that it will have."""
    dialogues: list[ImapDialogue] = []
    begin = passdb._begin_dialogue

    def begin_noted(login: str, password: Secret) -> Dialogue:
        dialogue = begin(login, password)
        assert isinstance(dialogue, ImapDialogue)
        dialogues.append(dialogue)
        return dialogue

    passdb._begin_dialogue = begin_noted
    return dialogues


def begun(dialogue: ImapDialogue) -> bool:
    """Whether a part of a line was received."""
    return bool(dialogue._lines._buffer)


async def test_cancelling_at_any_moment_leaves_nothing(contexts: Contexts) -> None:
    """After each turn of the loop, from the first one to the answer."""
    async with serving(GOOD, contexts.server) as server:
        passdb = remote(server.port, contexts.client)
        for turns in range(40):
            asking = passdb.verify(ASKING, Deadline.after(5.0))
            task = asyncio.create_task(asking)
            for _ in range(turns):
                await asyncio.sleep(0.0005 if turns % 2 else 0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                assert (await task).verdict is ACCEPTED
