"""The law of the failure memory, against a model.

Nobody is refused by heart but for what this server refused exactly this login, form, password and,
where it matters, client, within its time, with no flush and no yes since it was asked.
"""

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from lab.held_passdb import Asked, HeldPassdb

from bridge_common.deadline import Deadline
from bridge_common.identity import Identity, LoginForm
from bridge_common.secret import Secret
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.failure_memory import FailureMemory, RememberedFailures
from sasl_bridge.verdict import Answer, Verdict

TTL = 30.0

Key = tuple[str, str, LoginForm, bytes, str]
"""All that an answer may depend on: server, address, form, password, client."""

SERVERS = {"deaf": False, "told": True}
"""Whether each is told the client's address."""

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


@dataclass
class UnderWay:
    """A question that a server has not answered; ``overtaken``: its no is not to be remembered."""

    key: Key
    asked: Asked
    overtaken: bool = False


class Memory(RuleBasedStateMachine):
    """Two servers, one memory; any number of questions at a time."""

    @initialize(size=st.sampled_from([2, 3, 100]))
    def begin(self, size: int) -> None:
        self.now = 1000.0
        self.memory = FailureMemory(size, TTL, lambda: self.now)
        self.known: dict[Key, float] = {}  # when each no was heard; oldest first
        self.under_way: list[UnderWay] = []

    def forget_those_over(self) -> None:
        self.known = {key: at for key, at in self.known.items() if self.now - at < TTL}

    @rule(server=st.sampled_from(list(SERVERS)), credentials=CREDENTIALS)
    def ask(self, server: str, credentials: Credentials) -> None:
        told = SERVERS[server]
        passdb = RememberedFailures(HeldPassdb(), self.memory, server.encode(), by_client=told)
        asked = Asked(passdb, credentials, Deadline(self.now + 8.0, lambda: self.now))
        identity = credentials.identity
        client = credentials.client if told else ""
        key = (server, identity.address, identity.form, credentials.password.reveal(), client)
        self.forget_those_over()
        if key not in self.known:
            assert asked.answer is None
            self.under_way.append(UnderWay(key, asked))
            return
        assert asked.answer is not None
        assert asked.answer.verdict is Verdict.REJECTED
        assert (asked.answer.source, asked.answer.identity) == (server, identity.address)
        assert asked.answer.reason.startswith("no (remembered, ")
        assert not asked.answer.password_sent

    @precondition(lambda self: self.under_way)
    @rule(data=st.data(), verdict=st.sampled_from(Verdict), account_state=st.booleans())
    def hear(self, data: st.DataObject, verdict: Verdict, account_state: bool) -> None:
        one = data.draw(st.sampled_from(self.under_way))
        self.under_way.remove(one)
        server, address, *_ = one.key
        answer = Answer(verdict, address, server, "no", (), True, account_state)
        assert one.asked.hear(answer) is answer
        if verdict is Verdict.ACCEPTED:
            self.known.pop(one.key, None)
            self.overtake([other for other in self.under_way if other.key == one.key])
        elif verdict is Verdict.REJECTED and not account_state and not one.overtaken:
            self.forget_those_over()
            self.known.pop(one.key, None)
            self.known[one.key] = self.now
            while len(self.known) > self.memory.size:
                del self.known[next(iter(self.known))]

    @precondition(lambda self: self.under_way)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.under_way))
        self.under_way.remove(one)
        one.asked.cancel()

    @rule(address=st.sampled_from(["alice@example.com", "bob@example.com", None]))
    def flush(self, address: str | None) -> None:
        self.forget_those_over()
        gone = [key for key in self.known if address in {None, key[1]}]
        assert self.memory.flush(address) == len(gone)
        for key in gone:
            del self.known[key]
        self.overtake([one for one in self.under_way if address in {None, one.key[1]}])

    @rule(seconds=st.sampled_from([0.5, 10.0, TTL]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @staticmethod
    def overtake(overtaken: list[UnderWay]) -> None:
        for one in overtaken:
            one.overtaken = True

    @invariant()
    def is_bounded(self) -> None:
        assert len(self.memory) <= self.memory.size

    def teardown(self) -> None:
        for one in self.under_way:
            one.asked.cancel()


TestMemory = Memory.TestCase
