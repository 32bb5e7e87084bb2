"""How decisions read in a terminal, in a pipe, and as JSON."""

import json
import time
from typing import Any

import pytest

from bridge_admin.cli import main as bridgectl
from bridge_admin.decision_text import Columns, as_json, as_logged, short_lines

LOGIN: dict[str, Any] = {
    "login": "alice@example.com",
    "typed": "",
    "client": "192.0.2.7",
    "mechanism": "PLAIN",
    "verdict": "accepted",
    "server": "second",
    "reason": "OK Logged in",
    "seconds": 0.0432,
    "asked": "second accepted in 0.043 s (OK Logged in)",
}
MAIL: dict[str, Any] = {
    "login": "alice@example.com",
    "sender": "bob@example.com",
    "resolved": "",
    "client": "192.0.2.7",
    "recipient": "carol@example.net",
    "context": "submission",
    "action": "553 5.7.1",
    "rule": "match_login",
    "mode": "",
    "reason": "alice@example.com does not own bob@example.com",
    "seconds": 0.0,
}


def decision(fields: dict[str, Any], moment: float | None = None, **changes: Any) -> dict[str, Any]:
    """Return what the control socket tells of one, of today unless it is said when."""
    today = time.mktime((*time.localtime()[:3], 12, 34, 56, 0, 0, -1))
    return {
        "number": 7,
        "time": today if moment is None else moment,
        "refused": False,
        "program": "sasl-bridge",
        "fields": fields | changes,
    }


def line(fields: dict[str, Any], **changes: Any) -> str:
    """Return it in a terminal so wide that nothing is wrapped."""
    (only,) = Columns(colours=False).lines([decision(fields, **changes)], 1000)
    return only


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Where the day begins nine hours before that of UTC."""
    monkeypatch.setenv("TZ", "JST-9")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_login_is_a_row() -> None:
    assert line(LOGIN) == (
        "12:34:56  accepted   alice@example.com  192.0.2.7  second: OK Logged in (0.043 s)"
    )


def test_what_was_remembered_took_no_time() -> None:
    assert line(LOGIN, server="cache", reason="second accepted it", seconds=0.0, asked="").endswith(
        "  cache: second accepted it"
    )


def test_what_others_said_comes_behind_what_decided() -> None:
    first, second = "first rejected in 0.021 s (NO no; sorry)", "second accepted in 0.019 s (OK)"
    decided = "192.0.2.7  second: OK Logged in (0.043 s); first rejected in 0.021 s (NO no; sorry)"
    assert line(LOGIN, asked=f"{first}; {second}").endswith(decided)
    assert line(LOGIN, asked=f"{second}; {first}").endswith(decided)
    down = {"verdict": "unavailable", "server": "list", "reason": "down", "seconds": 0.0}
    both = "first unavailable in 0.1 s (a); second unavailable in 0.2 s (b)"
    assert line(LOGIN, **down, asked=both).endswith(f"192.0.2.7  list: down; {both}")


def test_an_unusual_form_and_an_unusual_asker_are_told() -> None:
    typed = line(LOGIN, typed="CORP\\alice", mechanism="bridgectl")
    assert typed.endswith(r"  [bridgectl] second: OK Logged in (0.043 s); typed as CORP\alice")


def test_a_sender_is_a_row_in_the_same_columns() -> None:
    assert line(MAIL) == (
        "12:34:56  553 5.7.1  alice@example.com  192.0.2.7  bob@example.com > carol@example.net "
        "(submission); match_login: alice@example.com does not own bob@example.com"
    )


def test_a_sender_against_whom_nothing_is_has_little_to_say() -> None:
    nothing = {"action": "DUNNO", "rule": "", "reason": "", "recipient": "", "context": ""}
    resolved = line(MAIL, **nothing, login="", sender="bob", resolved="bob@example.com")
    assert resolved == "12:34:56  DUNNO      -      192.0.2.7  bob (= bob@example.com)"
    assert line(MAIL, **nothing, sender="").endswith("  192.0.2.7  ?")


def test_what_is_only_monitored_is_not_taken_for_let_through() -> None:
    assert " monitored  alice@example.com " in line(MAIL, action="DUNNO", mode="monitor")


def test_another_day_is_named() -> None:
    moment = time.mktime((2026, 1, 2, 3, 4, 5, 0, 0, -1))
    (only,) = Columns(colours=False).lines([decision(LOGIN, moment)], 1000)
    assert only.startswith("2026-01-02 03:04:05  accepted ")


def test_rows_are_aligned_and_columns_never_get_narrower() -> None:
    columns = Columns(colours=False)
    first, second = columns.lines([decision(LOGIN), decision(LOGIN, login="bo")], 1000)
    (third,) = columns.lines([decision(LOGIN, login="c")], 1000)
    assert {one.index("192.0.2.7") for one in (first, second, third)} == {40}


def test_a_long_login_breaks_out_of_its_column_alone() -> None:
    columns = Columns(colours=False)
    long, usual = columns.lines([decision(LOGIN, login="a" * 60), decision(LOGIN)], 1000)
    assert long.index("192.0.2.7") == 21 + 60 + 2
    assert usual.index("192.0.2.7") == 21 + 32 + 2


def test_a_terminal_wraps_the_last_column() -> None:
    lines = Columns(colours=False).lines([decision(MAIL)], 84)
    assert lines == [
        "12:34:56  553 5.7.1  alice@example.com  192.0.2.7  bob@example.com >",
        " " * 51 + "carol@example.net (submission);",
        " " * 51 + "match_login: alice@example.com",
        " " * 51 + "does not own bob@example.com",
    ]


def test_a_narrow_terminal_has_it_below() -> None:
    lines = Columns(colours=False).lines([decision(LOGIN)], 60)
    assert lines == [
        "12:34:56  accepted   alice@example.com  192.0.2.7",
        "    second: OK Logged in (0.043 s)",
    ]


@pytest.mark.parametrize(
    ("changes", "colour"),
    [
        ({"verdict": "accepted"}, 32),
        ({"verdict": "rejected"}, 31),
        ({"verdict": "unavailable"}, 33),
        ({"action": "553 5.7.1"}, 31),
        ({"action": "451 4.3.0"}, 33),
        ({"action": "close"}, 33),
        ({"action": "something new"}, 31),
    ],
)
def test_the_outcome_has_a_colour(changes: dict[str, Any], colour: int) -> None:
    (outcome,) = changes.values()
    (coloured,) = Columns(colours=True).lines([decision(LOGIN, **changes)], 1000)
    assert f"  \x1b[{colour}m{outcome}\x1b[0m  " in coloured
    assert coloured.replace(f"\x1b[{colour}m", "").replace("\x1b[0m", "") == line(LOGIN, **changes)


def test_a_dunno_has_none() -> None:
    (plain,) = Columns(colours=True).lines([decision(MAIL, action="DUNNO")], 1000)
    assert "\x1b" not in plain


def test_nothing_a_stranger_sends_does_anything_to_a_terminal() -> None:
    evil = "\x1b]0;owned\x07\r\n\u202e\ud800"
    fields = {name: evil for name, value in (LOGIN | MAIL).items() if isinstance(value, str)}
    for one in (decision(fields), decision({**fields, "action": ""})):
        lines = [*Columns(colours=False).lines([one], 80), *short_lines([one], 80, colours=False)]
        assert all(line.isprintable() for line in lines)
        assert as_logged(one).isprintable()
        assert as_logged(one).isascii()
        assert as_json(one).isprintable()


def test_in_a_pipe_it_is_the_line_of_the_log(far_east: None) -> None:
    del far_east
    assert as_logged(decision(LOGIN, 1_770_000_000.75)) == (
        "2026-02-02 11:40:00 login=alice@example.com client=192.0.2.7 mechanism=PLAIN "
        'verdict=accepted server=second reason="OK Logged in" seconds=0.043 '
        'asked="second accepted in 0.043 s (OK Logged in)"'
    )


def test_as_json_it_has_all_fields_and_the_time_of_utc(far_east: None) -> None:
    del far_east
    told = json.loads(as_json(decision(LOGIN, 1_770_000_000.0625)))
    head = {"time": "2026-02-02T02:40:00.062Z", "program": "sasl-bridge", "number": 7}
    assert told == head | LOGIN


def test_status_has_room_for_one_line_each() -> None:
    decisions = [decision(LOGIN), decision(MAIL)]
    assert short_lines(decisions, 80, colours=False) == [
        "12:34:56  accepted   alice@example.com  second: OK Logged in (0.043 s)",
        "12:34:56  553 5.7.1  alice@example.com  bob@example.com > carol@example.net (...",
    ]
    first, second = short_lines(decisions, 100, colours=True)
    assert first == (
        "12:34:56  \x1b[32maccepted\x1b[0m   alice@example.com  192.0.2.7  "
        "second: OK Logged in (0.043 s)"
    )
    assert second.endswith("  192.0.2.7  bob@example.com > carol@example.net (submissio...")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--limit", "-1"], "argument --limit: '-1' is no number"),
        (["--limit", "many"], "argument --limit: 'many' is no number"),
        (["--verdict", "no"], "argument --verdict: invalid choice: 'no'"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], arguments: list[str], error: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        bridgectl(["decisions", *arguments])
    assert ended.value.code == 64
    assert error in capsys.readouterr().err
