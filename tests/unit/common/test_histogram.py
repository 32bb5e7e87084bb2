"""How durations are counted in classes."""

from hypothesis import given
from hypothesis import strategies as st

from bridge_common.histogram import SECONDS, Histogram

INFINITE = float("inf")


def test_each_duration_counts_in_the_first_class_that_holds_it_and_in_those_above() -> None:
    histogram = Histogram((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 7.0):
        histogram.observe(seconds)
    assert histogram.cumulative() == [(0.1, 2), (1.0, 3), (INFINITE, 4)]
    assert histogram.sum == 7.65


def test_the_classes_reach_from_a_millisecond_to_what_postfix_waits_for_a_login() -> None:
    bounds = [bound for bound, _ in Histogram().cumulative()]
    assert (bounds[0], bounds[-2], bounds[-1]) == (0.001, 10.0, INFINITE)
    assert bounds == sorted(bounds)


@given(st.lists(st.floats(min_value=0, max_value=100)))
def test_a_class_counts_what_is_not_above_its_bound(durations: list[float]) -> None:
    histogram = Histogram()
    for seconds in durations:
        histogram.observe(seconds)
    for bound, count in histogram.cumulative():
        assert count == sum(seconds <= bound for seconds in durations)
    assert len(histogram.cumulative()) == len(SECONDS) + 1
