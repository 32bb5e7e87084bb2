"""The law of the lock-out budget, against directories that count as unkindly as they can.

However logins come, are answered, time out and are given up: a directory that looks at each
password at any moment between its sending and its answer never counts more than the budget since
the last right one, or since so long a pause that it forgets.
"""

from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from lab.budgets import DISABLED, NO, NOT_REACHED, SILENCE, YES, login

from sasl_bridge.passdb.budget import Attempt, Budget
from sasl_bridge.passdb.lockout import LockoutBudgets
from sasl_bridge.verdict import Answer, Verdict

INTERVAL = 1800.0

ENTRIES = {"alice": "cn=alice", "al": "cn=alice", "bob": "cn=bob"}
"""Whose names at the directory the logins are: Alice has two."""

ANSWERS = {"yes": YES, "no": NO, "silence": SILENCE, "not reached": NOT_REACHED, "off": DISABLED}


@dataclass
class Sent:
    """A password was sent, and may have been counted; ``answered``: as which event, if it was."""

    answered: int | None = None


@dataclass
class Counter:
    """How many wrong passwords of an account a directory may have counted by now."""

    sent: list[Sent] = field(default_factory=list)
    last_at: float = 0.0

    def forget_after(self, seconds: float, now: float) -> None:
        answered = all(one.answered is not None for one in self.sent)
        if answered and now - self.last_at >= seconds:
            self.sent.clear()

    def forgive(self, event: int) -> None:
        """Forget what was surely looked at before the right one, which was sent at this event."""
        self.sent = [one for one in self.sent if one.answered is None or one.answered > event]


@dataclass
class UnderWay:
    """A login, and each time that its password was sent: to which counters, at which event."""

    attempt: Attempt
    name: str
    counters: list[Counter]
    sent: list[Sent] = field(default_factory=list)
    event: int = 0


class Directories(RuleBasedStateMachine):
    """A directory, and a mail server that asks the same one; any number of logins at a time."""

    @initialize(limit=st.integers(1, 6), size=st.sampled_from([3, 100]))
    def begin(self, limit: int, size: int) -> None:
        self.now, self.events, self.limit, self.size = 1000.0, 0, limit, size
        self.budgets = self.new_budgets()
        self.counters: dict[str, Counter] = {}
        self.under_way: list[UnderWay] = []

    def new_budgets(self) -> LockoutBudgets:
        return LockoutBudgets(self.limit, INTERVAL, lambda: self.now, size=self.size)

    @rule(
        local=st.sampled_from(sorted(ENTRIES)),
        by_entry=st.booleans(),
        password=st.sampled_from("abcdefgh"),
        client=st.sampled_from(["192.0.2.1", "203.0.113.9", ""]),
    )
    def log_in(self, local: str, by_entry: bool, password: str, client: str) -> None:
        """At the directory, which finds the entry, or at the mail server, which does not."""
        budget = Budget(self.budgets, "corp", by_login=by_entry)
        attempt = budget.attempt(login(password, local, client))
        name = ENTRIES[local] if by_entry else ""
        keys = {f"{local}@example.com"} | ({name} if name else set())
        counters = [self.counters.setdefault(key, Counter()) for key in sorted(keys)]
        one = UnderWay(attempt, name, counters)
        self.send(one)
        self.under_way.append(one)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        """To the next host, because this one was lost."""
        self.send(data.draw(st.sampled_from(self.under_way)))

    def send(self, one: UnderWay) -> None:
        self.events += 1
        for counter in one.counters:
            counter.forget_after(INTERVAL, self.now)
        if one.attempt.reserve(one.name):
            return
        one.event = self.events
        for counter in one.counters:
            sent = Sent()
            one.sent.append(sent)
            counter.sent.append(sent)

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), answer=st.sampled_from([*ANSWERS, "hung up"]))
    def answer(self, data: st.DataObject, answer: str) -> None:
        one = data.draw(st.sampled_from(self.under_way))
        self.under_way.remove(one)
        self.events += 1
        self.look(one, ANSWERS.get(answer) if one.sent else NOT_REACHED)
        with one.attempt:
            if answer != "hung up":
                one.attempt.settle(ANSWERS[answer] if one.sent else NOT_REACHED)

    def look(self, one: UnderWay, answer: Answer | None) -> None:
        """Have the directory look at what was sent, at the latest now."""
        wrong = answer is None or answer in (NO, SILENCE)
        for counter in one.counters:
            if wrong and one.sent:
                counter.last_at = self.now
            elif not wrong:
                counter.sent = [
                    sent for sent in counter.sent if all(sent is not s for s in one.sent)
                ]
            if answer is not None and answer.verdict is Verdict.ACCEPTED:
                counter.forgive(one.event)
        for sent in one.sent:
            sent.answered = self.events

    @rule(seconds=st.sampled_from([1.0, 600.0, 1799.0, 1800.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: not self.under_way)
    @rule(seconds=st.sampled_from([0.0, 600.0, 1800.0]))
    def restart(self, seconds: float) -> None:
        snapshot = self.budgets.snapshot()
        self.now += seconds
        self.budgets = self.new_budgets()
        self.budgets.restore(snapshot, seconds)

    @invariant()
    def no_directory_counts_more_than_the_budget(self) -> None:
        for counter in getattr(self, "counters", {}).values():
            assert len(counter.sent) <= self.limit

    @invariant()
    def the_table_is_bounded(self) -> None:
        if hasattr(self, "budgets"):
            assert self.budgets.summary()["counted"] <= self.size


TestDirectories = Directories.TestCase
