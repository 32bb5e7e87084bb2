"""When a server counts as away: what speaks for that and what does not, and what is told of it."""

import logging
import time

import pytest

from sasl_bridge.passdb.breaker import Breaker
from sasl_bridge.verdict import Answer, Cause, Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE
SERVER, LOGIN, ACCOUNT, RESTRAINT = Cause.SERVER, Cause.LOGIN, Cause.ACCOUNT, Cause.RESTRAINT

BEGIN = 1_795_000_000.0
"""Seconds since the epoch."""


class Told:
    """A breaker with a clock of its own, and answers to tell it of."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.breaker = Breaker("imap", lambda: self.now, lambda: BEGIN + self.now - 1000.0)

    def answer(
        self, verdict: Verdict, cause: Cause | None = None, seconds: float = 0.1, reason: str = "no"
    ) -> bool:
        answer = Answer(verdict, "alice@example.com", "imap", reason, cause=cause)
        return self.breaker.note_answer(answer, seconds)

    def trouble(self, cause: Cause | None = SERVER, seconds: float = 0.1) -> bool:
        return self.answer(UNAVAILABLE, cause, seconds)

    def away(self, trouble: str = "connection refused") -> None:
        """Have a look find that it is away."""
        self.breaker.note_look(trouble)
        self.breaker.begin()


@pytest.fixture
def told() -> Told:
    return Told()


pytestmark = pytest.mark.expect_warnings("server imap: away, not asked until it is back")


# What is a reason to look


def test_the_third_failure_in_a_row_is_a_reason_to_look_at_the_server(told: Told) -> None:
    assert [told.trouble() for _ in range(4)] == [False, False, True, True]
    assert not told.breaker.is_away


def test_failures_are_in_a_row_only_within_half_a_minute(told: Told) -> None:
    for _ in range(5):
        assert not told.trouble()
        told.now += 15.0
    told.now -= 0.1
    assert told.trouble()


@pytest.mark.parametrize(
    ("verdict", "cause"), [(ACCEPTED, None), (REJECTED, None), (UNAVAILABLE, ACCOUNT)]
)
def test_any_reply_ends_a_row_of_failures(told: Told, verdict: Verdict, cause: Cause) -> None:
    for _ in range(2):
        assert [told.trouble(), told.trouble()] == [False, False]
        assert not told.answer(verdict, cause)
    assert told.breaker.replies == 2


def test_a_good_look_ends_it_too(told: Told) -> None:
    assert [told.trouble(), told.trouble()] == [False, False]
    told.breaker.note_look("")
    assert [told.trouble(), told.trouble(), told.trouble()] == [False, False, True]


def test_a_failure_that_took_a_second_is_one_by_itself(told: Told) -> None:
    assert not told.trouble(SERVER, 0.9)
    told.answer(REJECTED)
    assert told.trouble(SERVER, 1.0)


def test_a_login_without_a_reply_is_a_reason_however_soon_that_was_known(told: Told) -> None:
    assert told.trouble(LOGIN, 0.0)


def test_so_is_one_whose_answer_nobody_awaits_after_a_second(told: Told) -> None:
    assert not told.breaker.note_unawaited(0.9)
    assert told.breaker.note_unawaited(1.0)
    assert told.breaker.reason == "no answer to a login within 1.0 s"


@pytest.mark.parametrize("cause", [ACCOUNT, RESTRAINT, None])
def test_what_one_user_can_provoke_never_is_nor_that_all_connections_are_in_use(
    told: Told, cause: Cause | None
) -> None:
    assert not any(told.trouble(cause, 8.0) for _ in range(20))
    assert told.breaker.reason == ""


@pytest.mark.parametrize("cause", [RESTRAINT, None])
def test_where_nobody_was_asked_nothing_is_known_of_the_server(told: Told, cause: Cause) -> None:
    assert [told.trouble(), told.trouble()] == [False, False]
    told.trouble(cause)
    assert told.trouble(), "the row goes on"
    assert told.breaker.replies == 0


# While it is away


def test_while_it_is_away_only_a_reply_is_news(told: Told) -> None:
    """Logins that were under way may end in any way."""
    told.away()
    assert not told.trouble(SERVER, 8.0)
    assert not told.trouble(LOGIN, 8.0)
    assert not told.breaker.note_unawaited(8.0)
    assert told.breaker.is_away
    assert told.breaker.reason == "connection refused", "what the look said"


@pytest.mark.parametrize(
    ("verdict", "cause"), [(ACCEPTED, None), (REJECTED, None), (UNAVAILABLE, ACCOUNT)]
)
def test_a_reply_to_a_login_that_was_under_way_brings_it_back(
    told: Told, verdict: Verdict, cause: Cause
) -> None:
    told.away()
    assert told.answer(verdict, cause)
    assert not told.breaker.is_away


def test_failures_of_before_do_not_count_when_it_is_back(told: Told) -> None:
    assert [told.trouble() for _ in range(3)] == [False, False, True]
    told.away()
    told.breaker.end()
    assert [told.trouble() for _ in range(3)] == [False, False, True]


# How patient a look is


def test_where_it_is_not_known_how_long_logins_take_a_look_is_patient(told: Told) -> None:
    told.answer(REJECTED, None, 0.01)
    assert told.breaker.patience_seconds == 8.0


@pytest.mark.parametrize(("seconds", "patience"), [(0.01, 2.0), (1.0, 4.0), (5.0, 8.0)])
def test_a_look_is_short_but_no_shorter_than_logins_may_take(
    told: Told, seconds: float, patience: float
) -> None:
    told.answer(ACCEPTED, None, seconds)
    assert told.breaker.patience_seconds == patience


def test_while_it_is_away_a_look_takes_the_time_that_it_needs(told: Told) -> None:
    told.answer(ACCEPTED, None, 0.01)
    told.away()
    assert told.breaker.patience_seconds == 8.0


def test_the_latency_is_that_of_late_and_of_accepted_logins_only(told: Told) -> None:
    told.answer(ACCEPTED, None, 0.1)
    assert told.breaker.latency_seconds == 0.1
    told.answer(ACCEPTED, None, 0.9)
    assert told.breaker.latency_seconds == pytest.approx(0.2)
    told.answer(REJECTED, None, 5.0)
    told.answer(UNAVAILABLE, LOGIN, 5.0)
    assert told.breaker.latency_seconds == pytest.approx(0.2)


# What is told


@pytest.fixture
def in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the clock on the wall be that of Greenwich."""
    monkeypatch.setattr("time.localtime", time.gmtime)


@pytest.mark.usefixtures("in_utc")
def test_a_login_is_told_what_is_wrong_since_when_and_when_it_is_looked_at_again(
    told: Told,
) -> None:
    told.away("no greeting from 192.0.2.1 port 143 within 2.0 s")
    told.breaker.next_look_at = told.now + 3.2
    assert told.breaker.not_asked_text() == (
        "not asked: no greeting from 192.0.2.1 port 143 within 2.0 s; "
        "away since 11:06:40, looked at again in 4 s"
    )
    told.now += 3.2
    assert told.breaker.not_asked_text().endswith("away since 11:06:40, being looked at")
    told.now += 90_000.0
    assert "away since 2026-11-18 11:06:40, " in told.breaker.not_asked_text()


def test_each_time_away_is_one_warning_and_one_line_when_it_is_back(
    told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(3):
        told.trouble()
    told.away("connection refused")
    told.breaker.note_look("still refused")
    told.now += 65.0
    told.breaker.note_look("")
    told.breaker.end()
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert lines == [
        ("WARNING", "server imap: away, not asked until it is back: connection refused"),
        ("INFO", "server imap: back after 65 s, asked again"),
    ]


def test_the_summary_of_a_server_that_was_never_away(told: Told) -> None:
    told.answer(ACCEPTED, None, 0.25)
    assert told.breaker.summary() == {
        "state": "ok",
        "since": None,
        "last_error": "",
        "last_error_at": None,
        "opened": 0,
        "probes": 0,
        "next_probe_seconds": None,
        "latency_seconds": 0.25,
    }


def test_the_summary_of_one_that_is_away_and_of_one_that_is_back(told: Told) -> None:
    told.now += 10.0
    told.away("connection refused")
    told.breaker.next_look_at = told.now + 4.0
    away = told.breaker.summary()
    assert away == {
        "state": "away",
        "since": BEGIN + 10.0,
        "last_error": "connection refused",
        "last_error_at": BEGIN + 10.0,
        "opened": 1,
        "probes": 1,
        "next_probe_seconds": 4.0,
        "latency_seconds": None,
    }
    told.now += 6.0
    assert told.breaker.summary() == away | {"next_probe_seconds": 0.0}
    told.breaker.note_look("")
    told.breaker.end()
    assert told.breaker.summary() == away | {
        "state": "ok",
        "since": BEGIN + 16.0,
        "probes": 2,
        "next_probe_seconds": None,
    }
