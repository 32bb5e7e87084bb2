"""The carrier and a good server on a real socket: right and wrong passwords, and taking leave."""

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from lab.asking import (
    ASKING,
    GOOD,
    GREETING,
    NAME,
    Channel,
    Contexts,
    Sides,
    remote,
    serving,
    verify,
)
from lab.fake_imap import mailboxes
from lab.fake_server import FakeServer, Peer, hang, hear, script
from lab.leftovers import open_sockets, settled

from bridge_common.deadline import Deadline
from bridge_common.identity import Identity, LoginForm
from bridge_common.network.tls import Tls
from sasl_bridge.dialogue.imap import ImapDialogue
from sasl_bridge.dialogue.interface import Attempt, DialogueRules
from sasl_bridge.passdb.conversation import Conversation
from sasl_bridge.passdb.remote import expand_login
from sasl_bridge.verdict import Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE


# A server that does what it should


OFFERS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "imap": {
        "full": {},
        "on request": {"announce": False},
        "plain with two turns": {"capabilities": "IMAP4rev1 AUTH=PLAIN"},
        "login": {"capabilities": "IMAP4rev1"},
        "login with literals": {"capabilities": "IMAP4rev1 LITERAL+"},
        "id": {"capabilities": "IMAP4rev1 ID AUTH=PLAIN"},
    },
    "pop3": {
        "full": {},
        "plain": {"capabilities": ("SASL PLAIN",)},
        "user": {"capabilities": ("USER",)},
        "older than CAPA": {"capabilities": None},
        "xclient": {"xclient": True},
    },
}
ANSWERS = {
    "imap": ((ACCEPTED, "OK in"), (REJECTED, "NO [AUTHENTICATIONFAILED] out")),
    "pop3": ((ACCEPTED, "+OK in"), (REJECTED, "-ERR [AUTH] out")),
}


@pytest.mark.parametrize("password", [b"secret", 'p "ä\\{5+} '.encode()], ids=["plain", "strange"])
async def test_right_and_wrong_passwords(channel: Channel, password: bytes) -> None:
    for offer, keys in OFFERS[channel.protocol].items():
        behave = channel.good(**keys, password=password)
        async with channel.serving(behave) as server:
            passdb = channel.remote(server.port, forward_client=True)
            right = await verify(passdb, password=password, client="192.0.2.7")
            wrong = await verify(passdb, password=password + b"x", client="192.0.2.7")
        answers = tuple((answer.verdict, answer.reason) for answer in (right, wrong))
        assert answers == ANSWERS[channel.protocol], offer
        assert right.password_sent
        assert wrong.password_sent
        assert all(channel.took_leave(peer) for peer in server.peers)


async def test_what_an_answer_holds() -> None:
    async with serving(GOOD) as server:
        answer = await verify(remote(server.port))
    assert (answer.verdict, answer.identity, answer.source) == (
        ACCEPTED,
        "alice@example.com",
        "imap",
    )
    (step,) = answer.steps
    assert (step.server, step.verdict, step.detail) == ("imap", ACCEPTED, "OK in")
    assert 0 < step.seconds < 1


async def test_tags_cannot_be_foreseen() -> None:
    async with serving(GOOD) as server:
        await verify(remote(server.port))
        await verify(remote(server.port))
    first, second = (peer.heard.partition(b" ")[0] for peer in server.peers)
    assert first != second
    assert len(first) == len("0123abcd1")


@pytest.mark.parametrize(
    ("login_format", "login"),
    [
        ("{login}", "alice@example.com"),
        ("{local}", "alice"),
        ("{domain}/{local}", "example.com/alice"),
        ("{{local}}{other}", "{alice}{other}"),
    ],
)
async def test_the_login_as_the_server_knows_it(login_format: str, login: str) -> None:
    async with serving(mailboxes({login: b"secret"})) as server:
        answer = await verify(remote(server.port, login_format=login_format))
    assert answer.verdict is ACCEPTED
    assert answer.identity == "alice@example.com"


def test_what_a_login_holds_is_not_expanded_again() -> None:
    strange = Identity("{domain}", "example.com", LoginForm.ADDRESS)
    assert expand_login("{local}+{login}", strange) == "{domain}+{domain}@example.com"


async def test_many_at_once(contexts: Contexts) -> None:
    async with serving(GOOD, contexts.server) as server:
        passdb = remote(server.port, contexts.client)
        answers = await asyncio.gather(
            *(passdb.verify(ASKING, Deadline.after(8.0)) for _ in range(30))
        )
    assert {answer.verdict for answer in answers} == {ACCEPTED}
    assert len(server.peers) == 30


# Leave


async def test_leave_is_taken_in_due_form(sides: Sides) -> None:
    async with serving(script(GREETING, hear, b"{tag} OK in\r\n", hang), sides.server) as server:
        assert (await verify(remote(server.port, sides.client))).verdict is ACCEPTED
    assert server.heard.endswith(b"2 LOGOUT\r\n")
    assert server.peers[0].left


async def test_leave_is_taken_even_if_the_conversation_is_ended_at_once(sides: Sides) -> None:
    """On either loop, what was written is on its way before the connection is cut off."""

    class Hasty(Conversation):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.outcome.done():
                self.end()

    tls = Tls(sides.client, NAME) if sides.client else None
    async with serving(script(GREETING, hear, b"{tag} OK in\r\n", hang), sides.server) as server:
        dialogue = ImapDialogue(Attempt("alice", ASKING.password), DialogueRules(), tag_prefix="T")
        conversation = Hasty(dialogue, "127.0.0.1", server.port, tls)
        await conversation.open()
        assert (await conversation.outcome).verdict is ACCEPTED
    assert server.heard.endswith(b"T2 LOGOUT\r\n")
    assert server.peers[0].left


async def test_nobody_waits_for_a_server_to_let_go(sides: Sides) -> None:
    """Our end is closed at once, whether or not LOGOUT is ever read."""

    def behave(peer: Peer) -> None:
        script(GREETING, hear, b"{tag} OK in\r\n")(peer)
        held.wait(10)

    held = threading.Event()
    with FakeServer(behave, sides.server) as server:
        sockets = len(open_sockets())
        answer = await verify(remote(server.port, sides.client))
        assert answer.verdict is ACCEPTED
        # What remains is the server's own end.
        await settled(lambda: len(open_sockets()) == sockets + 1, seconds=0.5)
        held.set()
