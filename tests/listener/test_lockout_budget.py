"""How many wrong passwords servers on real sockets get to see, and that right ones all get in."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from lab.asking import GREETING, remote, serving
from lab.asking_directory import asking
from lab.asking_ldap import ALICE, DN, NAMES, SERVICE, closing, corp, errors
from lab.fake_imap import mailboxes
from lab.fake_ldap import FakeDirectory, bound
from lab.fake_server import Behaviour, FakeServer, hang, hang_up, hear, reset, script
from lab.ldap_replies import Entries, Entry, Told
from lab.leftovers import settled
from lab.settings import listed_profile, profile_at, server
from lab.warmth import in_turn, warmed

from bridge_common.deadline import Deadline
from bridge_common.identity import Identity, IdentityRules, LoginForm
from bridge_common.secret import Secret
from bridge_common.settings.read import parse_settings
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.budget import Budget, BudgetedPassdb
from sasl_bridge.passdb.build import Remembered, build_parts, build_passdb
from sasl_bridge.passdb.interface import Passdb
from sasl_bridge.passdb.ldap import LdapPassdb
from sasl_bridge.passdb.lockout import LockoutBudgets
from sasl_bridge.verdict import Answer, Cause, Verdict

ALIASES = [f"alias{number}@example.com" for number in range(10)]
MANY_NAMES = Entry(DN, b"secret", {**NAMES, "mail": ["alice@example.com", *ALIASES]})

_FORGETFUL = (
    '[cache]\nsuccess_ttl = "0s"\nfailure_ttl = "0s"\n[identity]\ndomains = ["example.com"]'
)


def login(password: bytes, local: str = "alice", client: str = "203.0.113.9") -> Credentials:
    identity = Identity(local, "example.com", LoginForm.ADDRESS)
    return Credentials(identity, Secret(password), client)


async def verify(passdb: Passdb, credentials: Credentials, seconds: float = 5.0) -> Answer:
    return await passdb.verify(credentials, Deadline.after(seconds))


def told(answer: Answer) -> tuple[Verdict, bool, Cause | None]:
    return answer.verdict, answer.password_sent, answer.cause


REFUSED = (Verdict.REJECTED, True, None)
NOT_ASKED = (Verdict.UNAVAILABLE, False, Cause.RESTRAINT)


@contextmanager
def pipe(*servers: str) -> Iterator[tuple[Passdb, Remembered]]:
    """Return what asks these servers, as the daemon does."""
    settings = parse_settings("\n".join([_FORGETFUL, *servers])).settings
    parts, remembered = build_parts(settings), Remembered()
    with closing(parts):
        yield build_passdb(settings, parts, remembered), remembered
    parts.close()


# A mail server


async def test_of_a_hundred_guesses_at_once_a_mail_server_sees_three() -> None:
    async with serving(mailboxes({"alice@example.com": b"secret"})) as imap:
        with pipe(server("mail", imap.port)) as (passdb, _):
            guesses = [verify(passdb, login(b"guess %d" % number)) for number in range(100)]
            answers = Counter(told(answer) for answer in await asyncio.gather(*guesses))
            assert answers == {REFUSED: 3, NOT_ASKED: 97}
            assert told(await verify(passdb, login(b"secret"))) == NOT_ASKED


async def test_of_twenty_right_passwords_at_once_all_are_accepted() -> None:
    """A program that sends much mail at once, with no cache to answer it."""
    async with serving(mailboxes({"alice@example.com": b"secret"})) as imap:
        with pipe(server("mail", imap.port)) as (passdb, remembered):
            logins = [verify(passdb, login(b"secret")) for _ in range(20)]
            answers = Counter(answer.verdict for answer in await asyncio.gather(*logins))
            assert answers == {Verdict.ACCEPTED: 20}
            assert remembered.budgets.summary() == {"counted": 0, "spent": 0, "refused": 0}


async def test_who_waits_for_a_turn_waits_no_longer_than_the_deadline() -> None:
    async with serving(hang) as imap:
        with pipe(server("mail", imap.port)) as (passdb, remembered):
            ahead = [
                asyncio.create_task(verify(passdb, login(b"guess %d" % number), 20.0))
                for number in range(3)
            ]
            await settled(lambda: len(imap.peers) == 3)
            answer = await verify(passdb, login(b"secret"), 0.5)
            assert told(answer) == NOT_ASKED
            assert answer.reason == (
                "lock-out budget: as many passwords of alice@example.com as may be wrong "
                "are being tried at mail"
            )
            assert remembered.budgets.refused == 1
            for task in ahead:
                task.cancel()
            await asyncio.wait(ahead)


@pytest.mark.expect_warnings("away, not asked until it is back")
async def test_a_server_that_is_down_uses_nothing_up() -> None:
    with pipe(server("mail", 1)) as (passdb, remembered):
        for _ in range(10):
            assert (await verify(passdb, login(b"secret"))).password_sent is False
        assert remembered.budgets.summary() == {"counted": 0, "spent": 0, "refused": 0}


async def test_nobody_waits_for_a_turn_of_his_own() -> None:
    """As at a second host, after the first one took the password and fell silent."""
    budgets = LockoutBudgets(2)
    with Budget(budgets, "corp").attempt(login(b"guess")) as attempt:
        assert attempt.reserve() == ""
        assert attempt.reserve() != ""
        async with asyncio.timeout(2.0):
            assert not await attempt.has_turn(Deadline.after(60.0))
    assert [one["wrong"] for one in budgets.listed()] == [1]


@pytest.mark.parametrize(
    ("behave", "heard", "counted"),
    [(script(hang), b"", 0), (script(GREETING, hang), b"AUTHENTICATE PLAIN ", 1)],
    ids=["before it greets", "while the password is tried"],
)
async def test_who_gives_up_on_a_silent_server_uses_up_what_was_sent(
    behave: Behaviour, heard: bytes, counted: int
) -> None:
    with FakeServer(behave) as fake, pipe(server("mail", fake.port)) as (passdb, remembered):
        trying = asyncio.create_task(verify(passdb, login(b"guess")))
        await settled(lambda: bool(fake.peers) and heard in fake.heard)
        trying.cancel()
        await asyncio.wait((trying,))
        assert remembered.budgets.summary()["counted"] == counted


@pytest.mark.parametrize(
    ("password", "wrong"), [(b"guess", [2]), (b"secret", [])], ids=["wrong", "right"]
)
async def test_a_password_that_a_connection_took_with_it_counts_twice(
    password: bytes, wrong: list[int]
) -> None:
    stale, good = script(GREETING, hear, hang_up), mailboxes({"alice@example.com": b"secret"})
    async with serving(in_turn(stale, good)) as fake:
        budgets, asked = LockoutBudgets(4), remote(fake.port)
        await warmed(asked)
        await verify(BudgetedPassdb(asked, Budget(budgets, "mail"), "mail"), login(password))
    assert len(fake.peers) == 2
    assert [one["wrong"] for one in budgets.listed()] == wrong


# A directory


async def test_an_account_has_one_budget_by_whatever_names_it_is_guessed() -> None:
    async with corp(MANY_NAMES, lockout_budget=4) as directory:
        answers = [await directory.answer(alias, b"guess") for alias in ALIASES]
        assert [told(answer) for answer in answers] == [*[REFUSED] * 2, *[NOT_ASKED] * 8]
        other = [await directory.answer(alias, alias.encode()) for alias in ALIASES]
        assert [told(answer) for answer in other] == [REFUSED, *[NOT_ASKED] * 9]
        assert told(await directory.answer()) == NOT_ASKED
    assert directory.entries.binds.count(DN) == 3


async def test_of_a_hundred_guesses_at_once_a_directory_sees_three() -> None:
    async with corp(MANY_NAMES, lockout_budget=4) as directory:
        names = ["alice@example.com", *ALIASES]
        guesses = [
            directory.answer(names[number % 11], b"guess %d" % number) for number in range(100)
        ]
        answers = Counter(told(answer) for answer in await asyncio.gather(*guesses))
        assert answers == {REFUSED: 3, NOT_ASKED: 97}
    assert directory.entries.binds.count(DN) == 3


async def test_of_twenty_right_ones_at_once_all_are_accepted_too() -> None:
    async with corp(lockout_budget=4) as directory:
        answers = await asyncio.gather(*(directory.answer() for _ in range(20)))
        assert {answer.verdict for answer in answers} == {Verdict.ACCEPTED}


async def test_guesses_that_are_not_sent_need_no_further_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with corp(lockout_budget=4) as directory:
        for number in range(3):
            await directory.answer(password=b"guess %d" % number)
        before = len(directory.server.peers)
        for number in range(20):
            answer = await directory.answer(password=b"other %d" % number)
            assert told(answer) == NOT_ASKED
            assert answer.source == "corp"
        assert len(directory.server.peers) == before
    assert errors(caplog) == []


async def test_logins_that_a_directory_does_not_know_use_nothing_up() -> None:
    async with corp(lockout_budget=4) as directory:
        for _ in range(10):
            answer = await directory.answer("nobody@example.com", b"guess")
            assert (answer.verdict, answer.password_sent) == (Verdict.REJECTED, False)


async def test_a_name_made_of_the_login_is_an_account_too() -> None:
    template = "uid={local},ou=people,dc=example,dc=com"
    ours = {"identity.domains": '["example.com"]'}
    direct = corp(ours=ours, lockout_budget=4, auth="direct", bind_template=template)
    async with direct as directory:
        answers = [
            told(await directory.answer(password=b"guess %d" % number)) for number in range(10)
        ]
        assert answers == [*[REFUSED] * 3, *[NOT_ASKED] * 7]
    assert directory.entries.binds.count(DN) == 3


@pytest.mark.expect_warnings("identity_attribute")
async def test_a_right_password_counts_as_right_whatever_the_account_lacks() -> None:
    async with corp(identity_attribute="sn", lockout_budget=4) as directory:
        for _ in range(10):
            answer = await directory.answer()
            assert (answer.verdict, answer.cause) == (Verdict.UNAVAILABLE, Cause.ACCOUNT)
    assert directory.entries.binds.count(DN) == 10


@pytest.mark.parametrize("data", ["532", "533", "775"])
async def test_a_no_about_the_account_uses_nothing_up(data: str) -> None:
    text = f"80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {data}"
    async with corp(
        Entry(DN, b"", NAMES, Told(49, f"{text}, v1db1")), lockout_budget=4
    ) as directory:
        answers = [told(await directory.answer()) for _ in range(10)]
        assert answers == [REFUSED] * 10


ALICE_HERSELF = Identity("alice", "example.com", LoginForm.ADDRESS)


async def test_a_password_that_two_hosts_got_counts_twice() -> None:
    """The first one may have looked at it before it was lost."""
    first, second = FakeDirectory(login=(reset,)), FakeDirectory(login=(bound(49),))
    async with asking(first, second) as ask:
        budgets = LockoutBudgets(4)
        budget = Budget(budgets, "corp")
        passdb = LdapPassdb("corp", ask.directory, IdentityRules(frozenset()), (), budget)
        answer = await verify(passdb, Credentials(ALICE_HERSELF, Secret(b"guess")))
        assert told(answer) == REFUSED
        assert [one["wrong"] for one in budgets.listed()] == [2]


async def test_the_second_host_gets_no_password_that_the_budget_has_no_room_for() -> None:
    first, second = FakeDirectory(login=(reset,)), FakeDirectory(login=(bound(49),))
    async with asking(first, second) as ask:
        budgets = LockoutBudgets(1)
        passdb = LdapPassdb(
            "corp", ask.directory, IdentityRules(frozenset()), (), Budget(budgets, "corp")
        )
        answer = await verify(passdb, Credentials(ALICE_HERSELF, Secret(b"guess")))
        assert told(answer) == (Verdict.UNAVAILABLE, True, Cause.RESTRAINT)
        assert [one["wrong"] for one in budgets.listed()] == [1]
        assert ask.asked()[1] == ["service", "search"]


async def test_who_gives_up_while_the_entry_is_searched_for_uses_nothing_up() -> None:
    async with asking(FakeDirectory(search=(hang,))) as ask:
        budgets = LockoutBudgets(4)
        passdb = LdapPassdb(
            "corp", ask.directory, IdentityRules(frozenset()), (), Budget(budgets, "corp")
        )
        trying = asyncio.create_task(verify(passdb, login(b"guess")))
        await settled(lambda: ask.fakes[0].asked == ["service", "search"])
        trying.cancel()
        await asyncio.wait((trying,))
        assert budgets.listed() == []


async def test_who_gives_up_while_the_password_is_tried_uses_one_up() -> None:
    async with asking(FakeDirectory(login=(hang,))) as ask:
        budgets = LockoutBudgets(4)
        passdb = LdapPassdb(
            "corp", ask.directory, IdentityRules(frozenset()), (), Budget(budgets, "corp")
        )
        trying = asyncio.create_task(verify(passdb, login(b"guess")))
        await settled(lambda: ask.fakes[0].asked == ["service", "search", "login"])
        trying.cancel()
        await asyncio.wait((trying,))
        assert [(one["account"], one["wrong"]) for one in budgets.listed()] == [(DN, 1)]


# A directory, and a mail server that asks the same one


async def test_servers_that_ask_the_same_directory_share_a_login_s_budget() -> None:
    async with (
        serving(mailboxes({})) as imap,
        serving(Entries(ALICE, SERVICE)) as ldap,
    ):
        mail = server("mail", imap.port, directory="corp")
        with pipe(mail, listed_profile("corp"), profile_at(ldap.port)) as (passdb, remembered):
            answers = [await verify(passdb, login(b"guess %d" % number)) for number in range(3)]
            assert [told(answer) for answer in answers] == [
                (Verdict.REJECTED, True, None),
                (Verdict.UNAVAILABLE, True, answers[1].cause),
                (Verdict.UNAVAILABLE, False, answers[2].cause),
            ]
            listed = [(one["account"], one["wrong"]) for one in remembered.budgets.listed()]
            assert sorted(listed) == [("alice@example.com", 3), (DN, 1)]


async def test_with_words_of_their_own_they_do_not() -> None:
    async with serving(mailboxes({})) as imap:
        servers = [server("one", imap.port), server("two", imap.port)]
        with pipe(*servers) as (passdb, remembered):
            for number in range(3):
                answer = await verify(passdb, login(b"guess %d" % number))
                assert told(answer) == REFUSED
            listed = [(one["directory"], one["wrong"]) for one in remembered.budgets.listed()]
            assert listed == [("one", 3), ("two", 3)]
