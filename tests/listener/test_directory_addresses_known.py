"""Many who ask at the same time for the addresses of logins, at fake directories."""

import asyncio
import re

import pytest
from lab.asking_directory import ALICE, Asking, asking
from lab.fake_ldap import FakeDirectory, Steps, bound, found, searched
from lab.fake_server import hang
from lab.leftovers import settled

from bridge_common.deadline import Deadline
from bridge_common.identity import Identity, LoginForm
from policyd.ownership.directory import Addresses, DirectoryAddresses

pytestmark = pytest.mark.alone

MAIL: Steps = (found(mail=[b"alice@example.com"]), searched())
OWNED = Addresses(frozenset({"alice@example.com"}))


def logins(number: int) -> list[Identity]:
    return [Identity(f"u{one}", "example.com", LoginForm.ADDRESS) for one in range(number)]


async def together(
    known: DirectoryAddresses, whom: list[Identity], seconds: float
) -> list[Addresses]:
    """Ask about all of them at the same time; each is answered in time."""
    loop = asyncio.get_running_loop()

    async def one(login: Identity) -> Addresses:
        began = loop.time()
        addresses = await known.look_up(login, Deadline.after(seconds))
        assert loop.time() - began < seconds + 0.5
        return addresses

    return await asyncio.gather(*map(one, whom))


def troubles(answers: list[Addresses], ask: Asking) -> set[str]:
    """Return what is said of trouble, with N for ports and seconds."""
    assert all(not one.addresses for one in answers)
    texts = (one.trouble.replace(f"port {ask.server.port}", "port N") for one in answers)
    return {re.sub(r"\d\.\d s", "N s", text) for text in texts}


async def test_fifty_recipients_are_one_search() -> None:
    async with asking(FakeDirectory(search=MAIL)) as ask:
        known = DirectoryAddresses(ask.directory)
        assert await together(known, [ALICE] * 50, 5.0) == [OWNED] * 50
        assert known.recall(ALICE) == OWNED
        assert ask.asked() == [["service", "search"]]


async def test_fifty_recipients_wait_once_for_a_silent_directory() -> None:
    """What is said is where it is silent, and about what."""
    fake = FakeDirectory(service=(hang,))
    async with asking(fake) as ask:
        known = DirectoryAddresses(ask.directory, clock=ask.clock)
        answers = await together(known, [ALICE] * 50, 0.5)
        assert troubles(answers, ask) == {
            "ldap_profile corp: no answer to a login from 127.0.0.1 port N within N s"
        }
        assert known.recall(ALICE) == answers[0]
        assert ask.asked() == [["service"]]
        await settled(ask.server.all_left)
        fake.service, fake.search = (bound(),), MAIL
        ask.later = 2.1
        assert await known.look_up(ALICE, Deadline.after(5.0)) == OWNED


async def test_a_hundred_logins_at_a_silent_directory_leave_its_connections_bounded() -> None:
    async with asking(FakeDirectory(service=(hang,)), max_connections=5) as ask:
        known = DirectoryAddresses(ask.directory)
        loop = asyncio.get_running_loop()
        half = loop.time() + 0.5  # then some end, and others have their turn
        waiting = asyncio.create_task(together(known, logins(100), 1.0))
        await settled(lambda: ask.server.open_connections() == 5)
        while loop.time() < half:
            assert ask.server.open_connections() == 5
            await asyncio.sleep(0.01)
        said = troubles(await waiting, ask)
        assert "ldap_profile corp: no answer to a login from 127.0.0.1 port N within N s" in said
        full = "all 5 sessions at 127.0.0.1 (max_connections) are in use"
        assert f"ldap_profile corp: {full}" in said
        await settled(ask.server.all_left)


async def test_who_goes_away_leaves_nothing_behind() -> None:
    """Nor is anything asked on the connections on which an answer was owed."""
    fake = FakeDirectory(search=(hang,))
    async with asking(fake, max_connections=5) as ask:
        known = DirectoryAddresses(ask.directory)
        waiting = [asyncio.create_task(together(known, [one], 10.0)) for one in logins(20)]
        await settled(lambda: fake.asked.count("search") == 5)
        for one in waiting:
            one.cancel()
        await asyncio.wait(waiting)
        await settled(ask.server.all_left)
        assert len(asyncio.all_tasks()) == 1
        fake.search = MAIL
        assert await together(known, logins(20), 5.0) == [OWNED] * 20


async def test_when_it_is_closed_its_connections_are_let_go() -> None:
    async with asking(FakeDirectory(search=MAIL)) as ask:
        known = DirectoryAddresses(ask.directory)
        await known.look_up(ALICE, Deadline.after(5.0))
        assert not ask.server.all_left()
        known.close()
        await settled(ask.server.all_left)
