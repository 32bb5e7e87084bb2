"""Which connections are kept for the next login, and what becomes of them."""

import asyncio
import contextlib
import threading
from pathlib import Path

from lab.asking_directory import SERVICE_PASSWORD, asking, profile
from lab.asking_ldap import ALICE, SERVICE
from lab.bridge import Bridge
from lab.directory_entries import GATEWAY
from lab.fake_ldap import DN, GOOD_SEARCH, FakeDirectory, bound, message, requests_in
from lab.fake_server import FakeServer, Peer, hang
from lab.ldap_replies import Entries
from lab.leftovers import settled
from lab.settings import profile_at, settings_text
from lab.smtpd import Smtpd

from bridge_common.deadline import Deadline
from bridge_common.directory.codec import Search
from bridge_common.directory.connection import Connection
from bridge_common.directory.host import Account, Place, Session
from bridge_common.directory.results import Bound, Entry
from bridge_common.network.addresses import Addresses
from bridge_common.secret import Secret

ENTRY = Entry(DN.decode(), {})


def stages(peer: Peer) -> list[str]:
    """Return what a connection was asked."""
    return [request.stage for request in requests_in(peer.heard)]


# Clients that hang up


async def test_logins_that_are_broken_off_cost_the_search_connection_nothing() -> None:
    """Only the connection on which an answer is owed ends with them."""
    fake = FakeDirectory(login=(hang,))
    async with asking(fake) as ask:
        for count in range(1, 6):
            login = asyncio.create_task(ask.ask())
            await settled(lambda count=count: fake.asked.count("login") == count)  # type: ignore[misc]  # bound at once
            login.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await login
        fake.login = (bound(),)
        assert await ask.ask() == Bound(ENTRY)
        assert fake.asked == ["service", *["search", "login"] * 6]
        assert [stages(peer) for peer in ask.server.peers[1:]] == [["login"]] * 6


# Connections that ended in silence


async def test_where_the_search_connection_was_lost_the_other_is_not_asked_any_more() -> None:
    fake = FakeDirectory()

    def lose(peer: Peer) -> None:
        fake.search = GOOD_SEARCH
        peer.reset()

    async with asking(fake) as ask:
        assert await ask.ask() == Bound(ENTRY)
        fake.search = (lose,)
        assert await ask.ask() == Bound(ENTRY)
        assert [stages(peer) for peer in ask.server.peers] == [
            ["service", "search", "search"],
            ["login"],
            ["service", "search"],
            ["login"],
        ]


async def test_where_the_other_was_lost_the_search_connection_is_not_asked_any_more() -> None:
    fake = FakeDirectory()

    def lose(peer: Peer) -> None:
        fake.login = (bound(),)
        peer.reset()

    async with asking(fake) as ask:
        assert await ask.ask() == Bound(ENTRY)
        fake.login = (lose,)
        assert await ask.ask() == Bound(ENTRY)
        assert await ask.ask() == Bound(ENTRY)
        assert [stages(peer) for peer in ask.server.peers] == [
            ["service", "search", "search"],
            ["login", "login"],
            ["login", "login"],
            ["service", "search"],
        ]


# The end of a directory


async def test_a_closed_directory_answers_and_keeps_nothing() -> None:
    may_answer = threading.Event()

    def wait(peer: Peer) -> None:
        may_answer.wait(10)
        peer.say(message(1, bound()))

    fake = FakeDirectory(login=(wait,))
    async with asking(fake) as ask:
        under_way = asyncio.create_task(ask.ask())
        await settled(lambda: "login" in fake.asked)
        ask.directory.close()
        may_answer.set()
        assert await under_way == Bound(ENTRY)
        await settled(ask.server.all_left)
        assert await ask.ask() == Bound(ENTRY)
        await settled(ask.server.all_left)


def test_a_reload_closes_the_connections_of_the_directory_before(tmp_path: Path) -> None:
    sockets = tmp_path / "auth"
    with FakeServer(Entries(ALICE, SERVICE)) as server:
        settings = settings_text(
            tmp_path, sockets, [profile_at(server.port)], method="ldap", ldap_profile="corp"
        )
        with Bridge(tmp_path, settings) as bridge, Smtpd(sockets) as smtpd:
            assert smtpd.login("alice@example.com", "secret").startswith("OK")
            assert not server.all_left()
            bridge.reload()
            asyncio.run(settled(server.all_left))
            assert len(server.peers) == 2


# What is waited for


async def test_a_stalled_lookup_is_what_is_waited_for() -> None:
    """And not what came before, on the connection that was kept."""
    asked, may_answer = threading.Event(), threading.Event()

    def lookup(*_: object, **__: object) -> list[object]:
        asked.set()
        may_answer.wait(10)
        return []

    with FakeServer(FakeDirectory()) as server:
        addresses = Addresses("dc.example.com", lookup=lookup)
        account = Account(GATEWAY, Secret(SERVICE_PASSWORD))
        session = Session(Place("dc.example.com", server.port, None), addresses, account)
        connection = Connection("127.0.0.1", server.port, None)
        await connection.open()
        await session.begin_searching(connection)
        search = Search(profile().base_dn, "subtree", "(mail=alice@example.com)")
        deadline = Deadline.after(5.0)
        assert (await session.search(search, deadline)).entries == (ENTRY,)
        trying = asyncio.create_task(session.bind(ENTRY.dn, Secret(b"secret"), deadline))
        await settled(asked.is_set)
        assert session.waiting_for == "address for dc.example.com"
        trying.cancel()
        await asyncio.wait({trying})
        session.close()
        may_answer.set()
        await settled(server.all_left)
