"""The same login many times at once: verified once, and what becomes of those who wait for it."""

import asyncio

import pytest
from lab.leftovers import settled
from lab.remembered_logins import FIVE_MINUTES, HER_NEW_ONE, CacheLab, Servers, says

from bridge_common.deadline import Deadline
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.success_cache import CacheRules
from sasl_bridge.verdict import Answer, Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE


async def begun(lab: CacheLab, count: int, seconds: float = 8.0) -> list[asyncio.Task[Answer]]:
    """Begin logins of Alice at the same time; return once somebody is asked."""
    tasks = [asyncio.create_task(lab.verify(seconds=seconds)) for _ in range(count)]
    await settled(lambda: bool(lab.servers.asked))
    return tasks


@pytest.mark.parametrize("verdict", [ACCEPTED, REJECTED])
async def test_the_same_login_is_verified_once_for_all_who_ask_at_the_time(
    verdict: Verdict,
) -> None:
    lab = CacheLab(held=True)
    lab.servers.answer = says(verdict)
    first, *others = await begun(lab, 20)
    lab.servers.may_answer.set()
    assert await first == says(verdict)
    together = Answer(
        verdict,
        "alice@example.com",
        "mail",
        "its words (asked for another login of the same)",
    )
    assert [await other for other in others] == [together] * 19
    assert len(lab.servers.asked) == 1
    assert lab.successes._flights == {}


async def test_with_no_time_each_login_is_verified_by_itself() -> None:
    lab = CacheLab(CacheRules(ttl=0.0), held=True)
    tasks = await begun(lab, 20)
    lab.servers.may_answer.set()
    assert [await task for task in tasks] == [says(ACCEPTED)] * 20
    assert len(lab.servers.asked) == 20


async def test_other_passwords_of_the_login_are_verified_beside_it() -> None:
    lab = CacheLab(held=True)
    await begun(lab, 1)
    other = asyncio.create_task(lab.verify(HER_NEW_ONE))
    await settled(lambda: len(lab.servers.asked) == 2)
    lab.servers.may_answer.set()
    assert await other == says(ACCEPTED)


async def test_who_follows_has_a_deadline_of_its_own() -> None:
    lab = CacheLab(held=True)
    (first,) = await begun(lab, 1)
    follower = asyncio.create_task(lab.verify(seconds=0.1))
    answer = await follower
    assert answer.verdict is UNAVAILABLE
    assert answer.reason == "the same login was being verified, and no answer came of it"
    assert not first.done()
    lab.servers.may_answer.set()
    await first


async def test_who_followed_in_vain_asks_once_more() -> None:
    """One of them does, and the others follow it."""
    lab = CacheLab(held=True)
    lab.servers.answer = says(UNAVAILABLE)
    first, *others = await begun(lab, 10)
    lab.servers.may_answer.set()
    lab.servers.answer = says(ACCEPTED)
    assert (await first).verdict is UNAVAILABLE
    assert {(await other).verdict for other in others} == {ACCEPTED}
    assert len(lab.servers.asked) == 2


async def test_who_followed_in_vain_twice_is_told_so() -> None:
    lab = CacheLab(held=True)
    lab.servers.answer = says(UNAVAILABLE)
    tasks = await begun(lab, 10)
    lab.servers.may_answer.set()
    assert {(await task).verdict for task in tasks} == {UNAVAILABLE}
    assert len(lab.servers.asked) == 2


async def test_who_leads_may_go_and_one_of_the_others_asks() -> None:
    lab = CacheLab(held=True)
    first, *others = await begun(lab, 3)
    first.cancel()
    await settled(lambda: len(lab.servers.asked) == 2)
    lab.servers.may_answer.set()
    assert {(await other).verdict for other in others} == {ACCEPTED}
    assert lab.servers.cancelled == 1
    assert lab.successes._flights == {}


async def test_who_follows_may_go() -> None:
    lab = CacheLab(held=True)
    first, follower = await begun(lab, 2)
    follower.cancel()
    lab.servers.may_answer.set()
    assert await first == says(ACCEPTED)
    assert lab.servers.cancelled == 0


async def test_a_fault_below_is_no_answer_to_those_who_follow() -> None:
    class Faulty(Servers):
        async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
            answer = await super().verify(credentials, deadline)
            if len(self.asked) == 1:
                raise LookupError
            return answer

    lab = CacheLab(held=True)
    lab.servers = Faulty()
    lab.cache = lab.with_rules(FIVE_MINUTES)
    first, follower = await begun(lab, 2)
    lab.servers.may_answer.set()
    with pytest.raises(LookupError):
        await first
    assert (await follower).verdict is ACCEPTED
    assert lab.successes._flights == {}
