"""Which troubles are one host's own, so that the next one is asked, and what is known then."""

import asyncio
import threading
from typing import Any

import pytest
from lab.asking import ALICE
from lab.asking_directory import asking
from lab.fake_ldap import (
    DN,
    GOOD_SEARCH,
    FakeDirectory,
    Steps,
    bound,
    found,
    message,
    searched,
    tlv,
)
from lab.fake_server import Peer, hang, reset
from lab.leftovers import settled

from bridge_common.deadline import Deadline
from bridge_common.directory.results import Bound, Entry, Fault, ManyEntries, NoEntry
from bridge_common.identity import IdentityRules
from bridge_common.secret import Secret
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.ldap import LdapPassdb
from sasl_bridge.verdict import Verdict

ENTRY = Entry(DN.decode(), {})
ALL = ["service", "search", "login"]
NOBODY_KNOWS = (
    b"80090311: LdapErr: DSID-0C09056D, comment: AcceptSecurityContext error, data 51f, v1db1"
)

OWN_TROUBLE = [
    *(pytest.param("service", bound(code), id=f"service {code}") for code in (1, 3, 51, 52, 80)),
    pytest.param("service", bound(49, NOBODY_KNOWS), id="service no logon servers"),
    *(pytest.param("search", searched(code), id=f"search {code}") for code in (3, 51, 52, 80)),
    *(pytest.param("login", bound(code), id=f"login {code}") for code in (3, 51, 52, 80)),
]
GARBLED = [
    pytest.param("service", tlv(0x61, b"\x0a\x01"), 3, id="service"),
    pytest.param("search", tlv(0x64, b"\x04\x05abc"), 3, id="search"),
    pytest.param("login", tlv(0x61, b"\x0a\x01"), 3, id="login"),
]


# The host's own trouble


@pytest.mark.parametrize(("stage", "operation"), OWN_TROUBLE)
async def test_a_host_that_cannot_now_hands_over_to_the_next(stage: str, operation: bytes) -> None:
    steps: dict[str, Any] = {stage: (operation,)}
    async with asking(FakeDirectory(**steps), FakeDirectory()) as ask:
        assert await ask.ask() == Bound(ENTRY)
        assert ask.asked() == [ALL[: ALL.index(stage) + 1], ALL]


async def test_a_domain_controller_that_reaches_nobody_says_no_no() -> None:
    """ERROR_NO_LOGON_SERVERS comes as result 49, which else means a wrong password."""
    cut_off = FakeDirectory(login=(bound(49, NOBODY_KNOWS),))
    async with asking(cut_off) as ask:
        why = "the domain controller reaches nobody who knows the account (data 51f)"
        assert await ask.trouble() == (why, Fault.HOST, True)
    async with asking(cut_off, FakeDirectory()) as ask:
        assert await ask.ask() == Bound(ENTRY)


@pytest.mark.parametrize(("stage", "operation", "connections"), GARBLED)
async def test_after_a_garbled_answer_the_next_is_asked_and_the_connection_is_not(
    stage: str, operation: bytes, connections: int
) -> None:
    steps: dict[str, Any] = {stage: (operation,)}
    first = FakeDirectory(**steps)
    async with asking(first, FakeDirectory()) as ask:
        assert await ask.ask() == Bound(ENTRY)
        setattr(first, stage, GOOD_SEARCH if stage == "search" else (bound(),))
        ask.asked()
        ask.later = 31.0
        assert await ask.ask() == Bound(ENTRY)
        assert ask.asked()[1] == []
        assert len(ask.server.peers) == connections


# Our own account


@pytest.mark.parametrize("code", [1, 3, 51, 52, 80])
async def test_a_host_that_cannot_now_has_not_refused_our_own_account(code: int) -> None:
    """So the next login tries it again at once."""
    fake = FakeDirectory(service=(bound(code),))
    async with asking(fake) as ask:
        detail, fault, sent = await ask.trouble()
        assert detail.startswith("127.0.0.1 port N: ")
        assert (fault, sent) == (Fault.HOST, False)
        fake.service = (bound(),)
        assert await ask.ask() == Bound(ENTRY)


@pytest.mark.parametrize("code", [8, 13, 32, 34, 48, 49, 50, 53])
async def test_our_own_account_refused_is_so_at_every_host(code: int) -> None:
    """Nor is it tried again for each login: it would be locked."""
    async with asking(FakeDirectory(service=(bound(code),)), FakeDirectory()) as ask:
        for _ in range(2):
            _, fault, sent = await ask.trouble()
            assert (fault, sent) == (Fault.ACCOUNT, False)
        assert ask.asked() == [["service"], []]


# What the first host did


@pytest.mark.parametrize(
    ("search", "kind", "verdict"),
    [
        ((searched(),), NoEntry, Verdict.REJECTED),
        ((found(), found(b"uid=a"), searched()), ManyEntries, Verdict.UNAVAILABLE),
    ],
)
@pytest.mark.expect_warnings("several entries match")
async def test_a_password_that_the_first_host_got_was_sent(
    search: Steps, kind: type, verdict: Verdict
) -> None:
    """The next one finds nobody to try it with."""
    async with asking(FakeDirectory(login=(reset,)), FakeDirectory(search=search)) as ask:
        result = await ask.ask()
        assert isinstance(result, kind)
        assert isinstance(result, NoEntry | ManyEntries)
        assert result.password_sent
        ask.directory.hosts[0].avoided_until = 0.0
        passdb = LdapPassdb("corp", ask.directory, IdentityRules(frozenset()))
        answer = await passdb.verify(Credentials(ALICE, Secret(b"secret")), Deadline.after(5.0))
        assert (answer.verdict, answer.password_sent) == (verdict, True)


async def test_a_turn_at_the_very_end_is_no_chance_to_fail() -> None:
    """By the asker's clock a tenth of a second is left when the other login is done."""
    may_answer = threading.Event()

    def wait(peer: Peer) -> None:
        may_answer.wait(10)
        peer.say(message(1, bound()))

    fake = FakeDirectory(login=(wait,))
    async with asking(fake, max_connections=1) as ask:
        ahead = asyncio.create_task(
            ask.directory.authenticate(ALICE, Secret(b"a"), Deadline.after(9.0))
        )
        await settled(lambda: fake.asked == ALL)
        deadline = Deadline.after(0.9, ask.clock)
        behind = asyncio.create_task(ask.directory.authenticate(ALICE, Secret(b"b"), deadline))
        await asyncio.sleep(0)  # it waits for its turn
        ask.later = 0.8
        fake.search = (hang,)
        may_answer.set()
        assert await ahead == Bound(ENTRY)
        assert "no answer to a search" in (await behind).detail  # type: ignore[union-attr]  # trouble
        assert ask.directory.hosts[0].avoided_until == 0.0
