"""What each kind of value takes, what it refuses, and how it is written."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.secret import Secret
from bridge_common.settings.kinds import (
    Choice,
    Duration,
    Flag,
    Integer,
    Kind,
    SecretReference,
    Text,
    TextList,
    TextTable,
)


def no_x(text: str) -> str:
    if "x" in text:
        raise ValueError("holds an x")
    return text.lower()


DURATION = 'a duration such as "8s", "500ms", "5m" or "1h"'
NEGATIVE = f"must be {DURATION}, never negative"
PORT = Integer(0, 65535)
COLOURS = Choice(("red", "green"))
WORDS = TextList("words", no_x)
TABLE = TextTable("words and words", no_x, no_x)
A_DAY = dt.date(2024, 2, 29)


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (Flag(), True, True),
        (Flag(), False, False),
        (PORT, 0, 0),
        (PORT, 65535, 65535),
        (Duration(), "8s", 8.0),
        (Duration(), "1.5s", 1.5),
        (Duration(), "500ms", 0.5),
        (Duration(), "5m", 300.0),
        (Duration(), "1h", 3600.0),
        (Duration(), "0s", 0.0),
        (Duration(), 8, 8.0),
        (Duration(), 0.25, 0.25),
        (Duration(highest=9.5), "9.5s", 9.5),
        (COLOURS, "green", "green"),
        (Text("a word", no_x), "Abc", "abc"),
        (WORDS, [], ()),
        (WORDS, ["B", "a"], ("b", "a")),
        (TABLE, {}, {}),
        (TABLE, {"CORP": "Abc"}, {"corp": "abc"}),
        (SecretReference(), "file:/a", Secret(b"file:/a")),
    ],
)
def test_a_kind_reads_what_is_right(kind: Kind[Any], value: object, read: object) -> None:
    assert kind.read(value) == read
    assert type(kind.read(value)) is type(read)


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (Flag(), 1, "expected true or false, not a whole number"),
        (Flag(), "true", "expected true or false, not a string"),
        (PORT, True, "expected a whole number from 0 to 65535, not true or false"),
        (PORT, 25.0, "expected a whole number from 0 to 65535, not a decimal number"),
        (PORT, "25", "expected a whole number from 0 to 65535, not a string"),
        (PORT, -1, "must be a whole number from 0 to 65535"),
        (PORT, 65536, "must be a whole number from 0 to 65535"),
        (Duration(), True, f"expected {DURATION}, not true or false"),
        (Duration(), [8], f"expected {DURATION}, not an array"),
        (Duration(), A_DAY, f"expected {DURATION}, not a date or time"),
        (Duration(), "8", f'"8" is not {DURATION}'),
        (Duration(), "8 s", f'"8 s" is not {DURATION}'),
        (Duration(), "-8s", f'"-8s" is not {DURATION}'),
        (Duration(), "infs", f'"infs" is not {DURATION}'),
        (Duration(), "8s\n", f'"8s\\n" is not {DURATION}'),
        (Duration(), "\u0668s", f'"\u0668s" is not {DURATION}'),
        (Duration(), -1, NEGATIVE),
        (Duration(), -0.001, NEGATIVE),
        (Duration(), float("nan"), NEGATIVE),
        (Duration(), float("-inf"), NEGATIVE),
        (Duration(), float("inf"), 'must be at most "1000000000s"'),
        (Duration(), 10**400, 'must be at most "1000000000s"'),
        (Duration(), "9" * 400 + "h", 'must be at most "1000000000s"'),
        (Duration(highest=9.5), "9501ms", 'must be at most "9.5s"'),
        (Duration(zero_allowed=False), "0s", "must be longer than nothing"),
        (COLOURS, "Red", '"Red" is not one of "red", "green"'),
        (COLOURS, 3, 'expected one of "red", "green", not a whole number'),
        (Choice(("red",)), "blue", '"blue" is not "red"'),
        (Text("a word", no_x), {}, "expected a word, not a table"),
        (Text("a word", no_x), "axb", "holds an x"),
        (WORDS, "a", "expected an array of words, not a string"),
        (WORDS, ["a", 1], "expected an array of words, not one with a whole number"),
        (WORDS, ["a", "axb"], "holds an x"),
        (WORDS, ["a", "b", "A"], '"a" is there twice'),
        (WORDS, ["axb", "b", "B", "x"], 'holds an x; "b" is there twice'),
        (TABLE, [], "expected a table of words and words, not an array"),
        (TABLE, {"a": False}, "expected a table of words and words, not one with true or false"),
        (TABLE, {"axb": "a"}, "holds an x"),
        (TABLE, {"a": "axb"}, "holds an x"),
        (
            SecretReference(),
            1234,
            'expected a secret: "file:/path" or "credential:name", not a whole number',
        ),
    ],
)
def test_a_kind_says_what_is_wrong(kind: Kind[Any], value: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the whole text is compared below
        kind.read(value)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("kind", "value", "plain"),
    [
        (Flag(), True, True),
        (PORT, 993, 993),
        (Duration(), 8.0, "8s"),
        (Duration(), 300.0, "5m"),
        (Duration(), 0.5, "0.5s"),
        (Duration(), 1e-07, 1e-07),
        (COLOURS, "red", "red"),
        (WORDS, ("a", "b"), ["a", "b"]),
        (TABLE, {"a": "b"}, {"a": "b"}),
        (SecretReference(), Secret(b"pa55"), "<secret>"),
    ],
)
def test_a_kind_writes_what_toml_and_json_have(
    kind: Kind[Any], value: object, plain: object
) -> None:
    assert kind.plain(value) == plain


def test_there_is_no_negative_zero() -> None:
    assert str(Duration().read(-0.0)) == "0.0"


@given(st.floats(0, 1e9))
def test_a_duration_survives_write_then_read(seconds: float) -> None:
    kind = Duration()
    assert kind.read(kind.plain(seconds)) == seconds


ANYTHING = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text() | st.just(A_DAY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    "kind",
    [Flag(), PORT, Duration(), COLOURS, WORDS, TABLE, SecretReference()],
    ids=lambda kind: type(kind).__name__,
)
@given(value=ANYTHING)
def test_a_kind_raises_nothing_but_value_error(kind: Kind[Any], value: object) -> None:
    message = ""
    try:
        kind.plain(kind.read(value))
    except ValueError as error:
        message = str(error)
    assert len(message.splitlines()) < 2
