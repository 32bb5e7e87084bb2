"""Connections that are kept from one login to the next: replaced, ended, waited for."""

import asyncio
import contextlib
import socket
import threading
from typing import Any

import pytest
from lab.asking_directory import Asking, asking
from lab.fake_ldap import (
    DN,
    GOOD_SEARCH,
    NOTICE,
    Answer,
    FakeDirectory,
    Stage,
    Steps,
    bound,
    message,
    raw,
)
from lab.fake_server import Peer, hang, reset, stop_writing
from lab.leftovers import settled

from bridge_common.directory.results import Bound, Entry, Fault

HOST = Fault.HOST
BOUND = Bound(Entry(DN.decode(), {}))
GOOD: dict[Stage, Steps] = {"search": GOOD_SEARCH, "login": (bound(),)}


def end_all(ask: Asking) -> None:
    """Close the server's side of every connection that is open still."""
    for peer in ask.server.peers:
        with contextlib.suppress(OSError):
            peer.connection.shutdown(socket.SHUT_RDWR)


def once(fake: FakeDirectory, stage: Stage, *steps: Any) -> Steps:
    """Do this at one time, and be good again."""
    return (lambda _: setattr(fake, stage, GOOD[stage]), *steps)


async def test_the_next_login_goes_on_where_the_last_one_was() -> None:
    async with asking(FakeDirectory()) as ask:
        for _ in range(3):
            assert await ask.ask() == BOUND
        assert ask.asked() == [["service", "search", "login", "search", "login", "search", "login"]]
        assert len(ask.server.peers) == 2


# What ended while nobody asked


async def test_connections_that_the_server_closed_are_replaced() -> None:
    async with asking(FakeDirectory()) as ask:
        assert await ask.ask() == BOUND
        end_all(ask)
        await settled(ask.server.all_left)
        assert await ask.ask() == BOUND
        assert ask.asked() == [["service", "search", "login"] * 2]


async def test_also_when_that_is_not_yet_known() -> None:
    """The server is gone in the moment in which it is asked."""
    async with asking(FakeDirectory()) as ask:
        assert await ask.ask() == BOUND
        end_all(ask)
        assert await ask.ask() == BOUND
        assert len(ask.server.peers) == 4


UNASKED: dict[str, bytes] = {
    "a notice of disconnection": NOTICE,
    "an answer to the last request": message(1, bound()),
    "an answer to the next request": message(2, bound()),
    "no LDAP": b"421 timeout\r\n",
}


@pytest.mark.parametrize("said", UNASKED.values(), ids=UNASKED)
async def test_what_is_said_unasked_is_never_an_answer(said: bytes) -> None:
    """Neither to what was asked nor to what will be: the connection ends."""
    fake = FakeDirectory()
    async with asking(fake) as ask:
        assert await ask.ask() == BOUND
        trying = ask.server.peers[1]
        trying.say(said)
        await settled(lambda: ask.server.open_connections() == 1)
        fake.login = (bound(53),)
        assert (await ask.trouble())[0] == "Server is unwilling to perform (53)"


# What ends in the moment in which it is asked

SILENT_ENDS: dict[str, Steps] = {
    "closed": (stop_writing, hang),
    "reset": (reset,),
    "notice": (raw(NOTICE), hang),
}


@pytest.mark.parametrize("end", SILENT_ENDS.values(), ids=SILENT_ENDS)
@pytest.mark.parametrize("stage", ["search", "login"])
async def test_a_kept_connection_that_ends_without_a_byte_is_replaced(
    stage: Stage, end: Steps
) -> None:
    fake = FakeDirectory()
    async with asking(fake) as ask:
        assert await ask.ask() == BOUND
        ask.asked()
        setattr(fake, stage, once(fake, stage, *end))
        assert await ask.ask() == BOUND
        replaced = {
            "search": ["search", "service", "search", "login"],
            "login": ["search", "login", "login"],
        }
        assert ask.asked() == [replaced[stage]]


@pytest.mark.parametrize("end", SILENT_ENDS.values(), ids=SILENT_ENDS)
async def test_the_password_is_tried_once_more_at_most(end: Steps) -> None:
    fake = FakeDirectory()
    async with asking(fake) as ask:
        assert await ask.ask() == BOUND
        ask.asked()
        fake.login = end
        _, fault, sent = await ask.trouble()
        assert (fault, sent) == (HOST, True)
        assert ask.asked() == [["search", "login", "login"]]


@pytest.mark.parametrize("stage", ["search", "login"])
@pytest.mark.parametrize("byte", [b"\x30", NOTICE[:9]])
async def test_a_connection_that_ends_after_a_byte_is_trouble(stage: Stage, byte: bytes) -> None:
    """The server began to answer, so it had done something with what it was asked."""
    fake = FakeDirectory()
    async with asking(fake) as ask:
        assert await ask.ask() == BOUND
        ask.asked()
        setattr(fake, stage, (raw(byte), stop_writing, hang))
        expected = "connection closed by 127.0.0.1 port N"
        assert await ask.trouble() == (expected, HOST, stage == "login")
        assert ask.asked() == [["search", "login"][: 1 + (stage == "login")]]


async def test_an_answer_without_sense_is_trouble_on_a_kept_connection_too() -> None:
    fake = FakeDirectory()
    async with asking(fake) as ask:
        assert await ask.ask() == BOUND
        ask.asked()
        fake.login = (Answer((bound(),), ahead=1),)
        expected = "127.0.0.1 port N: an answer that nobody asked for"
        assert await ask.trouble() == (expected, HOST, True)
        assert ask.asked() == [["search", "login"]]


# Idleness


async def test_what_nobody_uses_ends() -> None:
    async with asking(FakeDirectory(), idle_seconds=0.05) as ask:
        assert await ask.ask() == BOUND
        await settled(ask.server.all_left)
        assert await ask.ask() == BOUND
        assert len(ask.server.peers) == 4


async def test_each_ends_when_it_was_idle_for_so_long() -> None:
    """First the one that nobody needs, then the one that logins came to meanwhile."""
    async with asking(FakeDirectory(), idle_seconds=0.2) as ask:
        assert list(await asyncio.gather(ask.ask(), ask.ask())) == [BOUND, BOUND]
        assert len(ask.server.peers) == 4
        (host,) = ask.directory.hosts
        while len(host._idle) > 1:
            assert await ask.ask() == BOUND
        await settled(ask.server.all_left)


async def test_what_is_in_use_does_not_end_of_idleness() -> None:
    may_answer = threading.Event()

    def answer_late(peer: Peer) -> None:
        may_answer.wait(10)
        peer.say(message(2, bound()))

    fake = FakeDirectory()
    async with asking(fake, idle_seconds=0.2) as ask:
        assert await ask.ask() == BOUND
        fake.login = (answer_late,)
        login = asyncio.create_task(ask.ask())
        await asyncio.sleep(0.5)  # longer than idle_seconds: this is what it is about
        may_answer.set()
        assert await login == BOUND
        assert len(ask.server.peers) == 2


async def test_the_one_used_last_is_used_next() -> None:
    """So that the others end of idleness."""
    async with asking(FakeDirectory()) as ask:
        await asyncio.gather(*(ask.ask() for _ in range(3)))
        first = len(ask.server.peers)
        heard = [len(peer.heard) for peer in ask.server.peers]
        for _ in range(3):
            assert await ask.ask() == BOUND
        grown = [len(peer.heard) > size for peer, size in zip(ask.server.peers, heard, strict=True)]
        assert (first, sum(grown)) == (6, 2)


# max_connections


def held() -> tuple[FakeDirectory, threading.Event]:
    """Return one that answers no password until it may."""
    may_answer = threading.Event()

    def wait(_: Peer) -> None:
        may_answer.wait(10)

    return FakeDirectory(login=(wait, bound())), may_answer


async def test_the_next_login_is_served_when_its_turn_comes() -> None:
    fake, may_answer = held()
    async with asking(fake, max_connections=1) as ask:
        first = asyncio.create_task(ask.ask())
        await settled(lambda: "login" in fake.asked)
        second = asyncio.create_task(ask.ask())
        await asyncio.sleep(0)
        may_answer.set()
        assert [await first, await second] == [BOUND, BOUND]
        assert len(ask.server.peers) == 2
        assert fake.asked == ["service", "search", "login", "search", "login"]


async def test_or_is_told_that_all_are_in_use() -> None:
    """Nobody says that the host is down, and nothing was sent."""
    fake, may_answer = held()
    async with asking(fake, max_connections=1) as ask:
        first = asyncio.create_task(ask.ask())
        await settled(lambda: "login" in fake.asked)
        expected = "all 1 sessions at 127.0.0.1 (max_connections) are in use"
        assert await ask.trouble(seconds=0.4) == (expected, HOST, False)
        assert ask.directory.hosts[0].avoided_until == 0.0
        may_answer.set()
        assert await first == BOUND
        assert await ask.ask() == BOUND


async def test_many_logins_share_the_connections() -> None:
    async with asking(FakeDirectory(), max_connections=5) as ask:
        results = await asyncio.gather(*(ask.ask() for _ in range(60)))
        assert results == [BOUND] * 60
        assert len(ask.server.peers) <= 10


async def test_a_login_that_is_cancelled_while_it_waits_takes_no_turn() -> None:
    fake, may_answer = held()
    async with asking(fake, max_connections=1) as ask:
        first = asyncio.create_task(ask.ask())
        await settled(lambda: "login" in fake.asked)
        waiting = [asyncio.create_task(ask.ask()) for _ in range(3)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        may_answer.set()
        assert await first == BOUND
        assert await ask.ask() == BOUND
        assert fake.asked == ["service", "search", "login", "search", "login"]


# Our own account


async def test_of_many_logins_one_tries_an_account_that_is_refused() -> None:
    """And none of those that come within the next seconds."""
    fake = FakeDirectory(service=(bound(49, b"data 775, v1db1"),))
    async with asking(fake) as ask:
        expected = ("the account is locked (data 775)", Fault.ACCOUNT, False)
        assert await asyncio.gather(*(ask.trouble() for _ in range(10))) == [expected] * 10
        fake.service = (bound(),)
        assert await ask.trouble() == expected
        assert ask.asked() == [["service"]]


async def test_who_waits_for_that_is_told_so() -> None:
    fake = FakeDirectory(service=(hang,))
    async with asking(fake) as ask:
        first = asyncio.create_task(ask.trouble(seconds=1.0))
        await settled(lambda: "service" in fake.asked)
        expected = "no turn to log in at 127.0.0.1 port N within N s"
        assert await ask.trouble(seconds=0.3) == (expected, HOST, False)
        expected = "no answer to a login from 127.0.0.1 port N within N s"
        assert await first == (expected, HOST, False)


async def test_nobody_searches_without_an_account() -> None:
    """Where there is none, nothing is bound before the search."""
    async with asking(FakeDirectory(), bind_dn="") as ask:
        assert await ask.ask() == BOUND
        assert ask.asked() == [["search", "login"]]


async def test_a_password_is_tried_directly() -> None:
    keys: dict[str, Any] = {
        "auth": "direct",
        "bind_template": "uid={local},ou=people,dc=example,dc=com",
    }
    async with asking(FakeDirectory(), **keys) as ask:
        assert await ask.ask() == BOUND
        assert await ask.ask() == BOUND
        assert ask.asked() == [["login", "login"]]
        assert len(ask.server.peers) == 1
