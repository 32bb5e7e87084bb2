"""What real dialogues and directories teach the failure memory, and how long its no takes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from lab.asking import ASKING, remote, serving
from lab.asking_directory import directory_at
from lab.asking_ldap import ALICE, DN, NAMES, SERVICE
from lab.directory_entries import GATEWAY_PASSWORD
from lab.fake_imap import FULL
from lab.fake_pop3 import maildrops
from lab.fake_server import Behaviour, Peer
from lab.ldap_replies import Entries, Entry, Told
from lab.serving import RULES, Scripted, served

from bridge_common.deadline import Deadline
from bridge_common.identity import IdentityRules
from bridge_common.secret import Secret
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.failure_memory import FailureMemory, RememberedFailures
from sasl_bridge.passdb.interface import Passdb
from sasl_bridge.passdb.ldap import LdapPassdb
from sasl_bridge.service import ServiceRules
from sasl_bridge.verdict import Answer, Verdict

ALICE_ASKS = Credentials(ASKING.identity, Secret(b"wrong"))


def imap_that_says(no: str) -> Behaviour:
    """Return a server that refuses every login with these words."""

    def behave(peer: Peer) -> None:
        peer.say(f"* OK [CAPABILITY {FULL}] ready\r\n".encode())
        while True:
            tag, _, command = peer.hear_line().partition(b" ")
            peer.say(tag + (b" OK bye" if command == b"LOGOUT" else no.encode()) + b"\r\n")

    return behave


async def verdicts(passdb: Passdb) -> list[tuple[Verdict, bool, bool]]:
    """Ask three times; return each verdict, whether the password was sent, and `account_state`."""
    remembering = RememberedFailures(passdb, FailureMemory(), b"scope")
    answers: Sequence[Answer] = [
        await remembering.verify(ALICE_ASKS, Deadline.after(5.0)) for _ in range(3)
    ]
    return [(answer.verdict, answer.password_sent, answer.account_state) for answer in answers]


ONCE = [(Verdict.REJECTED, True, False)] + [(Verdict.REJECTED, False, False)] * 2
EACH_TIME = [(Verdict.REJECTED, True, True)] * 3
TROUBLE = [(Verdict.UNAVAILABLE, True, False)] * 3


@pytest.mark.parametrize(
    ("no", "expected"),
    [
        (" NO [AUTHENTICATIONFAILED] out", ONCE),
        (" NO [AUTHORIZATIONFAILED] out", ONCE),
        (" NO out", ONCE),
        (" NO [EXPIRED] out", EACH_TIME),
        (" NO [CONTACTADMIN] out", EACH_TIME),
        (" NO [UNAVAILABLE] out", TROUBLE),
    ],
)
async def test_which_no_of_an_imap_server_is_remembered(
    no: str, expected: list[tuple[Verdict, bool, bool]]
) -> None:
    async with serving(imap_that_says(no)) as server:
        assert await verdicts(remote(server.port)) == expected
    assert len(server.peers) == (1 if expected == ONCE else 3)


async def test_a_no_of_a_pop3_server_is_remembered() -> None:
    async with serving(maildrops({"alice@example.com": b"secret"})) as server:
        assert await verdicts(remote(server.port, protocol="pop3")) == ONCE
    assert len(server.peers) == 1


@asynccontextmanager
async def ldap(
    *known: Entry, identity_attribute: str = ""
) -> AsyncIterator[tuple[Entries, Passdb]]:
    """Serve these entries, and the one of our own account."""
    entries = Entries(*known, SERVICE)
    async with serving(entries) as server:
        directory = directory_at(
            [server.port],
            bind_password=Secret(GATEWAY_PASSWORD.encode()),
            identity_attribute=identity_attribute,
        )
        try:
            yield entries, LdapPassdb("corp", directory, IdentityRules(frozenset({"example.com"})))
        finally:
            directory.close()


def active_directory(data: str) -> Told:
    text = f"80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {data}"
    return Told(49, f"{text}, v1db1")


@pytest.mark.parametrize("bind", [None, active_directory("52e")])
async def test_a_wrong_password_is_tried_once_at_a_directory(bind: Told | None) -> None:
    async with ldap(Entry(DN, b"secret", NAMES, bind=bind)) as (entries, passdb):
        assert await verdicts(passdb) == ONCE
    assert entries.binds.count(DN) == 1


@pytest.mark.parametrize("data", ["530", "531", "532", "533", "701", "773", "775"])
async def test_the_state_of_an_account_is_asked_for_each_time(data: str) -> None:
    async with ldap(Entry(DN, b"secret", NAMES, bind=active_directory(data))) as (entries, passdb):
        assert await verdicts(passdb) == EACH_TIME
    assert entries.binds.count(DN) == 3


async def test_so_is_whose_account_it_is() -> None:
    """The password is right, and the entry may be mended at any moment."""
    names = {**NAMES, "uid": ["alice@elsewhere.example"]}
    async with ldap(Entry(DN, b"wrong", names), identity_attribute="uid") as (_, passdb):
        assert await verdicts(passdb) == EACH_TIME


async def test_a_login_that_a_directory_does_not_know_is_searched_for_once() -> None:
    async with ldap() as (entries, passdb):
        assert await verdicts(passdb) == [(Verdict.REJECTED, False, False)] * 3
    assert len(entries.searches) == 1


async def test_a_yes_is_asked_for_each_time() -> None:
    async with ldap(ALICE) as (entries, passdb):
        remembering = RememberedFailures(passdb, FailureMemory(), b"scope")
        for _ in range(2):
            answer = await remembering.verify(ASKING, Deadline.after(5.0))
            assert (answer.verdict, answer.account_state) == (Verdict.ACCEPTED, False)
    assert entries.binds.count(DN) == 2


class Remembering(Scripted):
    """A pipe whose one server is asked only about what it has not refused lately."""

    def __init__(self) -> None:
        super().__init__()
        self._server = Scripted()
        self._remembering = RememberedFailures(self._server, FailureMemory(), b"scope")

    @property
    def times_asked(self) -> int:
        return len(self._server.asked)

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        return await self._remembering.verify(credentials, deadline)


async def test_a_remembered_no_takes_as_long_as_the_first_one(tmp_path: Path) -> None:
    """Nobody learns by the time which logins and passwords were tried before, or exist."""
    rules = ServiceRules(RULES.admission, connection_timeout=5.0, failure_delay=0.3)
    loop = asyncio.get_running_loop()
    pipe = Remembering()
    async with served(tmp_path, pipe, rules=rules) as (_, client):
        await client.greet()
        logins = ["alice@example.com", "nobody@example.com"] * 2
        for id, login in enumerate(logins, start=1):
            begun = loop.time()
            client.auth(id, "wrong", login=login)
            assert (await client.line()).startswith(f"FAIL\t{id}")
            assert loop.time() - begun >= 0.3 * 0.8 - 0.01
    assert pipe.times_asked == 2
