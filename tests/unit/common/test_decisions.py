"""The decision line."""

import json
import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.decisions import DecisionLog, Field, format_decision


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


def test_refused_only_leaves_out_what_was_accepted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = DecisionLog(only_refused=True)
    log.write({"login": "a"}, refused=False)
    log.write({"login": "b"}, refused=True)
    assert [record.getMessage() for record in caplog.records] == ["login=b"]


@pytest.mark.expect_warnings("login=c")
def test_trouble_is_a_warning_and_the_rest_is_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = DecisionLog()
    log.write({"login": "a"}, refused=False)
    log.write({"login": "b"}, refused=True)
    log.write({"login": "c"}, refused=True, trouble=True)
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO", "WARNING"]


def test_the_fields_travel_with_the_record_for_json(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    DecisionLog().write({"login": "a b", "seconds": 0.5}, refused=False)
    decision = caplog.records[0].__dict__["decision"]
    assert json.loads(json.dumps(decision)) == {"login": "a b", "seconds": 0.5}


def test_a_long_value_is_cut_for_json_too(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        DecisionLog().write({"login": "a" * 60_000}, refused=False)
    (record,) = caplog.records
    assert record.__dict__["decision"] == {"login": "a" * 500 + "..."}
