"""Looking at servers without credentials: what a look gets to see, and that it is no login."""

import asyncio
import socket

import pytest
from lab.asking import ASKING, Channel, remote, serving, timeless
from lab.asking_directory import asking
from lab.fake_ldap import FakeDirectory, bound, searched
from lab.fake_server import Peer, hang, script
from lab.leftovers import settled

from bridge_common.deadline import Deadline
from sasl_bridge.passdb.lookout import Look
from sasl_bridge.passdb.looks import directory_look, mail_server_look
from sasl_bridge.verdict import Verdict


async def look(at: Look, seconds: float = 5.0) -> str:
    """Look; it is over in time."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    trouble = await at(Deadline.after(seconds))
    assert loop.time() - began < seconds + 0.5
    return timeless(trouble)


# At a mail server


async def test_a_server_that_gets_ready_is_there_and_leave_is_taken_of_it(channel: Channel) -> None:
    async with channel.serving(channel.good()) as server:
        assert await look(mail_server_look(channel.remote(server.port))) == ""
        await settled(server.all_left)
    (peer,) = server.peers
    assert channel.took_leave(peer)
    assert b"alice" not in peer.heard


async def test_one_that_is_silent_at_any_stage_of_getting_ready_is_not(channel: Channel) -> None:
    for stage in channel.stages:
        if stage.in_opening:
            async with channel.serving(channel.failing_at(stage, hang)) as server:
                trouble = await look(mail_server_look(channel.remote(server.port)), 0.4)
            assert trouble.startswith(f"no {stage.awaited} ")


async def test_nor_is_one_that_refuses_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    trouble = await look(mail_server_look(remote(port)))
    assert trouble == f"connection refused by 127.0.0.1 port {port}"


async def test_a_look_takes_none_of_the_connections_that_logins_may_have() -> None:
    """Where all of them hang, one has to look."""
    silence = script(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n", Peer.hear_the_end)
    async with serving(silence) as server:
        passdb = remote(server.port, max_connections=1)
        login = asyncio.create_task(passdb.verify(ASKING, Deadline.after(2.0)))
        await settled(lambda: passdb.slots.all_taken)
        assert await look(mail_server_look(passdb), 1.0) == ""
        assert passdb.slots.taken == 1
        assert (await login).verdict is Verdict.UNAVAILABLE


# At a directory


async def test_a_directory_that_lets_our_account_in_and_can_be_searched_is_there() -> None:
    async with asking(FakeDirectory()) as ask:
        assert await look(directory_look(ask.directory)) == ""
        assert ask.asked() == [["service", "search"]]
        await settled(ask.server.all_left)


async def test_without_an_account_it_is_searched_all_the_same() -> None:
    async with asking(FakeDirectory(), auth="direct", bind_dn="", bind_template="{login}") as ask:
        assert await look(directory_look(ask.directory)) == ""
        assert ask.asked() == [["search"]]


@pytest.mark.parametrize("code", [1, 8, 32, 50])
async def test_whatever_is_said_of_the_root_it_was_said(code: int) -> None:
    async with asking(FakeDirectory(search=(searched(code),))) as ask:
        assert await look(directory_look(ask.directory)) == ""


@pytest.mark.parametrize(
    ("stage", "awaited"), [("service", "answer to a login"), ("search", "answer to a search")]
)
async def test_a_silent_directory_is_not_there(stage: str, awaited: str) -> None:
    async with asking(FakeDirectory(**{stage: (hang,)})) as ask:  # type: ignore[arg-type]  # steps
        trouble = await look(directory_look(ask.directory), 0.4)
        assert trouble == f"no {awaited} from 127.0.0.1 port {ask.server.port} within N s"


async def test_nor_is_one_that_is_busy_or_talks_nonsense() -> None:
    for answer in (searched(51), b"HTTP/1.1 400 Bad Request\r\n\r\n"):
        async with asking(FakeDirectory(search=(answer,))) as ask:
            assert await look(directory_look(ask.directory)) != ""


async def test_nor_one_that_refuses_our_account_which_is_not_tried_again_for_a_while() -> None:
    """Each try may be one more failure of that account."""
    refusing = FakeDirectory(service=(bound(49),))
    async with asking(refusing, FakeDirectory()) as ask:
        at = directory_look(ask.directory)
        for _ in range(3):
            trouble = await look(at)
            assert trouble.startswith("the directory refuses our own account (bind_dn): ")
        assert ask.asked() == [["service"], []], "logins go to no other host either"


async def test_a_second_host_that_is_there_is_enough_and_is_not_avoided() -> None:
    async with asking(FakeDirectory(service=(hang,)), FakeDirectory()) as ask:
        first, second = ask.directory.hosts
        second.avoided_until = ask.clock() + 30.0
        assert await look(directory_look(ask.directory), 1.0) == ""
        assert second.avoided_until == 0.0
        assert ask.asked() == [["service"], ["service", "search"]]
        first.avoided_until = ask.clock() + 30.0
        assert await look(directory_look(ask.directory), 1.0) == ""
        assert ask.asked() == [[], ["service", "search"]]


async def test_of_hosts_that_are_all_away_each_is_named() -> None:
    async with asking(FakeDirectory(service=(hang,)), FakeDirectory(search=(hang,))) as ask:
        trouble = await look(directory_look(ask.directory), 0.8)
        assert [text.partition(" from ")[0] for text in trouble.split("; ")] == [
            "no answer to a login",
            "no answer to a search",
        ]


async def test_a_look_takes_none_of_the_sessions_that_logins_may_have() -> None:
    async with (
        asking(FakeDirectory(), max_connections=1) as ask,
        ask.directory.hosts[0].session(),
    ):
        assert await look(directory_look(ask.directory), 1.0) == ""
