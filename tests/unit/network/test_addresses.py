"""Where a name leads, with a resolver that does as it is told."""

import asyncio
import socket
import threading
from typing import Any

import pytest

from bridge_common.network.addresses import Addresses
from bridge_common.network.trouble import UnreachableError


class Clock:
    """Stands still until it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Resolver:
    """Has the interface of getaddrinfo; `gate` is shut while it stalls."""

    def __init__(self, *addresses: str) -> None:
        self.addresses: tuple[str, ...] | Exception = addresses
        self.calls = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, _host: str, _port: None, *, type: int) -> list[Any]:  # noqa: A002 - its name
        self.calls += 1
        self.gate.wait()
        assert type == socket.SOCK_STREAM
        if isinstance(self.addresses, Exception):
            raise self.addresses
        return [(socket.AF_INET, type, 6, "", (address, 0)) for address in self.addresses]


def addresses_of(resolver: Resolver, clock: Clock) -> Addresses:
    return Addresses("mail.example.com", lookup=resolver, clock=clock)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
async def test_an_address_needs_no_resolver(host: str) -> None:
    resolver = Resolver("192.0.2.99")
    assert await Addresses(host, lookup=resolver).find(5.0) == (host,)
    assert resolver.calls == 0


async def test_names_are_looked_up_and_kept_for_a_while() -> None:
    resolver, clock = Resolver("192.0.2.1", "192.0.2.1", "192.0.2.2"), Clock()
    addresses = addresses_of(resolver, clock)
    assert await addresses.find(5.0) == ("192.0.2.1", "192.0.2.2")
    resolver.addresses = ("192.0.2.3",)
    clock.now += 29.9
    assert await addresses.find(5.0) == ("192.0.2.1", "192.0.2.2")
    clock.now += 0.2
    assert await addresses.find(5.0) == ("192.0.2.3",)
    assert resolver.calls == 2


async def test_of_many_addresses_a_few_are_tried_and_the_others_next_time() -> None:
    numbers = range(1, 7)
    addresses = addresses_of(Resolver(*(f"192.0.2.{number}" for number in numbers)), Clock())
    found = await addresses.find(5.0)
    assert found == ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4")
    for address in found:
        addresses.avoid(address)
    found = await addresses.find(5.0)
    assert found == ("192.0.2.5", "192.0.2.6", "192.0.2.1", "192.0.2.2")


async def test_ipv6_and_ipv4_take_turns() -> None:
    """One of them may lead nowhere; the resolver's order says which one is first."""
    found = ("2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1", "192.0.2.2")
    assert await addresses_of(Resolver(*found), Clock()).find(5.0) == (
        "2001:db8::1",
        "192.0.2.1",
        "2001:db8::2",
        "192.0.2.2",
    )


async def test_the_real_resolver_knows_this_machine() -> None:
    assert "127.0.0.1" in await Addresses("localhost").find(5.0)


async def test_an_address_that_failed_comes_last_and_stays_there() -> None:
    resolver, clock = Resolver("192.0.2.1", "192.0.2.2", "192.0.2.3"), Clock()
    addresses = addresses_of(resolver, clock)
    await addresses.find(5.0)
    addresses.avoid("192.0.2.1")
    addresses.avoid("192.0.2.9")
    assert await addresses.find(5.0) == ("192.0.2.2", "192.0.2.3", "192.0.2.1")
    addresses.avoid("192.0.2.2")
    assert await addresses.find(5.0) == ("192.0.2.3", "192.0.2.1", "192.0.2.2")


async def test_the_good_address_stays_first_when_the_name_is_looked_up_again() -> None:
    resolver, clock = Resolver("192.0.2.1", "192.0.2.2", "192.0.2.3"), Clock()
    addresses = addresses_of(resolver, clock)
    await addresses.find(5.0)
    addresses.avoid("192.0.2.1")
    clock.now += 31
    assert await addresses.find(5.0) == ("192.0.2.2", "192.0.2.1", "192.0.2.3")
    resolver.addresses = ("192.0.2.1", "192.0.2.3")
    clock.now += 31
    assert await addresses.find(5.0) == ("192.0.2.1", "192.0.2.3")
    assert resolver.calls == 3


async def test_an_address_given_cannot_be_avoided() -> None:
    addresses = Addresses("192.0.2.1")
    addresses.avoid("192.0.2.1")
    assert await addresses.find(5.0) == ("192.0.2.1",)


async def test_a_name_that_leads_nowhere() -> None:
    resolver = Resolver()
    resolver.addresses = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    addresses = addresses_of(resolver, Clock())
    text = r"^no address for mail\.example\.com: Name or service not known$"
    with pytest.raises(UnreachableError, match=text):
        await addresses.find(5.0)
    resolver.addresses = ("192.0.2.1",)
    assert await addresses.find(5.0) == ("192.0.2.1",)


async def test_a_name_that_is_none() -> None:
    with pytest.raises(UnreachableError, match=r"^no address for x{70}\.example: Unicode"):
        await Addresses("x" * 70 + ".example").find(5.0)


async def test_a_name_without_an_address() -> None:
    text = r"^no address for mail\.example\.com$"
    with pytest.raises(UnreachableError, match=text):
        await addresses_of(Resolver(), Clock()).find(5.0)


@pytest.mark.parametrize("trouble", [ValueError("what?"), MemoryError()], ids=["value", "memory"])
async def test_a_resolver_that_breaks_leaves_nobody_waiting(trouble: Exception) -> None:
    resolver = Resolver()
    resolver.addresses = trouble
    addresses = addresses_of(resolver, Clock())
    text = rf"^no address for mail\.example\.com: {type(trouble).__name__}$"
    for _ in range(2):
        with pytest.raises(UnreachableError, match=text):
            await addresses.find(5.0)
    assert resolver.calls == 2


class NoThreads:
    """Stands for a system that grants no more threads."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.granted = False
        start = threading.Thread.start

        def refuse(thread: threading.Thread) -> None:
            if not self.granted:
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", refuse)


async def test_no_thread_for_a_lookup_is_told_at_once_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads, addresses = NoThreads(monkeypatch), addresses_of(Resolver("192.0.2.1"), Clock())
    text = r"^no address for mail\.example\.com: no thread to look it up$"
    for _ in range(2):
        with pytest.raises(UnreachableError, match=text):
            await addresses.find(5.0)
    threads.granted = True
    assert await addresses.find(5.0) == ("192.0.2.1",)


async def test_no_thread_holds_up_nobody_who_knows_an_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    addresses = addresses_of(Resolver("192.0.2.1"), clock)
    await addresses.find(5.0)
    NoThreads(monkeypatch)
    clock.now += 31
    assert await addresses.find(5.0) == ("192.0.2.1",)


async def test_older_addresses_are_better_than_none() -> None:
    resolver, clock = Resolver("192.0.2.1"), Clock()
    addresses = addresses_of(resolver, clock)
    await addresses.find(5.0)
    resolver.addresses = socket.gaierror(socket.EAI_AGAIN, "Temporary failure")
    clock.now += 3600
    assert await addresses.find(5.0) == ("192.0.2.1",)


async def test_a_stalled_resolver_holds_one_thread_however_many_wait() -> None:
    resolver = Resolver("192.0.2.1")
    resolver.gate.clear()
    addresses = addresses_of(resolver, Clock())
    waiting = [asyncio.create_task(addresses.find(5.0)) for _ in range(20)]
    done, _ = await asyncio.wait(waiting, timeout=0.05)
    assert not done
    waiting[0].cancel()
    resolver.gate.set()
    assert await asyncio.gather(*waiting[1:]) == [("192.0.2.1",)] * 19
    assert resolver.calls == 1


async def test_a_stalled_resolver_holds_up_nobody_who_knows_an_address() -> None:
    resolver, clock = Resolver("192.0.2.1"), Clock()
    addresses = addresses_of(resolver, clock)
    await addresses.find(5.0)
    resolver.gate.clear()
    clock.now += 31
    first = asyncio.create_task(addresses.find(5.0))
    done, _ = await asyncio.wait([first], timeout=0.05)
    assert not done  # it is given half a second
    clock.now += 0.6
    assert await addresses.find(5.0) == ("192.0.2.1",)
    resolver.gate.set()
    assert await first == ("192.0.2.1",)
    assert resolver.calls == 2


def test_an_answer_for_a_program_that_has_ended() -> None:
    """The loop is closed when the resolver comes back; its thread ends without a word."""
    resolver = Resolver("192.0.2.1")
    resolver.gate.clear()
    before = set(threading.enumerate())

    async def give_up() -> None:
        text = r"^no address for mail\.example\.com within 0\.0 s$"
        with pytest.raises(UnreachableError, match=text):
            await addresses_of(resolver, Clock()).find(0.01)

    asyncio.run(give_up())
    (stalled,) = set(threading.enumerate()) - before
    assert stalled.daemon
    resolver.gate.set()
    stalled.join(timeout=5)
    assert not stalled.is_alive()
