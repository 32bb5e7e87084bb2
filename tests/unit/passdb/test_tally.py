"""Counting different things within a sliding interval."""

import json
from typing import Any

import pytest

from sasl_bridge.passdb.tally import Tally


class Moment:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def moment() -> Moment:
    return Moment()


def tally(moment: Moment, limit: int = 3, **bounds: int) -> Tally:
    made = Tally(moment, **bounds)
    made.obey(limit, 60.0)
    return made


def test_the_limit_may_be_reached_and_not_passed(moment: Moment) -> None:
    count = tally(moment)
    assert [count.passes("a", thing) for thing in ("x", "y", "z", "w")] == [False] * 3 + [True]


def test_who_passed_begins_anew(moment: Moment) -> None:
    count = tally(moment, 1)
    assert [count.passes("a", thing) for thing in "xyzw"] == [False, True, False, True]


def test_subjects_are_counted_apart(moment: Moment) -> None:
    count = tally(moment, 1)
    assert not count.passes("a", "x")
    assert not count.passes("b", "y")


def test_the_same_thing_counts_once(moment: Moment) -> None:
    count = tally(moment, 1)
    assert not any(count.passes("a", "x") for _ in range(100))
    assert count.passes("a", "y")


def test_a_thing_counts_for_the_interval_and_no_longer(moment: Moment) -> None:
    count = tally(moment, 1)
    count.passes("a", "x")
    moment.now += 60.0
    assert not count.passes("a", "y")
    moment.now += 59.9
    assert count.passes("a", "z")


def test_a_thing_that_comes_again_counts_from_then_on(moment: Moment) -> None:
    count = tally(moment, 1)
    count.passes("a", "x")
    moment.now += 59.0
    count.passes("a", "x")
    moment.now += 59.0
    assert count.passes("a", "y")


def test_of_a_subject_each_thing_has_its_own_time(moment: Moment) -> None:
    count = tally(moment, 2)
    count.passes("a", "x")
    moment.now += 10.0
    count.passes("a", "y")
    moment.now += 50.0
    assert not count.passes("a", "z")
    moment.now += 9.9
    assert count.passes("a", "w")


def test_what_came_again_does_not_hide_what_is_over(moment: Moment) -> None:
    count = tally(moment, 2)
    count.passes("a", "x")
    count.passes("a", "y")
    moment.now += 10.0
    count.passes("a", "x")
    moment.now += 50.0
    assert not count.passes("a", "z")
    assert count.snapshot(1000) == [["a", [["x", 50], ["z", 0]]]]


def test_without_a_limit_nothing_is_counted(moment: Moment) -> None:
    count = tally(moment, 0)
    assert not any(count.passes("a", str(n)) for n in range(10))
    assert len(count) == 0


def test_what_was_counted_counts_with_another_limit_too(moment: Moment) -> None:
    count = tally(moment, 10)
    for thing in "xyz":
        count.passes("a", thing)
    count.obey(3, 60.0)
    assert count.passes("a", "w")
    count.passes("a", "x")
    count.obey(0, 60.0)
    assert len(count) == 0


def test_a_shorter_interval_holds_at_once(moment: Moment) -> None:
    count = tally(moment, 1)
    count.passes("a", "x")
    moment.now += 30.0
    count.obey(1, 30.0)
    assert not count.passes("a", "y")


def test_one_may_be_forgotten(moment: Moment) -> None:
    count = tally(moment, 1)
    count.passes("a", "x")
    count.forget("a")
    count.forget("nobody")
    assert not count.passes("a", "y")


def test_of_many_subjects_those_that_did_something_last_are_kept(moment: Moment) -> None:
    count = tally(moment, 1, max_subjects=2)
    for subject in "abac":
        assert not count.passes(subject, "x")
    assert len(count) == 2
    assert not count.passes("b", "y")
    assert count.passes("c", "y")


def test_subjects_are_forgotten_when_nothing_of_theirs_counts(moment: Moment) -> None:
    count = tally(moment)
    for number in range(50):
        count.passes(f"a{number}", "x")
    moment.now += 60.0
    count.passes("b", "x")
    assert len(count) == 1


def test_no_more_of_a_subject_is_kept_than_its_limit(moment: Moment) -> None:
    count = tally(moment, 3)
    for number in range(100):
        count.passes("a", str(number))
        [[_, kept]] = count.snapshot(1000) or [["a", []]]
        assert len(kept) <= 3


# Over a restart


def after(count: Tally, moment: Moment, seconds: float, data: Any = None) -> Tally:
    """Return a tally that took over what this one, or ``data``, tells."""
    told = json.loads(json.dumps(count.snapshot(1000))) if data is None else data
    moment.now += 5000.0  # another clock
    new = tally(moment, count.limit)
    new.restore(told, seconds)
    return new


def test_what_counted_counts_after_a_restart_for_the_rest_of_its_time(moment: Moment) -> None:
    count = tally(moment)
    count.passes("a", "x")
    moment.now += 20.0
    count.passes("a", "y")
    moment.now += 5.0
    count.passes("b", "x")
    assert count.snapshot(1000) == [["a", [["x", 25], ["y", 5.0]]], ["b", [["x", 0.0]]]]
    later = after(count, moment, 36.0)
    assert later.snapshot(1000) == [["a", [["y", 41.0]]], ["b", [["x", 36.0]]]]


def test_names_are_known_again_and_digests_only_counted(moment: Moment) -> None:
    count = tally(moment, 2)
    count.passes("named", "x")
    count.passes("named", "y")
    count.passes("secret", b"12345678")
    count.passes("secret", b"abcdefgh")
    assert count.snapshot(1000)[1] == ["secret", [[None, 0.0], [None, 0.0]]]
    later = after(count, moment, 0.0)
    assert not later.passes("named", "x")
    assert later.passes("secret", b"12345678")


def test_what_came_before_the_restoring_counts_too_and_is_newer(moment: Moment) -> None:
    new = tally(moment, 2, max_subjects=2)
    new.passes("a", "x")
    new.passes("c", "x")
    new.restore([["b", [["x", 9]]], ["a", [["x", 10], ["y", 5]]]], 1.0)
    assert new.snapshot(1000) == [["a", [["y", 6.0], ["x", 0.0]]], ["c", [["x", 0.0]]]]


def test_a_snapshot_has_a_bound_and_holds_the_newest(moment: Moment) -> None:
    count = tally(moment)
    for subject in "abc":
        count.passes(subject, "x")
        count.passes(subject, "y")
    assert [subject for subject, _ in count.snapshot(8)] == ["b", "c"]


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        "text",
        [None, 1, "a", [], ["a"], ["a", "b"], ["a", {}], [1, []], ["a", [], []]],
        [["a", [1, "x", [], ["x"], ["x", "1"], [1, 1], ["x", None], ["x", -1]]]],
        [["a", [["x", float("nan")], ["x", float("inf")], ["x", 1e308], ["x", 10**400]]]],
        [["a" * 513, [["x", 1]]]],
        [["a", [["x" * 513, 1]]]],
    ],
)
def test_garbage_is_ignored(moment: Moment, data: Any) -> None:
    assert len(after(tally(moment), moment, 0.0, data)) == 0


def test_what_is_usable_beside_garbage_is_used(moment: Moment) -> None:
    found = [["a", [["x", -1], ["y", 1]]], None, ["b", [["x", 2]]]]
    new = after(tally(moment), moment, 0.0, found)
    assert new.snapshot(1000) == [["a", [["y", 1.0]]], ["b", [["x", 2.0]]]]


def test_a_smaller_limit_takes_over_no_more_than_it_needs(moment: Moment) -> None:
    new = tally(moment, 2)
    new.restore([["a", [["x", 3], ["y", 2], ["z", 1]]]], 0.0)
    assert new.snapshot(1000) == [["a", [["y", 2.0], ["z", 1.0]]]]
    off = tally(moment, 0)
    off.restore([["a", [["x", 3]]]], 0.0)
    assert len(off) == 0
