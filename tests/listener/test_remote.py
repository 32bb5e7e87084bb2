"""The carrier and a server on a real socket: what it makes of what the server says."""

import asyncio
import threading

import pytest
from lab.asking import (
    ASKING,
    GOOD,
    GREETING,
    NAME,
    Contexts,
    Sides,
    open_sockets,
    remote,
    serving,
    settled,
    verify,
)
from lab.fake_imap import (
    FULL,
    Behaviour,
    FakeImap,
    Peer,
    hang,
    hear,
    mailboxes,
    reset,
    script,
)

from bridge_common.deadline import Deadline
from bridge_common.identity import Identity, LoginForm
from sasl_bridge.dialogue.imap import ImapDialogue
from sasl_bridge.passdb.conversation import Conversation, Tls
from sasl_bridge.passdb.remote import expand_login
from sasl_bridge.verdict import Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE


# A server that does what it should


@pytest.mark.parametrize("announce", [True, False], ids=["in-greeting", "on-request"])
@pytest.mark.parametrize(
    "capabilities", [FULL, "IMAP4rev1 AUTH=PLAIN", "IMAP4rev1", "IMAP4rev1 LITERAL+"]
)
@pytest.mark.parametrize("password", [b"secret", 'p "ä\\{5+} '.encode()], ids=["plain", "strange"])
async def test_right_and_wrong_passwords(
    contexts: Contexts, capabilities: str, password: bytes, announce: bool
) -> None:
    behave = mailboxes({"alice@example.com": password}, capabilities, announce=announce)
    async with serving(behave, contexts.server) as server:
        passdb = remote(server.port, contexts.client)
        right = await verify(passdb, password=password)
        wrong = await verify(passdb, password=password + b"x")
    assert (right.verdict, right.reason) == (ACCEPTED, "OK in")
    assert right.identity == "alice@example.com"
    assert right.source == "imap"
    assert right.password_sent
    assert [(s.server, s.verdict, s.detail) for s in right.steps] == [("imap", ACCEPTED, "OK in")]
    assert 0 < right.steps[0].seconds < 1
    assert (wrong.verdict, wrong.reason) == (REJECTED, "NO [AUTHENTICATIONFAILED] out")
    assert wrong.password_sent
    assert all(peer.heard.endswith(b" LOGOUT\r\n") for peer in server.peers)


async def test_without_encryption() -> None:
    async with serving(GOOD) as server:
        answer = await verify(remote(server.port))
    assert answer.verdict is ACCEPTED
    assert server.heard.endswith(b" LOGOUT\r\n")


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
        asking = ASKING
        answers = await asyncio.gather(
            *(passdb.verify(asking, Deadline.after(8.0)) for _ in range(30))
        )
    assert {answer.verdict for answer in answers} == {ACCEPTED}
    assert len(server.peers) == 30


# Nonsense


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (script(b"* PREAUTH welcome\r\n", hang), "the server greets with PREAUTH welcome"),
        (script(b"* BYE too busy\r\n"), "the server greets with BYE too busy"),
        (
            script(GREETING + b"a1 OK in\r\n", hang),
            "the server answered before it was asked",
        ),
        (
            script(GREETING, hear, b"a1 OK in\r\n", hang),
            "the server sent something else than an answer to the login",
        ),
        (
            script(GREETING, hear, b"{tag} BAD what is AGFsaWNlQGV4YW1wbGUuY29tAHNlY3JldA==\r\n"),
            "the server answers the login with (text withheld, it repeats the password)",
        ),
        (
            script(GREETING, hear, b"{tag} OK", hang_up := (lambda _peer: None)),
            "connection closed, no answer to the login came",
        ),
        (script(GREETING, hear, hang_up), "connection closed, no answer to the login came"),
        (script(hang_up), "connection closed, no greeting came"),
        (
            script(b"\x16\x03\x01\x02\x00\x01\x00\xff\r\n" * 5, hang),
            "the server sent a malformed line",
        ),
        (
            script(b"x" * 10_485_760, hang),
            "the server sent a line of more than 8192 bytes",
        ),
        (
            script(GREETING, hear, b"* OK wait\r\n" * 1_000_000, hang),
            "the server sent more than 65536 bytes",
        ),
    ],
    ids=[
        *("preauth", "bye", "early-ok", "wrong-tag", "echo", "cut", "hangup", "hangup-at-once"),
        *("garbage", "endless-line", "endless-lines"),
    ],
)
async def test_nonsense(sides: Sides, behave: Behaviour, reason: str) -> None:
    async with serving(behave, sides.server) as server:
        answer = await verify(remote(server.port, sides.client))
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, reason)


async def test_a_reset(sides: Sides) -> None:
    async with serving(script(GREETING, hear, reset), sides.server) as server:
        answer = await verify(remote(server.port, sides.client))
    assert answer.verdict is UNAVAILABLE
    assert answer.reason == (
        f"connection reset by 127.0.0.1 port {server.port}, no answer to the login came"
    )
    assert answer.password_sent


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
        dialogue = ImapDialogue("alice", ASKING.password, tag_prefix="T", encrypted=True)
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
    with FakeImap(behave, sides.server) as server:
        sockets = open_sockets()
        answer = await verify(remote(server.port, sides.client))
        assert answer.verdict is ACCEPTED
        await settled(lambda: open_sockets() == sockets + 1, seconds=0.5)  # the server's own end
        held.set()
