"""Which addresses a directory says a login owns: what is asked, and what each answer is worth."""

import asyncio
import threading
from typing import Any

import pytest
from lab.asking_directory import ALICE, Asking, asking
from lab.directory_entries import GATEWAY
from lab.fake_ldap import DN, FakeDirectory, Stage, Steps, bound, found, requests_in, searched
from lab.fake_server import Peer, hang, reset
from lab.leftovers import settled

from bridge_common.directory.results import (
    AddressesResult,
    Bound,
    Fault,
    ManyEntries,
    NoEntry,
    OwnAddresses,
)
from bridge_common.identity import Identity, LoginForm

FIND = ["service", "search"]
OWN: Steps = (
    found(
        mail=[b"Alice@Example.com"],
        proxyAddresses=[
            b"SMTP:alice@example.com",
            b"smtp:A.Smith@b\xc3\xbccher.example",
            b"X500:/o=Example/cn=alice@example.com",
        ],
    ),
    searched(),
)
ADDRESSES = ("alice@example.com", "a.smith@xn--bcher-kva.example")
KEYS: dict[str, Any] = {"address_attributes": ("mail", "proxyAddresses")}
GROUPS: dict[str, Any] = KEYS | {"send_as_filter": "(member={dn})"}
SALES = found(b"cn=sales", mail=[b"sales@example.com"])
INFO = found(b"cn=info", mail=[b"info@example.com", b"Alice@example.com"])


def in_turn(*searches: Steps) -> FakeDirectory:
    """Return a directory that answers each search in another way, and then begins anew."""
    fake = FakeDirectory()
    turns: list[Steps] = []
    for number, steps in enumerate(searches):
        following = (number + 1) % len(searches)

        def go_on(_: Peer, following: int = following) -> None:
            fake.search = turns[following]

        turns.append((go_on, *steps))
    fake.search = turns[0]
    return fake


# What is asked


async def test_the_addresses_of_the_one_entry_in_all_their_spellings() -> None:
    async with asking(FakeDirectory(search=OWN), **KEYS) as ask:
        assert await ask.addresses() == OwnAddresses(ADDRESSES, ())


async def test_what_is_asked_and_that_the_connection_is_kept() -> None:
    """Nothing is said that a login would say; the next login goes on where this has searched."""
    async with asking(FakeDirectory(search=OWN), **KEYS) as ask:
        await ask.addresses()
        await ask.addresses()
        assert ask.asked() == [["service", "search", "search"]]
        (peer,) = ask.server.peers
        search = requests_in(peer.heard)[1].elements
        assert search[0] == b"dc=example,dc=com"
        assert b"\x04\x04mail\x04\x11alice@example.com" in search[6]
        assert search[7] == b"\x04\x04mail\x04\x0eproxyAddresses"
        assert isinstance(await ask.ask(), Bound)
        assert ask.asked() == [["search", "login"]]


async def test_a_bare_login_is_searched_for_as_such() -> None:
    async with asking(FakeDirectory(search=OWN)) as ask:
        await ask.addresses(who=Identity("alice", "example.com", LoginForm.BARE))
        assert b"\x04\x03uid\x04\x05alice" in ask.server.heard
        assert b"alice@example.com" not in ask.server.heard


async def test_what_the_filter_finds_is_owned_too_and_told_apart() -> None:
    async with asking(in_turn(OWN, (SALES, INFO, searched())), scope="one", **GROUPS) as ask:
        send_as = ("sales@example.com", "info@example.com", "alice@example.com")
        assert await ask.addresses() == OwnAddresses(ADDRESSES, send_as)
        account, search = (one.elements for one in requests_in(ask.server.heard)[1:])
        assert account[1] == b"\x01"
        assert search[1] == b"\x02"  # the subtree, whatever the scope of accounts
        assert b"\x04\x06member" + b"\x04" + bytes([len(DN)]) + DN in search[6]


async def test_the_server_leaves_out_what_has_no_address() -> None:
    """Else the hundreds of groups that are for files would take the room of those for mail."""
    async with asking(in_turn(OWN, (searched(),)), **GROUPS) as ask:
        assert await ask.addresses() == OwnAddresses(ADDRESSES, ())
        present = b"\xa1\x16\x87\x04mail\x87\x0eproxyAddresses"
        assert present in requests_in(ask.server.heard)[2].elements[6]


async def test_a_profile_that_searches_for_nothing_knows_no_addresses() -> None:
    keys: dict[str, Any] = {"auth": "direct", "bind_template": "uid={local},ou=people"}
    async with asking(FakeDirectory(), **keys) as ask:
        expected = ('auth = "direct" does not search for addresses', Fault.REQUEST, False)
        assert ask.words_of(await ask.addresses()) == expected
        assert ask.asked() == [[]]


# Nobody, and several


NOBODY: dict[str, tuple[Steps, type]] = {
    "no entry": ((searched(),), NoEntry),
    "two entries": ((found(), found(b"uid=a"), searched()), ManyEntries),
    "two of more": ((found(), found(b"uid=a"), searched(4)), ManyEntries),
    "our own account": ((found(GATEWAY.encode(), mail=[b"a@example.com"]), searched()), NoEntry),
}


@pytest.mark.parametrize(("search", "kind"), NOBODY.values(), ids=NOBODY)
async def test_nobody_and_several_own_nothing_and_their_groups_are_not_asked_for(
    search: Steps, kind: type
) -> None:
    async with asking(FakeDirectory(search=search), FakeDirectory(), **GROUPS) as ask:
        assert isinstance(await ask.addresses(), kind)
        assert ask.asked() == [FIND, []]


async def test_an_entry_without_addresses_owns_none() -> None:
    async with asking(FakeDirectory()) as ask:
        assert await ask.addresses() == OwnAddresses((), ())


# Known in part


PART: dict[str, tuple[Steps, AddressesResult]] = {
    "size limit": (
        (SALES, searched(4)),
        OwnAddresses(ADDRESSES, ("sales@example.com",), "send_as_filter: Size limit exceeded (4)"),
    ),
    "refused": (
        (searched(50, b"no\x07"),),
        OwnAddresses(ADDRESSES, (), "send_as_filter: Insufficient access (50): no?"),
    ),
    "as many as there may be": (
        (*[SALES] * 100, searched()),
        OwnAddresses(ADDRESSES, ("sales@example.com",)),
    ),
    "one more": (
        (*[SALES] * 101, searched()),
        OwnAddresses(
            ADDRESSES, ("sales@example.com",), "send_as_filter finds more than 100 entries"
        ),
    ),
}


@pytest.mark.parametrize(("groups", "expected"), PART.values(), ids=PART)
async def test_what_is_found_counts_and_that_there_may_be_more_is_said(
    groups: Steps, expected: AddressesResult
) -> None:
    async with asking(in_turn(OWN, groups), FakeDirectory(), **GROUPS) as ask:
        assert await ask.addresses() == expected
        assert ask.asked() == [[*FIND, "search"], []]


@pytest.mark.parametrize(("number", "missing"), [(1000, False), (1001, True), (4000, True)])
async def test_of_more_than_a_thousand_values_the_rest_is_not_read(
    number: int, missing: bool
) -> None:
    values = [b"%d@example.com" % one for one in range(number)]
    expected = tuple(f"{one}@example.com" for one in range(min(number, 1000)))
    text = "more than 1000 values in address_attributes" if missing else ""
    own: Steps = (found(mail=values), searched())
    async with asking(FakeDirectory(search=own)) as ask:
        assert await ask.addresses() == OwnAddresses(expected, (), text)
    several: Steps = (
        *[found(mail=values[start : start + 100]) for start in range(0, number, 100)],
    )
    async with asking(in_turn(OWN, (*several, searched())), **GROUPS) as ask:
        assert await ask.addresses() == OwnAddresses(ADDRESSES, expected, text)


# Hosts


FAILING: dict[str, dict[str, Any]] = {
    "silent before": {"service": (hang,)},
    "closed before": {"service": (reset,)},
    "busy before": {"service": (bound(51),)},
    "silent": {"search": (hang,)},
    "closed": {"search": (reset,)},
    "closed behind an entry": {"search": (found(), reset)},
    "busy": {"search": (searched(51),)},
    "out of time": {"search": (found(), searched(3))},
}


@pytest.mark.parametrize("steps", FAILING.values(), ids=FAILING)
async def test_behind_one_that_cannot_say_the_next_is_asked_in_time(steps: dict[str, Any]) -> None:
    async with asking(FakeDirectory(**steps), FakeDirectory(search=OWN), **KEYS) as ask:
        assert await ask.addresses(1.5) == OwnAddresses(ADDRESSES, ())
        assert ask.asked()[1] == FIND


@pytest.mark.parametrize("groups", [(hang,), (SALES, reset), (SALES, searched(51))])
async def test_also_when_it_fails_half_way(groups: Steps) -> None:
    """What it said of the account is asked for anew."""
    second = in_turn(OWN, (INFO, searched()))
    async with asking(in_turn(OWN, groups), second, **GROUPS) as ask:
        info = ("info@example.com", "alice@example.com")
        assert await ask.addresses(1.5) == OwnAddresses(ADDRESSES, info)
        assert ask.asked() == [[*FIND, "search"]] * 2


async def test_when_all_fail_each_is_named_within_the_time() -> None:
    silent, busy = FakeDirectory(service=(hang,)), FakeDirectory(search=(searched(51),))
    async with asking(silent, busy) as ask:
        text, fault, _ = ask.words_of(await ask.addresses(0.8))
        assert text == (
            "no answer to a login from 127.0.0.1 port N1 within N s; "
            "127.0.0.1 port N2: Server is busy (51)"
        )
        assert fault is Fault.HOST


FINAL: dict[str, tuple[Stage, Steps, tuple[str, Fault, bool]]] = {
    "size limit": (
        "search",
        (found(), searched(4)),
        ("search: Size limit exceeded (4)", Fault.REQUEST, False),
    ),
    "no such base": (
        "search",
        (searched(32),),
        ("search: No such object (32)", Fault.REQUEST, False),
    ),
    "our account refused": (
        "service",
        (bound(49),),
        ("Invalid credentials (49)", Fault.ACCOUNT, False),
    ),
}


@pytest.mark.parametrize(("stage", "steps", "expected"), FINAL.values(), ids=FINAL)
async def test_what_another_host_would_say_too_is_final(
    stage: Stage, steps: Steps, expected: tuple[str, Fault, bool]
) -> None:
    failing: dict[str, Any] = {stage: steps}
    async with asking(FakeDirectory(**failing), FakeDirectory(search=OWN)) as ask:
        assert ask.words_of(await ask.addresses()) == expected
        assert ask.asked()[1] == []


async def test_which_hosts_are_avoided_is_known_to_logins_and_to_this() -> None:
    first, second = FakeDirectory(service=(reset,)), FakeDirectory(search=OWN)
    async with asking(first, second) as ask:
        await ask.addresses()
        first.service = (bound(),)
        ask.asked()
        assert isinstance(await ask.ask(), Bound)
        assert ask.asked() == [[], ["search", "login"]]
        ask.later = 31.0
        first.search = (reset,)
        await ask.ask()
        ask.asked()
        await ask.addresses()
        assert ask.asked() == [[], ["search"]]


async def test_no_more_are_asked_at_the_same_time_than_logins_may_be() -> None:
    may_answer = threading.Event()

    def wait(_: Peer) -> None:
        may_answer.wait(10)

    fake = FakeDirectory(search=(wait, *OWN))
    async with asking(fake, max_connections=2, **KEYS) as ask:
        working = [asyncio.create_task(_addresses(ask)) for _ in range(2)]
        await settled(lambda: fake.asked.count("search") == 2)
        text, fault, _ = ask.words_of(await ask.addresses(0.3))
        assert text == "all 2 sessions at 127.0.0.1 (max_connections) are in use"
        assert fault is Fault.HOST
        assert len(ask.server.peers) == 2
        may_answer.set()
        assert await asyncio.gather(*working) == [OwnAddresses(ADDRESSES, ())] * 2


async def _addresses(ask: Asking) -> AddressesResult:
    return await ask.addresses(10.0, ALICE)
