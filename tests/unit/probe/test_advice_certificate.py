"""Names and days in words."""

import pytest

from sasl_bridge.probe.advice_certificate import expiry_text, names_text


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (12, "expires in 12 days"),
        (1, "expires in 1 day"),
        (0, "expires within a day"),
        (-1, "has just expired"),
        (-2, "expired 1 day ago"),
        (-8, "expired 7 days ago"),
    ],
)
def test_days_in_words(days: int, text: str) -> None:
    assert expiry_text(days) == text


@pytest.mark.parametrize(
    ("names", "number", "text"),
    [
        ((), 0, ""),
        (("a", "b"), 2, "a, b"),
        (("a", "b", "c"), 3, "a, b and 1 more"),
        (("a", "b", "c"), 80, "a, b and 78 more"),
        (("a", "b", "c"), 0, "a, b and 1 more"),
    ],
)
def test_many_names_are_counted(names: tuple[str, ...], number: int, text: str) -> None:
    assert names_text(names, number, 2) == text
