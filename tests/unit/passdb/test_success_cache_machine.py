"""The law of the success cache, against a model.

Nobody is accepted by heart, or in grace, but for just this scope, login, form, password and, where
it matters, client, that was accepted within its time as counted from before it was asked; with no
no to that password, no other password of that address, and no flush since then.
Nor does anybody who comes after such a thing get the answer to a question from before it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bridge_common.deadline import Deadline
from bridge_common.identity import Identity, LoginForm
from bridge_common.secret import Secret
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.success_cache import CacheRules, SuccessCache, Successes
from sasl_bridge.verdict import Answer, Step, Verdict

Login = tuple[bytes, str, LoginForm, str]
"""Scope, address, form, and the client where it matters."""

RULES = [
    CacheRules(ttl=30.0, scope=b"these"),
    CacheRules(ttl=10.0, grace=60.0, scope=b"these"),
    CacheRules(ttl=30.0, grace=30.0, scope=b"others", by_client=True),
    CacheRules(ttl=0.0, scope=b"others", by_client=True),
]

CREDENTIALS = st.builds(
    Credentials,
    st.builds(
        Identity,
        st.sampled_from(["alice", "bob"]),
        st.just("example.com"),
        st.sampled_from([LoginForm.ADDRESS, LoginForm.BARE]),
    ),
    st.builds(Secret, st.sampled_from([b"one", b"two"])),
    st.sampled_from(["192.0.2.1", "192.0.2.2"]),
)


class HeldServers:
    """Hold every question back until its future is told the answer."""

    def __init__(self) -> None:
        self.held: list[asyncio.Future[Answer]] = []

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        self.held.append(asyncio.get_running_loop().create_future())
        return await self.held[-1]


@dataclass(eq=False)
class Asker:
    """Somebody who waits for an answer; ``again``: has followed in vain already."""

    task: asyncio.Task[Answer]
    deadline: Deadline
    rules: CacheRules
    again: bool = False


@dataclass(eq=False)
class Question:
    """What the servers have not answered. ``overtaken``: nothing is to be learnt from its yes."""

    login: Login
    password: bytes
    leader: Asker
    began: float
    held: asyncio.Future[Answer]
    overtaken: bool = False
    followers: list[Asker] = field(default_factory=list)


@dataclass
class Yes:
    """A password that worked."""

    password: bytes
    began: float


def _lasting(asker: Asker) -> float:
    """Return for how long a yes is remembered; without that, each asks by itself."""
    return max(asker.rules.ttl, asker.rules.grace)


class Cache(RuleBasedStateMachine):
    """One memory, reloads with other rules, any number of questions at a time."""

    @initialize(size=st.sampled_from([1, 2, 100]))
    def begin(self, size: int) -> None:
        self.runner = asyncio.Runner()
        self.now = 1000.0
        self.servers = HeldServers()
        self.successes = Successes(size)
        self.in_force = RULES[0]
        self.cache = SuccessCache(self.servers, self.in_force, self.successes, lambda: self.now)
        self.known: dict[Login, Yes] = {}  # oldest first
        self.under_way: list[Question] = []
        self.hits = self.graces = 0

    # What the loop does

    def settle(self) -> None:
        async def turns() -> None:
            for _ in range(12):
                await asyncio.sleep(0)

        self.runner.run(turns())

    def answer_of(self, asker: Asker) -> Answer:
        assert asker.task.done()
        return asker.task.result()

    # What happens

    @rule(rules=st.sampled_from(RULES))
    def reload(self, rules: CacheRules) -> None:
        self.in_force = rules
        self.cache = SuccessCache(self.servers, rules, self.successes, lambda: self.now)

    @rule(credentials=CREDENTIALS, seconds=st.sampled_from([0.0, 8.0]), anew=st.booleans())
    def ask(self, credentials: Credentials, seconds: float, anew: bool) -> None:
        identity, password = credentials.identity, credentials.password.reveal()
        client = credentials.client if self.in_force.by_client else ""
        login = (self.in_force.scope, identity.address, identity.form, client)
        deadline = Deadline(self.now + seconds, lambda: self.now)
        asking = self.cache.ask if anew else self.cache.verify
        task = self.runner.get_loop().create_task(asking(credentials, deadline))
        asker = Asker(task, deadline, self.in_force)
        self.settle()
        if not anew and self.is_known(login, password, self.in_force.ttl):
            self.hits += 1
            answer = self.answer_of(asker)
            said = (answer.verdict, answer.identity, answer.source, answer.steps)
            assert said == (Verdict.ACCEPTED, identity.address, "cache", ())
            assert answer.reason.startswith("mail accepted it at ")
        else:
            self.join_or_lead(login, password, asker)

    def is_known(self, login: Login, password: bytes, seconds: float) -> bool:
        known = self.known.get(login)
        return known is not None and known.password == password and self.now - known.began < seconds

    def join_or_lead(self, login: Login, password: bytes, asker: Asker) -> None:
        """Follow the same question, unless something has come between; else the servers ask."""
        for question in self.under_way if _lasting(asker) else ():
            same = (question.login, question.password) == (login, password)
            if same and not question.overtaken and _lasting(question.leader):
                if asker.deadline.remaining():
                    assert not asker.task.done()
                    question.followers.append(asker)
                else:
                    assert self.answer_of(asker).verdict is Verdict.UNAVAILABLE
                return
        assert not asker.task.done()
        (held,) = self.servers.held
        self.servers.held.clear()
        self.under_way.append(Question(login, password, asker, self.now, held))

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), verdict=st.sampled_from(Verdict), one_said_no=st.booleans())
    def hear(self, data: st.DataObject, verdict: Verdict, one_said_no: bool) -> None:
        question = data.draw(st.sampled_from(self.under_way))
        self.under_way.remove(question)
        steps: tuple[Step, ...] = (Step("mail", verdict, "its words", 0.1),)
        if one_said_no:
            steps = (Step("first", Verdict.REJECTED, "no", 0.1), *steps)
        heard = Answer(verdict, question.login[1], "mail", "its words", steps, password_sent=True)
        question.held.set_result(heard)
        self.settle()
        in_grace = self.learn(question, verdict, one_said_no)
        answer = self.answer_of(question.leader)
        if in_grace:
            self.graces += 1
            assert (answer.verdict, answer.source) == (Verdict.ACCEPTED, "cache")
            assert answer.reason.startswith("grace, because its words; mail accepted it at ")
            assert answer.steps == heard.steps
        else:
            assert answer is heard
        self.tell(question, answer)

    def learn(self, question: Question, verdict: Verdict, one_said_no: bool) -> bool:
        """Learn what the servers said; say whether it is a yes in grace."""
        login, password = question.login, question.password
        rules = question.leader.rules
        if verdict is Verdict.REJECTED or (verdict is Verdict.UNAVAILABLE and one_said_no):
            self.forget(lambda address, word: address == login[1] and word == password)
        elif verdict is Verdict.ACCEPTED and not question.overtaken and (rules.ttl or rules.grace):
            self.forget(lambda address, word: address == login[1] and word != password)
            self.known.pop(login, None)
            while len(self.known) >= self.successes.size:
                del self.known[next(iter(self.known))]
            self.known[login] = Yes(password, question.began)
        elif verdict is Verdict.UNAVAILABLE and not question.overtaken:
            return self.is_known(login, password, rules.grace)
        return False

    def forget(self, ends: Callable[[str, bytes], bool]) -> int:
        """Forget the passwords that this ends, and learn nothing of them that is under way."""
        gone = [login for login, yes in self.known.items() if ends(login[1], yes.password)]
        for login in gone:
            del self.known[login]
        for question in self.under_way:
            question.overtaken |= ends(question.login[1], question.password)
        return len(gone)

    def tell(self, question: Question, answer: Answer | None) -> None:
        """See what those who followed make of the answer: if it says nothing, one asks again."""
        for asker in question.followers:
            if answer is not None and answer.verdict is not Verdict.UNAVAILABLE:
                told = self.answer_of(asker)
                assert (told.verdict, told.source) == (answer.verdict, answer.source)
                assert told.reason == f"{answer.reason} (asked for another login of the same)"
                assert (told.steps, told.password_sent) == ((), False)
            elif asker.again or asker.deadline.remaining() < 0.5:
                assert self.answer_of(asker).verdict is Verdict.UNAVAILABLE
            else:
                asker.again = True
                self.join_or_lead(question.login, question.password, asker)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def leader_leaves(self, data: st.DataObject) -> None:
        question = data.draw(st.sampled_from(self.under_way))
        self.under_way.remove(question)
        question.leader.task.cancel()
        self.settle()
        assert question.leader.task.cancelled()
        assert question.held.cancelled()
        self.tell(question, None)

    @precondition(lambda self: any(question.followers for question in self.under_way))
    @rule(data=st.data())
    def follower_leaves(self, data: st.DataObject) -> None:
        followed = [question for question in self.under_way if question.followers]
        question = data.draw(st.sampled_from(followed))
        asker = data.draw(st.sampled_from(question.followers))
        question.followers.remove(asker)
        asker.task.cancel()
        self.settle()
        assert asker.task.cancelled()

    @rule(address=st.sampled_from(["alice@example.com", "bob@example.com", None]))
    def flush(self, address: str | None) -> None:
        gone = self.forget(lambda one, _: address in {None, one})
        assert self.successes.flush(address) == gone
        for question in self.under_way:
            question.overtaken = True

    @rule(seconds=st.sampled_from([0.5, 7.9, 10.0, 30.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def nobody_else_is_asked_and_nothing_else_is_kept(self) -> None:
        assert self.servers.held == []
        assert len(self.successes) == len(self.known) <= self.successes.size
        assert (self.successes.hits, self.successes.graces) == (self.hits, self.graces)

    def teardown(self) -> None:
        with self.runner:  # which ends whoever still waits
            pass
        assert not self.successes._flights


TestCache = Cache.TestCase
TestCache.settings = settings(max_examples=60, stateful_step_count=40)
