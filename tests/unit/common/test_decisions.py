"""Which decisions are written; here by `logging`, since nobody has configured the log."""

import json
import logging

import pytest

from bridge_common.decisions import DecisionLog


def test_refused_only_leaves_out_what_was_accepted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    log = DecisionLog(only_refused=True)
    log.write({"login": "a"}, refused=False)
    log.write({"login": "b"}, refused=True)
    assert [record.getMessage() for record in caplog.records] == ["login=b"]


def test_a_prepared_decision_obeys_what_is_wanted_when_it_is_written(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    log = DecisionLog()
    accepted = log.prepare({"login": "a", "seconds": 0.0}, refused=False)
    refused = log.prepare({"login": "b", "seconds": 0.0}, refused=True)
    for only_refused in (False, True):
        log.only_refused = only_refused
        log.write_prepared(accepted)
        log.write_prepared(refused)
    assert [record.getMessage() for record in caplog.records] == [
        "login=a seconds=0.000",
        "login=b seconds=0.000",
        "login=b seconds=0.000",
    ]


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
