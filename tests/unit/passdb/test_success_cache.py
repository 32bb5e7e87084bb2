"""Which passwords are accepted by heart, and when somebody is asked."""

import asyncio
from dataclasses import replace

import pytest
from lab.leftovers import settled
from lab.remembered_logins import ALICE, BARE, HER_NEW_ONE, CacheLab, login, says

from bridge_common.deadline import Deadline
from bridge_common.identity import LoginForm
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.success_cache import CacheRules
from sasl_bridge.verdict import Answer, Cause, Step, Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE


# What is remembered


async def test_a_password_that_worked_is_accepted_again_and_nobody_is_asked() -> None:
    lab = CacheLab()
    assert await lab.verify() == says(ACCEPTED)
    lab.now += 299.9
    again = await lab.verify()
    assert again.reason.startswith("mail accepted it at ")
    assert again == Answer(ACCEPTED, "alice@example.com", "cache", again.reason)
    assert len(lab.servers.asked) == 1
    assert lab.successes.hits == 1


async def test_its_time_counts_from_before_the_servers_were_asked_and_is_not_prolonged() -> None:
    lab = CacheLab(held=True)
    first = asyncio.create_task(lab.verify())
    await settled(lambda: bool(lab.servers.asked))
    lab.now += 7.0
    lab.servers.may_answer.set()
    await first
    lab.now += 292.9
    assert not await lab.is_asked()
    lab.now += 0.1
    assert await lab.is_asked()


@pytest.mark.parametrize(
    "other",
    [
        login("bob"),
        HER_NEW_ONE,
        login(password=b"hers "),
        BARE,
        login(form=LoginForm.WINDOWS),
    ],
)
async def test_it_is_for_that_login_in_that_form_with_that_password(other: Credentials) -> None:
    lab = CacheLab()
    await lab.verify()
    assert await lab.is_asked(other)


async def test_the_client_matters_where_servers_are_told_of_it() -> None:
    elsewhere = login(client="192.0.2.2")
    lab = CacheLab()
    await lab.verify()
    assert not await lab.is_asked(elsewhere)
    lab = CacheLab(CacheRules(ttl=300.0, by_client=True))
    await lab.verify()
    assert await lab.is_asked(elsewhere)
    assert not await lab.is_asked(ALICE)


async def test_an_account_s_own_name_is_remembered_with_it() -> None:
    lab = CacheLab()
    lab.servers.answer = says(ACCEPTED, "alice.smith@example.com")
    await lab.verify()
    assert (await lab.verify()).identity == "alice.smith@example.com"


async def test_other_servers_are_asked_anew_and_the_same_ones_are_not() -> None:
    lab = CacheLab(CacheRules(ttl=300.0, scope=b"these"))
    await lab.verify()
    lab.cache = lab.with_rules(CacheRules(ttl=300.0, scope=b"these"))
    assert not await lab.is_asked()
    lab.cache = lab.with_rules(CacheRules(ttl=300.0, scope=b"others"))
    assert await lab.is_asked()


async def test_a_shorter_time_holds_for_what_was_remembered_before() -> None:
    lab = CacheLab()
    await lab.verify()
    lab.now += 60
    lab.cache = lab.with_rules(CacheRules(ttl=60.0))
    assert await lab.is_asked()


async def test_with_no_time_nothing_is_remembered() -> None:
    lab = CacheLab(CacheRules(ttl=0.0))
    await lab.verify()
    assert len(lab.successes) == 0
    assert await lab.is_asked()


async def test_the_oldest_goes_first() -> None:
    lab = CacheLab()
    for number in range(101):
        await lab.verify(login(f"user{number}"))
    assert len(lab.successes) == 100
    assert not await lab.is_asked(login("user1"))
    assert await lab.is_asked(login("user0"))


async def test_no_password_is_kept() -> None:
    lab = CacheLab()
    await lab.verify(login(password=b"correct horse"))
    assert "correct horse" not in repr(vars(lab.successes))


@pytest.mark.parametrize("identity", ["", "alice@example.com\u200b"])
async def test_a_yes_that_cannot_be_told_is_not_remembered(identity: str) -> None:
    lab = CacheLab()
    lab.servers.answer = says(ACCEPTED, identity)
    await lab.verify()
    assert len(lab.successes) == 0


# What ends it


async def test_a_new_password_that_works_drops_the_old_one() -> None:
    lab = CacheLab()
    await lab.verify()
    await lab.verify(HER_NEW_ONE)
    assert not await lab.is_asked(HER_NEW_ONE)
    assert await lab.is_asked(ALICE)


async def test_a_new_password_drops_the_old_one_of_the_login_s_other_forms() -> None:
    lab = CacheLab()
    await lab.verify(BARE)
    await lab.verify(HER_NEW_ONE)
    assert await lab.is_asked(BARE)


async def test_a_no_to_a_password_forgets_it_in_every_form() -> None:
    """Asked anew, as `bridgectl login` does, or in another form, which was not remembered."""
    lab = CacheLab()
    await lab.verify()
    lab.servers.answer = says(REJECTED)
    assert (await lab.cache.ask(ALICE, Deadline.after(8))).verdict is REJECTED
    assert await lab.is_asked(ALICE)
    lab.servers.answer = says(REJECTED)
    assert (await lab.verify(BARE)).verdict is REJECTED
    assert await lab.is_asked(ALICE)


async def test_a_no_to_another_password_forgets_nothing() -> None:
    lab = CacheLab()
    await lab.verify()
    lab.servers.answer = says(REJECTED)
    assert (await lab.verify(HER_NEW_ONE)).verdict is REJECTED
    assert not await lab.is_asked(ALICE)


async def test_what_is_flushed_is_gone_at_once() -> None:
    lab = CacheLab()
    for one in (ALICE, BARE):
        await lab.verify(one)
    lab.servers.answer = says(ACCEPTED, "bob@example.com")
    await lab.verify(login("bob"))
    assert lab.successes.flush("alice@example.com") == 2
    assert not await lab.is_asked(login("bob"))
    assert await lab.is_asked(ALICE)
    assert lab.successes.flush() == 2
    assert await lab.is_asked(login("bob"))


async def test_a_login_is_flushed_by_the_name_of_its_account_too() -> None:
    lab = CacheLab()
    lab.servers.answer = says(ACCEPTED, "alice.smith@example.com")
    await lab.verify()
    assert lab.successes.flush("alice.smith@example.com") == 1


async def test_logins_are_forgotten_by_what_they_have_in_common() -> None:
    lab = CacheLab()
    for name in ("alice", "alina", "bob"):
        lab.servers.answer = says(Verdict.ACCEPTED, f"{name}@example.com")
        await lab.verify(login(name))
    assert lab.successes.forget(lambda known: known.startswith("ali")) == 2
    assert len(lab.successes) == 1


async def test_a_yes_that_was_under_way_at_a_flush_is_answered_and_not_remembered() -> None:
    lab = CacheLab(held=True)
    under_way = asyncio.create_task(lab.verify())
    await settled(lambda: bool(lab.servers.asked))
    lab.successes.flush("alice@example.com")
    lab.servers.may_answer.set()
    assert (await under_way).verdict is ACCEPTED
    assert len(lab.successes) == 0


# Grace


GRACE = CacheRules(ttl=300.0, grace=3600.0)


async def test_in_an_outage_a_password_that_worked_is_accepted_for_the_time_of_grace() -> None:
    lab = CacheLab(GRACE)
    await lab.verify()
    lab.now += 3599.9
    lab.servers.answer = says(UNAVAILABLE)
    answer = await lab.verify()
    assert (answer.verdict, answer.source) == (ACCEPTED, "cache")
    assert answer.reason.startswith("grace, because its words; mail accepted it at ")
    assert answer.steps == says(UNAVAILABLE).steps
    assert lab.successes.graces == 1
    lab.now += 0.1
    assert (await lab.verify()).verdict is UNAVAILABLE


async def test_grace_is_not_for_another_password() -> None:
    lab = CacheLab(GRACE)
    await lab.verify()
    lab.servers.answer = says(UNAVAILABLE)
    assert (await lab.verify(HER_NEW_ONE)).verdict is UNAVAILABLE


async def test_no_grace_where_a_server_said_no() -> None:
    """It may be the one that knows: the password was changed, and the other server is down."""
    lab = CacheLab(GRACE)
    await lab.verify()
    lab.now += 400
    no = Step("first", REJECTED, "no", 0.1)
    lab.servers.answer = Answer(
        UNAVAILABLE, "alice@example.com", "mail", "down", (no, *says(UNAVAILABLE).steps)
    )
    assert (await lab.verify()).verdict is UNAVAILABLE
    lab.servers.answer = says(UNAVAILABLE)
    assert (await lab.verify()).verdict is UNAVAILABLE


async def test_no_grace_where_a_lock_out_budget_kept_a_server_from_being_asked() -> None:
    """A guesser would be let in with an old password, once the budget is spent."""
    lab = CacheLab(GRACE)
    await lab.verify()
    lab.now += 400
    not_asked = replace(says(UNAVAILABLE), cause=Cause.RESTRAINT, password_sent=False)
    lab.servers.answer = not_asked
    assert await lab.verify() is not_asked
    assert lab.successes.graces == 0
    lab.servers.answer = replace(not_asked, cause=Cause.SERVER)
    assert (await lab.verify()).verdict is ACCEPTED


async def test_no_grace_after_a_no_a_flush_or_without_the_setting() -> None:
    lab = CacheLab(GRACE)
    await lab.verify()
    lab.now += 400
    lab.servers.answer = says(REJECTED)
    await lab.verify()
    lab.servers.answer = says(UNAVAILABLE)
    assert (await lab.verify()).verdict is UNAVAILABLE
    lab.servers.answer = says(ACCEPTED)
    await lab.verify()
    lab.successes.flush()
    lab.servers.answer = says(UNAVAILABLE)
    assert (await lab.verify()).verdict is UNAVAILABLE
    lab = CacheLab()
    await lab.verify()
    lab.now += 400
    lab.servers.answer = says(UNAVAILABLE)
    assert (await lab.verify()).verdict is UNAVAILABLE


async def test_no_grace_for_a_login_that_was_flushed_while_it_was_verified() -> None:
    lab = CacheLab(GRACE, held=True)
    lab.servers.may_answer.set()
    await lab.verify()
    lab.now += 400
    lab.servers.may_answer.clear()
    lab.servers.answer = says(UNAVAILABLE)
    under_way = asyncio.create_task(lab.verify())
    await settled(lambda: len(lab.servers.asked) == 2)
    lab.successes.flush("alice@example.com")
    lab.servers.may_answer.set()
    assert (await under_way).verdict is UNAVAILABLE
