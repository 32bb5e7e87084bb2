"""What a server refused lately, and when it is asked again; with a clock of the test's own."""

from dataclasses import dataclass, field

import pytest
from lab.held_passdb import Asked, HeldPassdb

from bridge_common.deadline import Deadline
from bridge_common.identity import Identity, LoginForm
from bridge_common.secret import Secret
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.failure_memory import FailureMemory, RememberedFailures
from sasl_bridge.passdb.keys import login_key, password_key
from sasl_bridge.verdict import Answer, Step, Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE

SCOPE = b"mail"


def login(
    local: str = "alice",
    password: bytes = b"the old one",
    form: LoginForm = LoginForm.ADDRESS,
    client: str = "192.0.2.1",
) -> Credentials:
    return Credentials(Identity(local, "example.com", form), Secret(password), client)


ALICE, BOB, CAROL = login(), login("bob"), login("carol")


def says(verdict: Verdict, *, account_state: bool = False) -> Answer:
    """Return what a server answers about alice."""
    step = Step("mail", verdict, "its words", 0.2)
    return Answer(verdict, "alice@example.com", "mail", "its words", (step,), True, account_state)


NO = says(REJECTED)


@dataclass
class Lab:
    """A server, what is remembered of it, and the time in seconds."""

    memory: FailureMemory = field(init=False)
    now: float = 1000.0
    by_client: bool = False

    def __post_init__(self) -> None:
        self.memory = FailureMemory(size=100, ttl=30.0, clock=self.clock)

    def clock(self) -> float:
        return self.now

    def ask(self, credentials: Credentials = ALICE, scope: bytes = SCOPE) -> Asked:
        """Ask a passdb that knows no more than is remembered."""
        passdb = RememberedFailures(HeldPassdb(), self.memory, scope, by_client=self.by_client)
        return Asked(passdb, credentials, Deadline(self.now + 8.0, self.clock))

    def is_asked(self, credentials: Credentials = ALICE, scope: bytes = SCOPE) -> bool:
        """Say whether the server itself is asked; it does not answer."""
        asked = self.ask(credentials, scope)
        if asked.answer is None:
            asked.cancel()
        return asked.answer is None

    def refuse(self, credentials: Credentials = ALICE) -> None:
        """Have the server asked, and refuse."""
        assert self.ask(credentials).hear(NO) is NO


# What is remembered


def test_a_password_that_was_refused_is_refused_again_and_nobody_is_asked() -> None:
    lab = Lab()
    lab.refuse()
    lab.now += 7.4
    reason = "its words (remembered, 7 s ago)"
    assert lab.ask().answer == Answer(
        REJECTED,
        identity="alice@example.com",
        source="mail",
        reason=reason,
        steps=(Step("mail", REJECTED, reason, 0.0),),
        password_sent=False,
    )
    assert lab.memory.hits == 1


def test_once_its_time_is_over_it_is_asked_again() -> None:
    lab = Lab()
    lab.refuse()
    lab.now += 29.9
    assert not lab.is_asked()
    lab.now += 0.1
    assert lab.is_asked()


def test_to_be_refused_by_heart_prolongs_nothing() -> None:
    lab = Lab()
    lab.refuse()
    lab.now += 20.0
    assert not lab.is_asked()
    lab.now += 10.0
    assert lab.is_asked()


@pytest.mark.parametrize(
    "other",
    [
        BOB,
        login(password=b"the new one"),
        login(password=b"the old one "),
        login(form=LoginForm.BARE),
        login(form=LoginForm.WINDOWS),
        Credentials(Identity("alice", "example.org", LoginForm.ADDRESS), Secret(b"the old one")),
    ],
)
def test_whoever_and_whatever_is_not_exactly_the_same_is_asked_about(other: Credentials) -> None:
    lab = Lab()
    lab.refuse()
    assert lab.is_asked(other)


def test_another_server_is_asked() -> None:
    lab = Lab()
    lab.refuse()
    assert lab.is_asked(scope=b"mail, with other settings")


@pytest.mark.parametrize("by_client", [True, False])
def test_the_clients_address_matters_where_the_server_is_told_it(by_client: bool) -> None:
    lab = Lab(by_client=by_client)
    lab.refuse()
    assert lab.is_asked(login(client="192.0.2.2")) == by_client
    assert not lab.is_asked()


@pytest.mark.parametrize(
    "answer",
    [says(ACCEPTED), says(UNAVAILABLE), says(REJECTED, account_state=True)],
    ids=["yes", "unavailable", "account state"],
)
def test_only_a_no_about_the_password_is_remembered(answer: Answer) -> None:
    lab = Lab()
    assert lab.ask().hear(answer) is answer
    assert lab.is_asked()
    assert len(lab.memory) == 0


def test_it_outlives_the_pipe() -> None:
    """Each `ask` has a passdb of its own, as after a reload."""
    lab = Lab()
    for credentials in (ALICE, BOB):
        lab.refuse(credentials)
    assert not lab.is_asked(ALICE)
    assert not lab.is_asked(BOB)


def test_nothing_of_a_password_is_kept() -> None:
    lab = Lab()
    asked = lab.ask(BOB)
    lab.refuse(ALICE)
    assert "the old one" not in repr(vars(lab.memory))
    asked.cancel()


# What overtakes a no


def test_a_yes_ends_a_no_of_the_same_password() -> None:
    lab = Lab()
    first, second = lab.ask(), lab.ask()
    first.hear(NO)
    assert not lab.is_asked()
    second.hear(says(ACCEPTED))
    assert lab.is_asked()


def test_a_no_that_a_yes_has_overtaken_is_not_remembered() -> None:
    lab = Lab()
    first, second = lab.ask(), lab.ask()
    second.hear(says(ACCEPTED))
    assert first.hear(NO) is NO
    assert lab.is_asked()


def test_a_yes_to_another_password_ends_nothing() -> None:
    lab = Lab()
    lab.refuse()
    lab.ask(login(password=b"the new one")).hear(says(ACCEPTED))
    assert not lab.is_asked()


def test_after_a_flush_the_server_is_asked() -> None:
    lab = Lab()
    lab.refuse(ALICE)
    lab.refuse(login(password=b"another"))
    lab.refuse(login(form=LoginForm.BARE))
    lab.refuse(BOB)
    assert lab.memory.flush("alice@example.com") == 3
    assert lab.is_asked(ALICE)
    assert not lab.is_asked(BOB)
    assert lab.memory.flush("alice@example.com") == 0
    assert lab.memory.flush() == 1
    assert lab.is_asked(BOB)


def test_a_flush_counts_nothing_whose_time_is_over() -> None:
    lab = Lab()
    lab.refuse(ALICE)
    lab.now += 20.0
    lab.refuse(BOB)
    lab.now += 10.0
    assert lab.memory.flush() == 1


@pytest.mark.parametrize("address", ["alice@example.com", None])
def test_a_no_that_was_asked_for_before_a_flush_is_not_remembered(address: str | None) -> None:
    lab = Lab()
    early = lab.ask()
    assert lab.memory.flush(address) == 0
    assert early.hear(NO) is NO
    assert lab.is_asked()


def test_a_no_that_was_asked_for_after_a_flush_is_remembered_whoever_asked_before() -> None:
    lab = Lab()
    early = lab.ask()
    lab.memory.flush()
    late = lab.ask()
    early.hear(NO)
    assert lab.is_asked()
    late.hear(NO)
    assert not lab.is_asked()


def test_a_flush_of_one_login_spares_what_is_asked_about_another() -> None:
    lab = Lab()
    asked = lab.ask(BOB)
    lab.memory.flush("alice@example.com")
    asked.hear(NO)
    assert not lab.is_asked(BOB)


def test_who_gives_up_leaves_nothing_behind_and_the_others_alone() -> None:
    lab = Lab()
    first, second = lab.ask(), lab.ask()
    first.cancel()
    second.hear(NO)
    assert not lab.is_asked()
    lab.memory.flush()
    lab.ask().cancel()
    key = login_key(SCOPE, ALICE, by_client=False) + password_key(ALICE)
    assert lab.memory.begin(key, "alice@example.com").askers == 1


# Bounds


def test_the_oldest_goes_first() -> None:
    lab = Lab()
    lab.memory.size = 2
    for credentials in (ALICE, BOB, CAROL):
        lab.refuse(credentials)
        lab.now += 1.0
    assert len(lab.memory) == 2
    assert [lab.is_asked(one) for one in (ALICE, BOB, CAROL)] == [True, False, False]


def test_who_is_refused_once_more_is_no_longer_the_oldest() -> None:
    lab = Lab()
    lab.memory.size = 3
    again = lab.ask(ALICE)
    for credentials in (ALICE, BOB):
        lab.refuse(credentials)
    again.hear(NO)
    for credentials in (CAROL, login("dave")):
        lab.refuse(credentials)
    assert [lab.is_asked(one) for one in (ALICE, BOB, CAROL)] == [False, True, False]


def test_what_is_over_makes_room() -> None:
    lab = Lab()
    for credentials in (ALICE, BOB):
        lab.refuse(credentials)
    lab.now += 30.0
    lab.refuse(CAROL)
    assert len(lab.memory) == 1


def test_a_smaller_size_counts_from_the_next_no_on() -> None:
    lab = Lab()
    for credentials in (ALICE, BOB):
        lab.refuse(credentials)
    lab.memory.size = 1
    lab.refuse(CAROL)
    assert len(lab.memory) == 1
    assert not lab.is_asked(CAROL)


def test_with_a_ttl_of_0_nothing_is_remembered() -> None:
    lab = Lab()
    lab.memory.ttl = 0.0
    lab.refuse()
    assert lab.is_asked()
    assert len(lab.memory) == 0


def test_another_ttl_is_in_force_at_once() -> None:
    lab = Lab()
    lab.refuse()
    lab.now += 10.0
    lab.memory.ttl = 10.0
    assert lab.is_asked()
    lab.memory.ttl = 0.0
    lab.ask().hear(says(ACCEPTED))
    lab.memory.ttl = 30.0
    assert lab.is_asked()
