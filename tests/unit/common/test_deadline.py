"""The one deadline of a request."""

import time

from bridge_common.deadline import Deadline


def test_what_remains_shrinks_with_the_clock_and_is_never_negative() -> None:
    moments = iter([100.0, 100.0, 103.5, 108.0, 500.0])
    deadline = Deadline.after(8.0, lambda: next(moments))
    assert deadline.moment == 108.0
    assert [deadline.remaining() for _ in range(4)] == [8.0, 4.5, 0.0, 0.0]


def test_a_moment_of_a_clock_can_be_given_directly() -> None:
    assert Deadline(12.0, lambda: 2.0).remaining() == 10.0


def test_the_clock_is_the_monotonic_one_unless_another_is_given() -> None:
    before = time.monotonic()
    deadline = Deadline.after(60.0)
    after = time.monotonic()
    assert before + 60 <= deadline.moment <= after + 60
    assert 0 < deadline.remaining() <= 60
