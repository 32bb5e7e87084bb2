"""What a yes teaches if something came between its question and it, and whom it is told."""

import asyncio

import pytest
from lab.held_passdb import Asked, HeldPassdb
from lab.remembered_logins import ALICE, BARE, FIVE_MINUTES, HER_NEW_ONE, login

from bridge_common.deadline import Deadline
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.success_cache import CacheRules, SuccessCache, Successes
from sasl_bridge.verdict import Answer, Verdict

YES = Answer(Verdict.ACCEPTED, "alice.smith@example.com", "mail", "OK")
NO = Answer(Verdict.REJECTED, "alice@example.com", "mail", "no")


class Lab:
    """A cache before servers that hold every question back."""

    def __init__(self, size: int = 100, rules: CacheRules = FIVE_MINUTES) -> None:
        self.successes = Successes(size)
        self.cache = SuccessCache(HeldPassdb(), rules, self.successes)

    def ask(self, credentials: Credentials) -> Asked:
        asked = Asked(self.cache, credentials, Deadline.after(8.0))
        assert asked.answer is None
        return asked

    def anew(self, credentials: Credentials) -> None:
        """Have it accepted, as `bridgectl login` does, whatever is remembered."""
        asking = self.cache.ask(credentials, Deadline.after(8.0))
        asking.send(None)
        with pytest.raises(StopIteration):
            asking.send(YES)

    def knows(self, credentials: Credentials) -> bool:
        return self.cache.recall(self.cache.keys(credentials)) is not None


def test_a_yes_that_was_under_way_at_a_no_to_that_password_is_not_remembered() -> None:
    """Of two copies of a directory, one may be the older one."""
    lab = Lab()
    first, second = lab.ask(ALICE), lab.ask(BARE)
    second.hear(NO)
    assert first.hear(YES) is YES
    assert not lab.knows(ALICE)


def test_a_yes_that_was_under_way_when_another_password_worked_does_not_replace_it() -> None:
    lab = Lab()
    old, new = lab.ask(ALICE), lab.ask(HER_NEW_ONE)
    new.hear(YES)
    assert old.hear(YES) is YES
    assert lab.knows(HER_NEW_ONE)
    assert not lab.knows(ALICE)


def test_what_is_said_of_another_login_makes_no_difference() -> None:
    lab = Lab()
    hers, his = lab.ask(ALICE), lab.ask(login("bob"))
    his.hear(Answer(Verdict.REJECTED, "bob@example.com", "mail", "no"))
    hers.hear(YES)
    assert lab.knows(ALICE)


def test_what_was_asked_before_a_flush_is_no_answer_to_who_comes_after_it() -> None:
    lab = Lab()
    before = lab.ask(ALICE)
    lab.successes.flush("alice@example.com")
    after = lab.ask(ALICE)
    assert before.hear(YES) is YES
    assert not lab.knows(ALICE)
    assert after.hear(YES) is YES
    assert lab.knows(ALICE)
    assert not lab.successes._flights


def test_what_is_verified_anew_takes_no_other_one_s_place() -> None:
    lab = Lab(size=2)
    for credentials in (ALICE, login("bob"), login("bob"), ALICE):
        lab.anew(credentials)
    assert lab.knows(ALICE)
    assert lab.knows(login("bob"))
    lab.anew(login("carol"))
    assert lab.knows(ALICE)
    assert not lab.knows(login("bob"))


def test_a_login_is_flushed_by_either_name() -> None:
    lab = Lab()
    for name in ("alice@example.com", "alice.smith@example.com"):
        lab.anew(ALICE)
        assert lab.successes.flush(name) == 1
        assert not lab.knows(ALICE)


def test_nothing_is_left_of_what_is_forgotten() -> None:
    lab = Lab()
    for credentials in (ALICE, BARE, login("bob")):
        lab.anew(credentials)
    lab.successes.flush()
    assert vars(lab.successes) == vars(Successes(100))


async def test_who_followed_in_vain_with_no_time_left_asks_nobody() -> None:
    lab, now = Lab(), 1000.0
    leader = lab.ask(ALICE)
    follower = asyncio.create_task(lab.cache.verify(ALICE, Deadline(1008.0, lambda: now)))
    await asyncio.sleep(0)
    now = 1007.6
    leader.hear(Answer(Verdict.UNAVAILABLE, "alice@example.com", "mail", "down"))
    assert (await follower).verdict is Verdict.UNAVAILABLE


def test_grace_needs_no_time_beside_it() -> None:
    lab = Lab(rules=CacheRules(ttl=0.0, grace=300.0))
    lab.anew(ALICE)
    assert not lab.knows(ALICE)
    down = Answer(Verdict.UNAVAILABLE, "alice@example.com", "mail", "down")
    assert lab.ask(ALICE).hear(down).verdict is Verdict.ACCEPTED
    assert lab.ask(HER_NEW_ONE).hear(down) is down
