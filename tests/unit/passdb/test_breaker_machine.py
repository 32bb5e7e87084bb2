"""The laws of the breaker, whatever a server and its logins do, and however often is reloaded.

A server that is away is not asked; it never is unless it could not be reached; and once it can be,
it is asked again in time. Nobody looks at a server that works, and nothing is left behind.
"""

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from lab.outages import Server, State, ask
from lab.virtual_time import VirtualTimeLoop

from sasl_bridge.passdb.lookout import Lookout
from sasl_bridge.passdb.unless_away import UnlessAway
from sasl_bridge.verdict import Answer, Cause, Verdict

# The longest pause between two looks, and the longest look.
_BACK_SECONDS = 30.0 + 8.0 + 0.1


class Outages(RuleBasedStateMachine):
    """One server, and any number of logins at a time."""

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self.server = Server("imap")
        self.logins: list[asyncio.Task[Answer]] = []
        self.states: set[State] = {"works"}
        self.works_since = self.now()

    def now(self) -> float:
        return self.runner.get_loop().time()

    def settle(self, seconds: float = 0.0) -> None:
        self.runner.run(asyncio.sleep(seconds))
        self.logins = [login for login in self.logins if not login.done()]

    @rule(state=st.sampled_from(["works", "refuses", "hangs", "starves"]))
    def change(self, state: State) -> None:
        if state == "works" and self.server.state != "works":
            self.works_since = self.now()
        self.server.state = state
        self.states.add(state)

    @rule(verdict=st.sampled_from([Verdict.ACCEPTED, Verdict.REJECTED]))
    def log_in(self, verdict: Verdict) -> None:
        self.server.verdict = verdict
        away, asked = self.server.breaker.is_away, len(self.server.asked)
        login = self.runner.get_loop().create_task(ask(self.server.passdb))
        self.logins.append(login)
        self.settle()
        assert len(self.server.asked) == asked + (not away)
        if away:
            answer = login.result()
            told = (answer.verdict, answer.cause, answer.password_sent)
            assert told == (Verdict.UNAVAILABLE, Cause.SERVER, False)
            assert answer.reason.startswith("not asked: ")

    @precondition(lambda self: self.logins)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.logins)).cancel()
        self.settle()

    @rule(seconds=st.sampled_from([0.05, 1.0, 5.0, 20.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.settle(seconds)

    @rule()
    def reload(self) -> None:
        """Logins that are under way finish with what they began with."""
        server, before = self.server, self.server.lookout
        before.close()
        server.lookout = Lookout(server.breaker, server._look, lambda seconds: seconds)
        server.passdb = UnlessAway(server, server.lookout)
        self.settle()
        self.runner.run(self.begin_to_look())

    async def begin_to_look(self) -> None:
        self.server.lookout.begin()

    @invariant()
    def is_away_only_if_it_could_not_be_reached(self) -> None:
        breaker = self.server.breaker
        if not self.states & {"refuses", "hangs"}:
            assert breaker.times_away == 0
        if self.states == {"works"}:
            assert self.server.looks == []
        assert breaker.times_away <= len(self.server.looks)

    @invariant()
    def is_back_in_time(self) -> None:
        if self.server.state == "works" and self.now() - self.works_since > _BACK_SECONDS:
            assert not self.server.breaker.is_away

    def teardown(self) -> None:
        self.server.lookout.close()
        self.settle(10.0)
        assert self.logins == []
        assert not asyncio.all_tasks(self.runner.get_loop())
        self.runner.close()


Outages.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestOutages = pytest.mark.expect_warnings("imap: away, not asked")(Outages.TestCase)
