"""The laws of the list, one by one, in virtual time."""

import asyncio

import pytest
from lab.scripted_list import ALICE, ASKING, NEVER, Script, Scripted, run

from bridge_common.deadline import Deadline
from bridge_common.secret import Secret
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.chain import Chain, Listed
from sasl_bridge.verdict import Answer, Cause, Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE


def steps(answer: Answer) -> list[tuple[str, Verdict, str, float]]:
    return [(s.server, s.verdict, s.detail, round(s.seconds, 3)) for s in answer.steps]


def test_the_first_yes_ends_it() -> None:
    done = run(Script(REJECTED, 0.5), Script(ACCEPTED, 0.5), Script(ACCEPTED))
    assert done.answer.verdict is ACCEPTED
    assert done.answer.identity == "alice@example.com"
    assert done.answer.source == "s1"
    assert done.answer.reason == "accepted"
    assert done.answer.password_sent
    assert done.asked == [0.0, 0.5, None]
    assert steps(done.answer) == [
        ("s0", REJECTED, "rejected", 0.5),
        ("s1", ACCEPTED, "accepted", 0.5),
    ]


def test_a_no_of_everybody_is_a_no_of_the_last() -> None:
    done = run(Script(REJECTED), Script(REJECTED))
    assert (done.answer.verdict, done.answer.source) == (REJECTED, "s1")
    assert done.answer.identity == "alice@example.com"
    assert done.seconds < 0.001


def asked_of_those_who_say(*answers: Answer) -> Answer:
    """Return what a list amounts to whose servers answer so at once."""

    class Saying:
        def __init__(self, answer: Answer) -> None:
            self.answer = answer

        async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
            return self.answer

    listed = [Listed(f"s{number}", Saying(answer)) for number, answer in enumerate(answers)]
    return asyncio.run(Chain(listed, 0.0).verify(ASKING, Deadline.after(8.0)))


@pytest.mark.parametrize("about", [(False, True), (True, False)])
def test_it_is_about_the_account_if_the_no_that_decides_is(about: tuple[bool, bool]) -> None:
    answer = asked_of_those_who_say(
        *(Answer(REJECTED, "", "", "no", account_state=state) for state in about)
    )
    assert (answer.source, answer.account_state) == ("s1", about[1])


SERVER, RESTRAINT = Cause.SERVER, Cause.RESTRAINT


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ([(UNAVAILABLE, SERVER), (UNAVAILABLE, Cause.LOGIN)], SERVER),
        ([(UNAVAILABLE, SERVER), (UNAVAILABLE, RESTRAINT)], RESTRAINT),
        ([(UNAVAILABLE, RESTRAINT), (REJECTED, None)], RESTRAINT),
        ([(UNAVAILABLE, RESTRAINT), (ACCEPTED, None)], None),
        ([(UNAVAILABLE, None), (REJECTED, None)], None),
    ],
)
def test_what_an_unavailable_comes_of(
    said: list[tuple[Verdict, Cause | None]], cause: Cause | None
) -> None:
    """Of the server that decides; but if our own restraint kept any from being asked, of that."""
    answers = (Answer(verdict, "", "", "", cause=why) for verdict, why in said)
    assert asked_of_those_who_say(*answers).cause is cause


def test_a_required_server_that_is_down_keeps_a_no_from_being_one() -> None:
    done = run(Script(UNAVAILABLE), Script(REJECTED))
    assert (done.answer.verdict, done.answer.source) == (UNAVAILABLE, "s0")
    assert done.answer.password_sent


def test_an_optional_server_that_is_down_does_not() -> None:
    done = run(Script(UNAVAILABLE, required=False), Script(REJECTED))
    assert (done.answer.verdict, done.answer.source) == (REJECTED, "s1")


def test_optional_servers_that_are_all_down_say_no_no() -> None:
    done = run(Script(UNAVAILABLE, required=False), Script(UNAVAILABLE, required=False))
    assert (done.answer.verdict, done.answer.source) == (UNAVAILABLE, "s0")
    assert not done.answer.password_sent


def test_a_yes_counts_whoever_is_down() -> None:
    assert run(Script(UNAVAILABLE), Script(ACCEPTED)).answer.verdict is ACCEPTED


def test_servers_of_other_domains_are_not_asked() -> None:
    other, own = frozenset({"example.org"}), frozenset({"example.com", "example.net"})
    done = run(Script(ACCEPTED, domains=other), Script(REJECTED, domains=own))
    assert done.asked == [None, 0.0]
    assert done.answer.verdict is REJECTED
    assert [step.server for step in done.answer.steps] == ["s1"]


def test_an_outage_of_another_domain_does_not_matter() -> None:
    other = frozenset({"example.org"})
    assert run(Script(UNAVAILABLE, domains=other), Script(REJECTED)).answer.verdict is REJECTED


@pytest.mark.parametrize("scripts", [(), (Script(ACCEPTED, domains=frozenset({"example.org"})),)])
def test_nobody_serves_the_domain(scripts: tuple[Script, ...]) -> None:
    done = run(*scripts)
    assert done.answer == Answer(
        REJECTED, "alice@example.com", "list", "no server serves example.com", (), False
    )
    assert done.asked == [None] * len(scripts)


def test_a_slow_server_stays_asked_and_the_next_is_asked_beside_it() -> None:
    done = run(Script(ACCEPTED, 5.0), Script(REJECTED, 0.5), Script(REJECTED, 0.5))
    assert done.asked == [0.0, 2.0, 2.5]  # (8 - 2) / 3
    assert (done.answer.verdict, done.answer.source) == (ACCEPTED, "s0")
    assert round(done.seconds, 3) == 5.0


def test_a_share_is_a_second_at_least() -> None:
    done = run(*[Script(UNAVAILABLE, NEVER)] * 12)
    assert done.asked == [float(second) for second in range(8)] + [None] * 4
    assert round(done.seconds, 3) == 8.0
    assert (done.answer.verdict, done.answer.source) == (UNAVAILABLE, "s0")
    assert all(server.cancelled for server in done.servers[:8])


def test_silence_is_told_with_its_length() -> None:
    done = run(Script(REJECTED, 0.5), Script(REJECTED, NEVER))
    assert done.answer.verdict is UNAVAILABLE
    assert done.answer.reason == "no answer within 7.5 s"
    assert steps(done.answer) == [
        ("s0", REJECTED, "rejected", 0.5),
        ("s1", UNAVAILABLE, "no answer within 7.5 s", 7.5),
    ]


def test_a_required_server_that_was_never_reached_keeps_a_no_from_being_one() -> None:
    done = run(Script(UNAVAILABLE, NEVER, required=False), Script(REJECTED), total=0.5)
    assert (done.answer.verdict, done.answer.source) == (UNAVAILABLE, "s1")
    assert done.answer.reason == "not asked before the deadline"
    assert [step.server for step in done.answer.steps] == ["s0"]


def test_no_time_at_all() -> None:
    done = run(Script(ACCEPTED), total=0.0)
    assert done.answer.verdict is UNAVAILABLE
    assert done.answer.reason == "not asked before the deadline"


def test_stop_spares_the_rest() -> None:
    done = run(Script(REJECTED, 0.5, on_reject="stop"), Script(UNAVAILABLE))
    assert done.asked == [0.0, None]
    assert (done.answer.verdict, done.answer.source) == (REJECTED, "s0")


def test_stop_does_not_wait_for_later_servers_already_asked() -> None:
    done = run(Script(REJECTED, 4.0, on_reject="stop"), Script(ACCEPTED, 2.0))
    assert done.asked == [0.0, 3.0]
    assert (done.answer.verdict, done.answer.source) == (REJECTED, "s0")
    assert round(done.seconds, 3) == 4.0
    assert done.servers[1].cancelled
    assert steps(done.answer)[1] == ("s1", UNAVAILABLE, "no answer within 1.0 s", 1.0)


def test_stop_does_not_unsay_a_yes() -> None:
    done = run(Script(REJECTED, 4.0, on_reject="stop"), Script(ACCEPTED, 0.5))
    assert (done.answer.verdict, done.answer.source) == (ACCEPTED, "s1")


def test_stop_still_waits_for_earlier_servers() -> None:
    done = run(Script(ACCEPTED, 6.0), Script(REJECTED, 0.5, on_reject="stop"), Script(UNAVAILABLE))
    assert done.asked == [0.0, 2.0, None]
    assert (done.answer.verdict, done.answer.source) == (ACCEPTED, "s0")


def test_stop_needs_a_no() -> None:
    done = run(Script(UNAVAILABLE, on_reject="stop"), Script(ACCEPTED))
    assert done.answer.verdict is ACCEPTED


def test_a_later_answer_behind_a_stop_does_not_count_even_when_it_comes_at_once() -> None:
    """Both answers are there when the chain looks: the list's order decides."""
    done = run(Script(REJECTED, 4.0, on_reject="stop"), Script(ACCEPTED, 0.99999995))
    assert done.answer.verdict is REJECTED
    assert steps(done.answer)[1][:2] == ("s1", ACCEPTED)


def test_the_accounts_own_name_is_the_identity() -> None:
    class Directory:
        async def verify(self, _credentials: Credentials, _deadline: Deadline) -> Answer:
            return Answer(ACCEPTED, "alice.smith@example.com", "x", "found", (), True)

    async def ask() -> Answer:
        chain = Chain([Listed("ldap", Directory())], failure_delay=0.0)
        return await chain.verify(ASKING, Deadline.after(8.0))

    answer = asyncio.run(ask())
    assert (answer.identity, answer.source) == ("alice.smith@example.com", "ldap")


async def test_servers_hear_of_an_earlier_deadline() -> None:
    heard: list[float] = []

    class Listener:
        async def verify(self, _credentials: Credentials, deadline: Deadline) -> Answer:
            heard.append(deadline.moment)
            return Answer(ACCEPTED, "alice@example.com", "x", "yes")

    chain = Chain([Listed("s0", Listener())], failure_delay=0.0)
    await chain.verify(ASKING, Deadline(50.0, lambda: 42.0))
    assert heard == [49.95]


@pytest.mark.expect_warnings("server s0: its check raised")
async def test_a_bug_is_no_answer_and_is_logged_without_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken:
        async def verify(self, _credentials: Credentials, _deadline: Deadline) -> Answer:
            raise KeyError("a bug")

    chain = Chain([Listed("s0", Broken())], failure_delay=0.0)
    answer = await chain.verify(Credentials(ALICE, Secret(b"hunter2")), Deadline.after(8.0))
    assert answer.verdict is UNAVAILABLE
    assert answer.reason == "internal error, see the log"
    assert "KeyError" in caplog.text
    assert "hunter2" not in caplog.text


async def test_a_check_that_cancels_itself_is_no_answer() -> None:
    class Gone:
        async def verify(self, _credentials: Credentials, _deadline: Deadline) -> Answer:
            raise asyncio.CancelledError

    chain = Chain([Listed("s0", Gone())], failure_delay=0.0)
    answer = await chain.verify(ASKING, Deadline.after(8.0))
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, "its check was cancelled")


async def test_cancelling_the_chain_cancels_the_servers() -> None:
    server = Scripted(Script(ACCEPTED, NEVER), "s0")
    chain = Chain([Listed("s0", server)], failure_delay=0.0)
    verifying = chain.verify(ASKING, Deadline.after(8.0))
    task = asyncio.create_task(verifying)
    while server.asked_at is None:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert server.cancelled
    assert len(asyncio.all_tasks()) == 1


async def test_a_server_that_is_not_slow_costs_no_task() -> None:
    asked_in: list[asyncio.Task[Answer] | None] = []

    class Noting:
        async def verify(self, _credentials: Credentials, _deadline: Deadline) -> Answer:
            asked_in.append(asyncio.current_task())
            return Answer(REJECTED, "alice@example.com", "x", "no")

    chain = Chain([Listed("s0", Noting()), Listed("s1", Noting())], failure_delay=0.0)
    await chain.verify(ASKING, Deadline.after(8.0))
    assert asked_in == [asyncio.current_task()] * 2
