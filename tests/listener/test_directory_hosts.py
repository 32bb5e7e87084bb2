"""The hosts of a directory: which of them is asked, which is avoided, and for how long."""

import asyncio
import threading
import time
from typing import Any

import pytest
from lab.asking import Contexts
from lab.asking_directory import ALICE, Asking, asking, directory_at
from lab.fake_ldap import DN, FakeDirectory, Steps, bound, found, searched
from lab.fake_server import FakeServer, Peer, hang, reset
from lab.leftovers import settled

from bridge_common.deadline import Deadline
from bridge_common.directory.results import (
    BindRefused,
    Bound,
    Entry,
    Fault,
    ManyEntries,
    NoEntry,
    Result,
    Trouble,
)
from bridge_common.identity import Identity, LoginForm
from bridge_common.network.addresses import Addresses
from bridge_common.secret import Secret

HOST = Fault.HOST
BOUND = Bound(Entry(DN.decode(), {}))
ALL = ["service", "search", "login"]


# Which is asked


async def test_the_first_that_can_say_is_the_only_one_asked() -> None:
    async with asking(FakeDirectory(), FakeDirectory()) as ask:
        assert await ask.ask() == BOUND
        assert ask.asked() == [ALL, []]


@pytest.mark.parametrize("stage", ALL)
async def test_behind_a_silent_one_the_next_is_asked_in_time(stage: str) -> None:
    steps: dict[str, Any] = {stage: (hang,)}
    async with asking(FakeDirectory(**steps), FakeDirectory()) as ask:
        assert await ask.ask(seconds=1.0) == BOUND
        assert ask.asked() == [ALL[: ALL.index(stage) + 1], ALL]


async def test_behind_one_that_is_down_the_next_is_asked() -> None:
    async with asking(FakeDirectory(), FakeDirectory()) as ask:
        down(ask, 0)
        assert await ask.ask() == BOUND
        assert ask.asked() == [[], ALL]


async def test_when_all_are_down_each_is_named() -> None:
    async with asking(FakeDirectory(), FakeDirectory(service=(hang,))) as ask:
        down(ask, 0)
        text, fault, sent = await ask.trouble(seconds=0.8)
        assert text == (
            "connection refused by 127.0.0.1 port 1; "
            "no answer to a login from 127.0.0.1 port N2 within N s"
        )
        assert (fault, sent) == (HOST, False)


def down(ask: Asking, number: int) -> None:
    """Ask at a port where nobody listens."""
    host = ask.directory.hosts[number]
    host.place = type(host.place)(host.place.host, 1, None)


FINAL: dict[str, tuple[dict[str, Any], Result]] = {
    "no": ({"login": (bound(49),)}, BindRefused("Invalid credentials (49)")),
    "unwilling": (
        {"login": (bound(53),)},
        Trouble("Server is unwilling to perform (53)", Fault.REQUEST, password_sent=True),
    ),
    "account refused": (
        {"service": (bound(49),)},
        Trouble("Invalid credentials (49)", Fault.ACCOUNT),
    ),
    "size limit": (
        {"search": (searched(4),)},
        Trouble("search: Size limit exceeded (4)", Fault.REQUEST),
    ),
    "no such base": (
        {"search": (searched(32),)},
        Trouble("search: No such object (32)", Fault.REQUEST),
    ),
}


@pytest.mark.parametrize(("steps", "expected"), FINAL.values(), ids=FINAL)
async def test_what_another_host_would_say_too_is_final(
    steps: dict[str, Any], expected: Result
) -> None:
    async with asking(FakeDirectory(**steps), FakeDirectory()) as ask:
        assert await ask.ask() == expected
        assert ask.asked()[1] == []


@pytest.mark.parametrize(
    ("search", "kind"),
    [((searched(),), NoEntry), ((found(), found(b"uid=a"), searched()), ManyEntries)],
)
async def test_no_entry_and_two_are_final(search: Steps, kind: type) -> None:
    async with asking(FakeDirectory(search=search), FakeDirectory()) as ask:
        result = await ask.ask()
        assert isinstance(result, kind)
        assert isinstance(result, NoEntry | ManyEntries)
        assert not result.password_sent
        assert ask.asked() == [ALL[:2], []]


# Whether the password was sent


@pytest.mark.parametrize(("first", "sent"), [("search", False), ("login", True)])
async def test_what_the_first_host_got_was_sent(first: str, sent: bool) -> None:
    steps: dict[str, Any] = {first: (reset,)}
    async with asking(FakeDirectory(**steps), FakeDirectory(service=(reset,))) as ask:
        text = "connection reset by 127.0.0.1 port N1; connection reset by 127.0.0.1 port N2"
        assert await ask.trouble() == (text, HOST, sent)


async def test_what_was_sent_for_the_login_before_does_not_count() -> None:
    fake = FakeDirectory()
    async with asking(fake) as ask:
        assert await ask.ask() == BOUND
        fake.search = (searched(51),)
        text, fault, sent = await ask.trouble()
        assert (fault, sent) == (HOST, False)
        assert text == "127.0.0.1 port N: Server is busy (51)"


# For how long one is avoided


async def test_one_that_failed_is_asked_after_the_others_for_thirty_seconds() -> None:
    first = FakeDirectory(service=(reset,))
    async with asking(first, FakeDirectory()) as ask:
        assert await ask.ask() == BOUND
        assert ask.asked() == [["service"], ALL]
        first.service = (bound(),)
        for later in (0.0, 15.0, 29.0):
            ask.later = later
            assert await ask.ask() == BOUND
            assert ask.asked() == [[], ["search", "login"]]
        ask.later = 31.0
        assert await ask.ask() == BOUND
        assert ask.asked() == [ALL, []]
        assert await ask.ask() == BOUND
        assert ask.asked() == [["search", "login"], []]


async def test_then_exactly_one_login_tries_it_again() -> None:
    """The others do not wait for what comes of that."""
    first = FakeDirectory(service=(reset,))
    async with asking(first, FakeDirectory()) as ask:
        assert await ask.ask() == BOUND
        ask.asked()
        ask.later = 31.0
        first.service = (hang,)
        trial = asyncio.create_task(ask.ask(seconds=2.0))
        await settled(lambda: "service" in first.asked)
        for _ in range(5):
            assert await ask.ask() == BOUND
        assert not trial.done()
        assert await trial == BOUND
        assert first.asked == ["service"]
        ask.asked()
        assert await ask.ask() == BOUND  # it failed once more
        assert ask.asked() == [[], ["search", "login"]]


async def test_one_that_is_avoided_is_still_asked_when_the_others_fail() -> None:
    first, second = FakeDirectory(service=(reset,)), FakeDirectory()
    async with asking(first, second) as ask:
        assert await ask.ask() == BOUND
        first.service = (bound(),)
        second.search = second.login = (reset,)
        ask.asked()
        assert await ask.ask() == BOUND
        assert ask.asked()[0] == ALL


async def test_where_all_are_avoided_they_are_asked_in_their_order() -> None:
    first, second = (FakeDirectory(service=(reset,)) for _ in range(2))
    async with asking(first, second) as ask:
        await ask.trouble()
        first.service = second.service = (bound(),)
        ask.asked()
        assert await ask.ask() == BOUND
        assert ask.asked() == [ALL, []]


async def test_an_only_host_is_asked_each_time() -> None:
    fake = FakeDirectory(service=(reset,))
    async with asking(fake) as ask:
        for _ in range(3):
            assert (await ask.trouble())[0] == "connection reset by 127.0.0.1 port N"
        assert ask.asked() == [["service"] * 3]


@pytest.mark.parametrize("operation", [bound(49), bound(53)], ids=["no", "unwilling"])
async def test_one_that_says_something_is_not_avoided(operation: bytes) -> None:
    async with asking(FakeDirectory(login=(operation,)), FakeDirectory()) as ask:
        await ask.ask()
        await ask.ask()
        assert ask.asked() == [[*ALL, "search", "login"], []]


async def test_a_host_that_is_full_hands_over_and_is_not_avoided() -> None:
    may_answer = threading.Event()

    def wait(_: Peer) -> None:
        may_answer.wait(10)

    first = FakeDirectory(login=(wait, bound()))
    async with asking(first, FakeDirectory(), max_connections=1) as ask:
        busy = asyncio.create_task(ask.ask(seconds=10.0))
        await settled(lambda: "login" in first.asked)
        assert await ask.ask(seconds=1.0) == BOUND
        assert ask.asked()[1] == ALL
        may_answer.set()
        assert await busy == BOUND
        assert await ask.ask() == BOUND
        assert ask.asked() == [["search", "login"], []]


async def test_a_login_in_a_hurry_says_nothing_against_a_host() -> None:
    async with asking(FakeDirectory(login=(hang,))) as ask:
        await ask.trouble(seconds=0.2)
        assert ask.directory.hosts[0].avoided_until == 0.0
        await ask.trouble(seconds=0.6)
        assert ask.directory.hosts[0].avoided_until > time.monotonic() + 25.0


# Reloads


async def test_after_a_reload_it_is_known_which_hosts_failed_and_are_in_use() -> None:
    async with asking(FakeDirectory(service=(reset,)), FakeDirectory(), max_connections=3) as ask:
        assert await ask.ask() == BOUND
        before = ask.directory.hosts
        anew = directory_at([host.place.port for host in before], max_connections=3)
        anew.take_over(ask.directory)
        for host, earlier in zip(anew.hosts, before, strict=True):
            assert host.slots is earlier.slots
            assert host.addresses is earlier.addresses
            assert host.account is earlier.account
            assert host.avoided_until == earlier.avoided_until
        ask.asked()
        ask.directory.close()
        ask.directory = anew
        assert await ask.ask() == BOUND
        assert ask.asked() == [[], ALL]  # its connections are its own
        anew.close()


async def test_a_directory_that_was_changed_begins_anew() -> None:
    async with asking(FakeDirectory(service=(reset,))) as ask:
        await ask.trouble()
        anew = directory_at([ask.server.port], base_dn="dc=other,dc=com")
        anew.take_over(ask.directory)
        assert anew.hosts[0].avoided_until == 0.0
        assert anew.hosts[0].slots is not ask.directory.hosts[0].slots


# The addresses of one


async def test_of_several_addresses_each_has_its_share_of_the_time(contexts: Contexts) -> None:
    """One that is silent comes last from then on."""
    silent = FakeDirectory("ssl", handshake=(hang,))
    good = FakeDirectory("ssl", contexts.server)

    def lookup(*_: object, **__: object) -> list[Any]:
        return [(0, 0, 0, "", (address, 0)) for address in ("127.0.0.1", "127.0.0.2")]

    with (
        FakeServer(silent) as first,
        FakeServer(good, address="127.0.0.2", port=first.port) as last,
    ):
        directory = directory_at([first.port], contexts, security="ssl")
        directory.hosts[0].addresses = Addresses("ldap.example.com", lookup=lookup)
        deadline = Deadline.after(2.0)
        assert await directory.authenticate(ALICE, Secret(b"secret"), deadline) == BOUND
        assert (len(first.peers), len(last.peers)) == (1, 2)
        directory.close()
        await settled(lambda: first.all_left() and last.all_left())


# Without a search


async def test_a_login_is_not_taken_for_a_distinguished_name() -> None:
    keys: dict[str, Any] = {"auth": "direct", "bind_template": "{login}"}
    async with asking(FakeDirectory(), **keys) as ask:
        who = Identity("uid=alice,ou=people", "example.com", LoginForm.ADDRESS)
        assert isinstance(await ask.ask(who=who), NoEntry)
        assert ask.asked() == [[]]
        assert await ask.ask() == Bound(Entry("alice@example.com"))
