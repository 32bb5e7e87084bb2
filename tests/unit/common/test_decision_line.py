"""What a decision looks like as text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.decision_line import Field, bounded_fields, format_decision


def test_a_line_reads_as_the_manual_says() -> None:
    fields: dict[str, Field] = {
        "login": "alice@example.com",
        "client": "2001:db8::1",
        "verdict": "accepted",
        "server": "exchange",
        "reason": "OK",
        "typed": "",
        "seconds": 0.0314,
    }
    assert format_decision(fields) == (
        "login=alice@example.com client=2001:db8::1 verdict=accepted server=exchange reason=OK "
        "seconds=0.031"
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ('say "x"', '"say \\"x\\""'),
        ("CORP\\alice", '"CORP\\\\alice"'),
        ("line\nverdict=accepted", '"line\\nverdict=accepted"'),
        ("\x1b[31m", '"\\u001b[31m"'),
        ("next\x85line", '"next\\u0085line"'),
        ("\uff41lice", '"\\uff41lice"'),
    ],
)
def test_a_value_cannot_forge_a_field_or_a_line(value: str, written: str) -> None:
    assert format_decision({"login": value}) == f"login={written}"


def test_a_long_value_is_cut() -> None:
    assert format_decision({"login": "a" * 600}) == "login=" + "a" * 500 + "..."


@given(st.dictionaries(st.sampled_from(["login", "reason", "asked"]), st.text(), max_size=3))
def test_every_line_is_one_line_of_printable_ascii(fields: dict[str, str]) -> None:
    line = format_decision(fields)
    assert line.isascii()
    assert not line or line.isprintable()
    assert len(
        re.findall(r'(?:^| )(?:login|reason|asked)=(?:"(?:[^"\\]|\\.)*"|[^ "=]+)', line)
    ) == sum(1 for value in fields.values() if value)


def test_what_is_cut_for_json_is_the_same() -> None:
    fields: dict[str, Field] = {"login": "a" * 60_000, "client": "", "seconds": 0.25}
    assert bounded_fields(fields) == {"login": "a" * 500 + "...", "client": "", "seconds": 0.25}
