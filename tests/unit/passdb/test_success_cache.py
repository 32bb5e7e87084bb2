"""Which passwords are accepted by heart, and when somebody is asked."""

import asyncio
from dataclasses import dataclass, field

import pytest
from lab.leftovers import settled

from bridge_common.deadline import Deadline
from bridge_common.identity import Identity, LoginForm
from bridge_common.secret import Secret
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.success_cache import CacheRules, SuccessCache, Successes
from sasl_bridge.verdict import Answer, Step, Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE


def login(
    local: str = "alice",
    password: bytes = b"hers",
    form: LoginForm = LoginForm.ADDRESS,
    client: str = "192.0.2.1",
) -> Credentials:
    return Credentials(Identity(local, "example.com", form), Secret(password), client)


FIVE_MINUTES = CacheRules(ttl=300.0)
ALICE = login()
HER_NEW_ONE = login(password=b"her new one")
BARE = login(form=LoginForm.BARE)


def says(verdict: Verdict, identity: str = "alice@example.com") -> Answer:
    step = Step("mail", verdict, "its words", 0.2)
    return Answer(verdict, identity, "mail", "its words", (step,), password_sent=True)


@dataclass
class Servers:
    """Those who are asked: they answer ``verdict``, once they may."""

    answer: Answer = field(default_factory=lambda: says(ACCEPTED))
    asked: list[Credentials] = field(default_factory=list)
    cancelled: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        self.asked.append(credentials)
        answer = self.answer
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        await asyncio.sleep(0)  # an answer takes time
        return answer


class Lab:
    """A cache before servers; the time in seconds; servers answer at once unless they are held."""

    def __init__(self, rules: CacheRules = FIVE_MINUTES, *, held: bool = False) -> None:
        self.now = 1000.0
        self.servers = Servers()
        if not held:
            self.servers.may_answer.set()
        self.successes = Successes(size=100)
        self.cache = self.with_rules(rules)

    def with_rules(self, rules: CacheRules) -> SuccessCache:
        """Return another cache of the same memory, as after a reload."""
        return SuccessCache(self.servers, rules, self.successes, lambda: self.now)

    async def verify(self, credentials: Credentials = ALICE, seconds: float = 8.0) -> Answer:
        return await self.cache.verify(credentials, Deadline.after(seconds))

    async def is_asked(self, credentials: Credentials = ALICE) -> bool:
        """Say whether the servers are asked about this login, which they accept."""
        self.servers.answer = says(ACCEPTED)
        before = len(self.servers.asked)
        await self.verify(credentials)
        return len(self.servers.asked) > before


# What is remembered


async def test_a_password_that_worked_is_accepted_again_and_nobody_is_asked() -> None:
    lab = Lab()
    assert await lab.verify() == says(ACCEPTED)
    lab.now += 299.9
    again = await lab.verify()
    assert again.reason.startswith("mail accepted it at ")
    assert again == Answer(ACCEPTED, "alice@example.com", "cache", again.reason)
    assert len(lab.servers.asked) == 1
    assert lab.successes.hits == 1


async def test_its_time_counts_from_before_the_servers_were_asked_and_is_not_prolonged() -> None:
    lab = Lab(held=True)
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
    lab = Lab()
    await lab.verify()
    assert await lab.is_asked(other)


async def test_the_client_matters_where_servers_are_told_of_it() -> None:
    elsewhere = login(client="192.0.2.2")
    lab = Lab()
    await lab.verify()
    assert not await lab.is_asked(elsewhere)
    lab = Lab(CacheRules(ttl=300.0, by_client=True))
    await lab.verify()
    assert await lab.is_asked(elsewhere)
    assert not await lab.is_asked(ALICE)


async def test_an_account_s_own_name_is_remembered_with_it() -> None:
    lab = Lab()
    lab.servers.answer = says(ACCEPTED, "alice.smith@example.com")
    await lab.verify()
    assert (await lab.verify()).identity == "alice.smith@example.com"


async def test_other_servers_are_asked_anew_and_the_same_ones_are_not() -> None:
    lab = Lab(CacheRules(ttl=300.0, scope=b"these"))
    await lab.verify()
    lab.cache = lab.with_rules(CacheRules(ttl=300.0, scope=b"these"))
    assert not await lab.is_asked()
    lab.cache = lab.with_rules(CacheRules(ttl=300.0, scope=b"others"))
    assert await lab.is_asked()


async def test_a_shorter_time_holds_for_what_was_remembered_before() -> None:
    lab = Lab()
    await lab.verify()
    lab.now += 60
    lab.cache = lab.with_rules(CacheRules(ttl=60.0))
    assert await lab.is_asked()


async def test_with_no_time_nothing_is_remembered() -> None:
    lab = Lab(CacheRules(ttl=0.0))
    await lab.verify()
    assert len(lab.successes) == 0
    assert await lab.is_asked()


async def test_the_oldest_goes_first() -> None:
    lab = Lab()
    for number in range(101):
        await lab.verify(login(f"user{number}"))
    assert len(lab.successes) == 100
    assert not await lab.is_asked(login("user1"))
    assert await lab.is_asked(login("user0"))


async def test_no_password_is_kept() -> None:
    lab = Lab()
    await lab.verify(login(password=b"correct horse"))
    assert "correct horse" not in repr(vars(lab.successes))


@pytest.mark.parametrize("identity", ["", "alice@example.com\u200b"])
async def test_a_yes_that_cannot_be_told_is_not_remembered(identity: str) -> None:
    lab = Lab()
    lab.servers.answer = says(ACCEPTED, identity)
    await lab.verify()
    assert len(lab.successes) == 0


# What ends it


async def test_a_new_password_that_works_drops_the_old_one() -> None:
    lab = Lab()
    await lab.verify()
    await lab.verify(HER_NEW_ONE)
    assert not await lab.is_asked(HER_NEW_ONE)
    assert await lab.is_asked(ALICE)


async def test_a_new_password_drops_the_old_one_of_the_login_s_other_forms() -> None:
    lab = Lab()
    await lab.verify(BARE)
    await lab.verify(HER_NEW_ONE)
    assert await lab.is_asked(BARE)


async def test_a_no_to_a_password_forgets_it_in_every_form() -> None:
    """Asked anew, as `bridgectl login` does, or in another form, which was not remembered."""
    lab = Lab()
    await lab.verify()
    lab.servers.answer = says(REJECTED)
    assert (await lab.cache.ask(ALICE, Deadline.after(8))).verdict is REJECTED
    assert await lab.is_asked(ALICE)
    lab.servers.answer = says(REJECTED)
    assert (await lab.verify(BARE)).verdict is REJECTED
    assert await lab.is_asked(ALICE)


async def test_a_no_to_another_password_forgets_nothing() -> None:
    lab = Lab()
    await lab.verify()
    lab.servers.answer = says(REJECTED)
    assert (await lab.verify(HER_NEW_ONE)).verdict is REJECTED
    assert not await lab.is_asked(ALICE)


async def test_what_is_flushed_is_gone_at_once() -> None:
    lab = Lab()
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
    lab = Lab()
    lab.servers.answer = says(ACCEPTED, "alice.smith@example.com")
    await lab.verify()
    assert lab.successes.flush("alice.smith@example.com") == 1


async def test_a_yes_that_was_under_way_at_a_flush_is_answered_and_not_remembered() -> None:
    lab = Lab(held=True)
    under_way = asyncio.create_task(lab.verify())
    await settled(lambda: bool(lab.servers.asked))
    lab.successes.flush("alice@example.com")
    lab.servers.may_answer.set()
    assert (await under_way).verdict is ACCEPTED
    assert len(lab.successes) == 0


# Grace


GRACE = CacheRules(ttl=300.0, grace=3600.0)


async def test_in_an_outage_a_password_that_worked_is_accepted_for_the_time_of_grace() -> None:
    lab = Lab(GRACE)
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
    lab = Lab(GRACE)
    await lab.verify()
    lab.servers.answer = says(UNAVAILABLE)
    assert (await lab.verify(HER_NEW_ONE)).verdict is UNAVAILABLE


async def test_no_grace_where_a_server_said_no() -> None:
    """It may be the one that knows: the password was changed, and the other server is down."""
    lab = Lab(GRACE)
    await lab.verify()
    lab.now += 400
    no = Step("first", REJECTED, "no", 0.1)
    lab.servers.answer = Answer(
        UNAVAILABLE, "alice@example.com", "mail", "down", (no, *says(UNAVAILABLE).steps)
    )
    assert (await lab.verify()).verdict is UNAVAILABLE
    lab.servers.answer = says(UNAVAILABLE)
    assert (await lab.verify()).verdict is UNAVAILABLE


async def test_no_grace_after_a_no_a_flush_or_without_the_setting() -> None:
    lab = Lab(GRACE)
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
    lab = Lab()
    await lab.verify()
    lab.now += 400
    lab.servers.answer = says(UNAVAILABLE)
    assert (await lab.verify()).verdict is UNAVAILABLE


async def test_no_grace_for_a_login_that_was_flushed_while_it_was_verified() -> None:
    lab = Lab(GRACE, held=True)
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


# One at a time


async def begun(lab: Lab, count: int, seconds: float = 8.0) -> list[asyncio.Task[Answer]]:
    """Begin logins of Alice at the same time; return once somebody is asked."""
    tasks = [asyncio.create_task(lab.verify(seconds=seconds)) for _ in range(count)]
    await settled(lambda: bool(lab.servers.asked))
    return tasks


@pytest.mark.parametrize("verdict", [ACCEPTED, REJECTED])
async def test_the_same_login_is_verified_once_for_all_who_ask_at_the_time(
    verdict: Verdict,
) -> None:
    lab = Lab(held=True)
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
    lab = Lab(CacheRules(ttl=0.0), held=True)
    tasks = await begun(lab, 20)
    lab.servers.may_answer.set()
    assert [await task for task in tasks] == [says(ACCEPTED)] * 20
    assert len(lab.servers.asked) == 20


async def test_other_passwords_of_the_login_are_verified_beside_it() -> None:
    lab = Lab(held=True)
    await begun(lab, 1)
    other = asyncio.create_task(lab.verify(HER_NEW_ONE))
    await settled(lambda: len(lab.servers.asked) == 2)
    lab.servers.may_answer.set()
    assert await other == says(ACCEPTED)


async def test_who_follows_has_a_deadline_of_its_own() -> None:
    lab = Lab(held=True)
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
    lab = Lab(held=True)
    lab.servers.answer = says(UNAVAILABLE)
    first, *others = await begun(lab, 10)
    lab.servers.may_answer.set()
    lab.servers.answer = says(ACCEPTED)
    assert (await first).verdict is UNAVAILABLE
    assert {(await other).verdict for other in others} == {ACCEPTED}
    assert len(lab.servers.asked) == 2


async def test_who_followed_in_vain_twice_is_told_so() -> None:
    lab = Lab(held=True)
    lab.servers.answer = says(UNAVAILABLE)
    tasks = await begun(lab, 10)
    lab.servers.may_answer.set()
    assert {(await task).verdict for task in tasks} == {UNAVAILABLE}
    assert len(lab.servers.asked) == 2


async def test_who_leads_may_go_and_one_of_the_others_asks() -> None:
    lab = Lab(held=True)
    first, *others = await begun(lab, 3)
    first.cancel()
    await settled(lambda: len(lab.servers.asked) == 2)
    lab.servers.may_answer.set()
    assert {(await other).verdict for other in others} == {ACCEPTED}
    assert lab.servers.cancelled == 1
    assert lab.successes._flights == {}


async def test_who_follows_may_go() -> None:
    lab = Lab(held=True)
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

    lab = Lab(held=True)
    lab.servers = Faulty()
    lab.cache = lab.with_rules(FIVE_MINUTES)
    first, follower = await begun(lab, 2)
    lab.servers.may_answer.set()
    with pytest.raises(LookupError):
        await first
    assert (await follower).verdict is ACCEPTED
    assert lab.successes._flights == {}
