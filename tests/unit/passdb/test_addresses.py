"""Where a name leads, with a resolver that does as it is told."""

import asyncio
import socket
import threading
from typing import Any

import pytest

from sasl_bridge.passdb.addresses import Addresses
from sasl_bridge.passdb.trouble import UnreachableError


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
    assert await Addresses(host, lookup=resolver).find() == (host,)
    assert resolver.calls == 0


async def test_names_are_looked_up_and_kept_for_a_while() -> None:
    resolver, clock = Resolver("192.0.2.1", "192.0.2.1", "192.0.2.2"), Clock()
    addresses = addresses_of(resolver, clock)
    assert await addresses.find() == ("192.0.2.1", "192.0.2.2")
    resolver.addresses = ("192.0.2.3",)
    clock.now += 29.9
    assert await addresses.find() == ("192.0.2.1", "192.0.2.2")
    clock.now += 0.2
    assert await addresses.find() == ("192.0.2.3",)
    assert resolver.calls == 2


async def test_the_real_resolver_knows_this_machine() -> None:
    assert "127.0.0.1" in await Addresses("localhost").find()


async def test_the_good_address_comes_first_and_stays_there() -> None:
    resolver, clock = Resolver("192.0.2.1", "192.0.2.2", "192.0.2.3"), Clock()
    addresses = addresses_of(resolver, clock)
    await addresses.find()
    addresses.prefer("192.0.2.2")
    assert await addresses.find() == ("192.0.2.2", "192.0.2.1", "192.0.2.3")
    clock.now += 31
    assert await addresses.find() == ("192.0.2.2", "192.0.2.1", "192.0.2.3")
    resolver.addresses = ("192.0.2.1", "192.0.2.3")
    clock.now += 31
    assert await addresses.find() == ("192.0.2.1", "192.0.2.3")


def test_an_address_given_has_nothing_to_prefer() -> None:
    Addresses("192.0.2.1").prefer("192.0.2.1")


async def test_a_name_that_leads_nowhere() -> None:
    resolver = Resolver()
    resolver.addresses = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    addresses = addresses_of(resolver, Clock())
    text = r"^no address for mail\.example\.com: Name or service not known$"
    with pytest.raises(UnreachableError, match=text):
        await addresses.find()
    resolver.addresses = ("192.0.2.1",)
    assert await addresses.find() == ("192.0.2.1",)


async def test_a_name_that_is_none() -> None:
    with pytest.raises(UnreachableError, match=r"^no address for x{70}\.example: Unicode"):
        await Addresses("x" * 70 + ".example").find()


async def test_older_addresses_are_better_than_none() -> None:
    resolver, clock = Resolver("192.0.2.1"), Clock()
    addresses = addresses_of(resolver, clock)
    await addresses.find()
    resolver.addresses = socket.gaierror(socket.EAI_AGAIN, "Temporary failure")
    clock.now += 3600
    assert await addresses.find() == ("192.0.2.1",)


async def test_a_stalled_resolver_holds_one_thread_however_many_wait() -> None:
    resolver = Resolver("192.0.2.1")
    resolver.gate.clear()
    addresses = addresses_of(resolver, Clock())
    waiting = [asyncio.create_task(addresses.find()) for _ in range(20)]
    done, _ = await asyncio.wait(waiting, timeout=0.05)
    assert not done
    waiting[0].cancel()
    resolver.gate.set()
    assert await asyncio.gather(*waiting[1:]) == [("192.0.2.1",)] * 19
    assert resolver.calls == 1


async def test_a_stalled_resolver_holds_up_nobody_who_knows_an_address() -> None:
    resolver, clock = Resolver("192.0.2.1"), Clock()
    addresses = addresses_of(resolver, clock)
    await addresses.find()
    resolver.gate.clear()
    clock.now += 31
    first = asyncio.create_task(addresses.find())
    done, _ = await asyncio.wait([first], timeout=0.05)
    assert not done  # it is given half a second
    clock.now += 0.6
    assert await addresses.find() == ("192.0.2.1",)
    resolver.gate.set()
    assert await first == ("192.0.2.1",)
    assert resolver.calls == 2


def test_an_answer_for_a_program_that_has_ended() -> None:
    """The loop is closed when the resolver comes back; its thread ends without a word."""
    resolver = Resolver("192.0.2.1")
    resolver.gate.clear()
    before = set(threading.enumerate())

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(addresses_of(resolver, Clock()).find(), 0.01)

    asyncio.run(give_up())
    (stalled,) = set(threading.enumerate()) - before
    assert stalled.daemon
    resolver.gate.set()
    stalled.join(timeout=5)
    assert not stalled.is_alive()
