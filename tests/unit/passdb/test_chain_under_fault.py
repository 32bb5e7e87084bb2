"""The list under fault, in virtual time: slow, silent and failing servers, 8 s for all of them.

The times are those of the defaults: `connection_timeout` 8 s, `failure_delay` 2 s.
"""

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.scripted_list import NEVER, Script, run

from sasl_bridge.verdict import Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE

SLOW_NO = Script(REJECTED, 2.0)
SLOW_YES = Script(ACCEPTED, 2.0)
SILENT = Script(REJECTED, NEVER)
DOWN = Script(UNAVAILABLE)
OPTIONAL_AND_SILENT = dataclasses.replace(SILENT, required=False)


def with_one(odd: Script, place: int, others: Script, count: int = 4) -> list[Script]:
    """Return a list of servers that are alike but for one."""
    return [odd if number == place else others for number in range(count)]


# Slow ones


@pytest.mark.parametrize(
    ("count", "asked", "seconds"),
    [
        (3, [0.0, 2.0, 4.0], 6.0),
        (4, [0.0, 1.5, 3.0, 4.5], 6.5),
        (5, [0.0, 1.2, 2.4, 3.6, 4.8], 6.8),
        (6, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], 7.0),
    ],
)
def test_servers_that_take_two_seconds_for_a_wrong_password_still_say_no_in_time(
    count: int, asked: list[float], seconds: float
) -> None:
    done = run(*[SLOW_NO] * count)
    assert (done.answer.verdict, done.answer.source) == (REJECTED, f"s{count - 1}")
    assert done.asked == asked
    assert round(done.seconds, 3) == seconds
    assert not any(server.cancelled for server in done.servers)


@pytest.mark.parametrize(("place", "seconds"), [(0, 2.0), (1, 3.5), (2, 5.0), (3, 6.5)])
def test_the_one_slow_server_that_knows_the_login_is_heard(place: int, seconds: float) -> None:
    done = run(*with_one(SLOW_YES, place, SLOW_NO))
    assert (done.answer.verdict, done.answer.source) == (ACCEPTED, f"s{place}")
    assert round(done.seconds, 3) == seconds


def test_a_slow_first_server_is_not_abandoned_while_the_others_are_asked() -> None:
    """Its yes comes long after its share, and after everybody else has said no."""
    done = run(Script(ACCEPTED, 7.9), Script(REJECTED, 0.1), Script(REJECTED, 0.1))
    assert done.asked == [0.0, 2.0, 2.1]
    assert (done.answer.verdict, done.answer.source) == (ACCEPTED, "s0")
    assert round(done.seconds, 3) == 7.9
    assert not done.servers[0].cancelled


@pytest.mark.parametrize("place", range(4))
def test_a_yes_counts_up_to_the_deadline_and_not_beyond(place: int) -> None:
    asked = 1.5 * place
    others = Script(UNAVAILABLE, NEVER)
    just = run(*with_one(Script(ACCEPTED, 7.99 - asked), place, others))
    assert (just.answer.verdict, just.answer.source) == (ACCEPTED, f"s{place}")
    assert just.asked[place] == asked
    late = run(*with_one(Script(ACCEPTED, 8.01 - asked), place, others))
    assert late.answer.verdict is UNAVAILABLE
    assert round(late.seconds, 3) == 8.0


# Silent ones


@pytest.mark.parametrize("place", range(4))
def test_a_required_server_that_is_silent_keeps_a_no_from_being_one(place: int) -> None:
    done = run(*with_one(SILENT, place, SLOW_NO))
    assert (done.answer.verdict, done.answer.source) == (UNAVAILABLE, f"s{place}")
    assert None not in done.asked
    assert round(done.seconds, 3) == 8.0
    said = [step.verdict for step in done.answer.steps]
    assert said == [UNAVAILABLE if number == place else REJECTED for number in range(4)]


@pytest.mark.parametrize("place", range(4))
def test_an_optional_server_that_is_silent_does_not(place: int) -> None:
    done = run(*with_one(OPTIONAL_AND_SILENT, place, SLOW_NO))
    assert done.answer.verdict is REJECTED
    assert round(done.seconds, 3) == 8.0


@pytest.mark.parametrize("silent", [SILENT, OPTIONAL_AND_SILENT])
@pytest.mark.parametrize("place", range(4))
def test_one_that_knows_the_login_is_found_among_silent_ones(place: int, silent: Script) -> None:
    done = run(*with_one(SLOW_YES, place, silent))
    assert (done.answer.verdict, done.answer.source) == (ACCEPTED, f"s{place}")
    assert round(done.seconds, 3) == 1.5 * place + 2.0
    assert [server.cancelled for server in done.servers[:place]] == [True] * place
    assert done.asked[place + 2 :] == [None] * len(done.asked[place + 2 :])


# Failing ones


def test_what_a_failing_server_leaves_is_shared_by_the_others() -> None:
    done = run(DOWN, DOWN, SILENT, SILENT)
    assert done.asked == [0.0, 0.0, 0.0, 3.0]  # (8 - 2) / 2
    assert done.answer.verdict is UNAVAILABLE


@pytest.mark.parametrize("place", range(4))
def test_a_failing_server_costs_no_time_and_keeps_a_no_from_being_one(place: int) -> None:
    done = run(*with_one(DOWN, place, SLOW_NO))
    assert (done.answer.verdict, done.answer.source) == (UNAVAILABLE, f"s{place}")
    assert done.seconds < 6.5


# Trouble and answers mixed: nobody's verdict depends on who stands where


@given(
    st.lists(
        st.builds(
            Script,
            verdict=st.sampled_from(Verdict),
            seconds=st.floats(0.0, 2.0),
            required=st.booleans(),
            domains=st.sampled_from([frozenset(), frozenset({"example.org"})]),
        ),
        max_size=6,
    )
)
def test_whoever_needs_two_seconds_at_most_is_heard_and_the_order_makes_no_difference(
    scripts: list[Script],
) -> None:
    """CVE-2022-30550: what is said for another domain never counts for this one."""
    done = run(*scripts)
    serving = [script for script in scripts if not script.domains]
    assert done.answer.verdict is law(serving)
    assert done.seconds < 7.1
    others = [at for script, at in zip(scripts, done.asked, strict=True) if script.domains]
    assert set(others) <= {None}


def law(serving: list[Script]) -> Verdict:
    """Return what the answers amount to."""
    verdicts = {script.verdict for script in serving}
    if ACCEPTED in verdicts:
        return ACCEPTED
    if any(script.required and script.verdict is UNAVAILABLE for script in serving):
        return UNAVAILABLE
    return UNAVAILABLE if verdicts == {UNAVAILABLE} else REJECTED


@pytest.mark.parametrize(
    ("kinds", "verdict"),
    [
        ([DOWN, SLOW_YES, SLOW_NO], ACCEPTED),
        ([SILENT, SLOW_YES, SLOW_NO], ACCEPTED),
        ([DOWN, SLOW_NO, SLOW_NO], UNAVAILABLE),
        ([SILENT, SLOW_NO, DOWN], UNAVAILABLE),
        ([OPTIONAL_AND_SILENT, SLOW_NO, SLOW_NO], REJECTED),
        ([OPTIONAL_AND_SILENT, DOWN, SLOW_NO], UNAVAILABLE),
        ([OPTIONAL_AND_SILENT, OPTIONAL_AND_SILENT, SLOW_YES], ACCEPTED),
    ],
)
def test_a_mix_means_the_same_in_every_order(kinds: list[Script], verdict: Verdict) -> None:
    for scripts in itertools.permutations(kinds):
        assert run(*scripts).answer.verdict is verdict
