"""What `bridgectl status` makes of a daemon's reply; the daemons' own tests ask real ones."""

import time
from pathlib import Path
from typing import Any

import pytest

from bridge_admin.cli import main as bridgectl
from bridge_admin.layout import span
from bridge_admin.status_text import Before, View, status_lines
from bridge_admin.terminal import columns, painted, wants_colours

NOW = 1_770_000_000.0
VIEW = View(1000, colours=False, now=NOW)
DECIDED = {"number": 1, "time": NOW, "refused": True}
RECENT = [
    DECIDED | {"fields": {"login": "bob", "verdict": "rejected", "server": "first", "reason": "no"}}
]


def reply(file: Path, **more: Any) -> dict[str, Any]:
    """Return what a daemon says that serves and has nothing to complain of."""
    usual = {
        "program": "sasl-bridge",
        "pid": 42,
        "started": NOW - 11_000,
        "settings_file": str(file),
        "settings_applied": time.time() + 3600,
        "settings_problems": [],
        "settings_warnings": [],
        "listeners": ["unix:/run/auth", "unix:/run/control"],
        "connections": 2,
        "log_lines_dropped": 0,
        "enabled": True,
        "verdicts": {"accepted": 7, "rejected": 2, "unavailable": 0},
        "servers": [],
        "remembered": {
            "accepted": 5,
            "refused": 1,
            "accepted_again": 9,
            "refused_again": 3,
            "accepted_in_grace": 0,
        },
        "recent": [],
    }
    return usual | more


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "settings.toml"
    file.write_text("")
    return file


def lines(file: Path, **more: Any) -> list[str]:
    return status_lines(reply(file, **more), VIEW)


def test_where_all_is_well_little_is_said(file: Path) -> None:
    assert lines(file) == [
        "sasl-bridge serves, process 42, up 3 h 3 min",
        f"  settings      {file}",
        "  listening     unix:/run/auth, unix:/run/control",
        "  connections   2",
        "  logins        7 accepted, 2 rejected, 0 unavailable",
        "  remembered    5 accepted, 1 refused; used 9 and 3 times",
    ]


def test_what_is_wrong_comes_first(file: Path) -> None:
    trouble = {
        "settings_problems": ["smtp_auth.enalbed: no such key"],
        "settings_warnings": ["server first is asked in the clear"],
        "log_lines_dropped": 7,
    }
    head, *others = lines(file, **trouble)
    assert head.startswith("sasl-bridge serves its last good settings; the file is broken, process")
    assert others[:3] == [
        "error: smtp_auth.enalbed: no such key",
        "log: 7 lines were dropped: standard error did not take them",
        "warning: server first is asked in the clear",
    ]


def test_settings_that_never_were_good_are_trouble_for_all(file: Path) -> None:
    broken = {"settings_problems": ["no"], "settings_applied": 0.0}
    assert lines(file, **broken)[0].startswith(
        "sasl-bridge answers every request as trouble; the settings are broken, process "
    )


def test_a_program_that_is_switched_off_says_so(file: Path) -> None:
    assert lines(file, enabled=False)[0].startswith("sasl-bridge is switched off, process ")


def test_a_file_that_is_not_in_force_is_told_of(file: Path) -> None:
    changed = "the file has changed since; bridgectl reload brings it into force"
    assert f"  settings      {file}: {changed}" in lines(file, settings_applied=1.0)
    file.unlink()
    gone = "the file cannot be looked at (No such file or directory); what it said is in force"
    assert f"  settings      {file}: {gone}" in lines(file)


def test_logins_that_were_accepted_in_an_outage_are_told_of(file: Path) -> None:
    remembered = reply(file)["remembered"] | {"accepted_in_grace": 4}
    assert lines(file, remembered=remembered)[-1].endswith(" times; 4 accepted in grace")


def test_how_often_is_told_to_who_has_looked_before(file: Path) -> None:
    before = reply(file, verdicts={"accepted": 1, "rejected": 1, "unavailable": 0})
    logins = status_lines(reply(file), VIEW, Before(before, 2.0))[4]
    assert logins == "  logins        7 accepted, 2 rejected, 0 unavailable; 3.5 a second"


def test_the_counts_of_another_process_are_none_to_compare_with(file: Path) -> None:
    before = Before(reply(file, pid=41, verdicts={"accepted": 100}), 2.0)
    assert "second" not in status_lines(reply(file), VIEW, before)[4]


def test_what_is_kept_from_logins_is_told_if_anything_is(file: Path) -> None:
    none = {"mode": "monitor", "blocked": {"a": 0, "b": 0}, "would_have_blocked": {"a": 0, "b": 0}}
    nothing = {"blocks": 0, "lockout_budgets": {"counted": 0, "spent": 0, "refused": 0}}
    assert lines(file, **nothing, guard=none) == lines(file)
    kept = {"blocks": 3, "lockout_budgets": {"counted": 2, "spent": 1, "refused": 9}}
    guard = none | {"would_have_blocked": {"a": 2, "b": 4}}
    assert lines(file, **kept, guard=guard)[-3:] == [
        "  guard         blocked 0, would have blocked 6 (mode monitor)",
        "  blocks        3 in force",
        "  budgets       2 counted, 1 spent; 9 passwords were not sent",
    ]


def test_a_state_folder_that_cannot_be_written_is_told_of(file: Path) -> None:
    assert "state folder: no space" in lines(file, state_folder="no space")
    assert lines(file, state_folder="") == lines(file)


def test_the_last_decisions_have_a_line_each(file: Path) -> None:
    heading, row = lines(file, recent=RECENT)[-2:]
    assert heading == "  last decisions"
    assert row.endswith("  rejected  bob  -  first: no")


def test_the_servers_have_a_table(file: Path) -> None:
    server = {"name": "first", "profile": "", "hosts": ["a"], "port": 993, "enabled": True}
    assert lines(file, servers=[server])[-2:] == [
        "  server  where",
        "  first   a port 993",
    ]


def test_a_terminal_wraps_and_has_colours(file: Path) -> None:
    view = View(40, colours=True, now=NOW)
    told = status_lines(reply(file, settings_warnings=["a doubt"]), view)
    assert told[0] == ("\x1b[1msasl-bridge\x1b[0m \x1b[32mserves\x1b[0m, process 42, up 3 h 3 min")
    assert told[1] == "\x1b[33mwarning: a doubt\x1b[0m"
    assert told[-4:] == [
        "  logins        7 accepted, 2 rejected,",
        "                0 unavailable",
        "  remembered    5 accepted, 1 refused;",
        "                used 9 and 3 times",
    ]


def test_nothing_that_was_read_somewhere_does_anything_to_a_terminal(file: Path) -> None:
    trouble = {"settings_problems": ["\x1b[2J"], "settings_warnings": ["\x07"]}
    assert all(line.isprintable() for line in lines(file, **trouble))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0.9, "0 s"),
        (59, "59 s"),
        (60, "1 min 0 s"),
        (3600, "1 h 0 min"),
        (86_399, "23 h 59 min"),
        (90_061, "1 d 1 h"),
        (86_400 * 400, "400 d 0 h"),
    ],
)
def test_a_time_has_its_two_greatest_units(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_no_colours_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    del capsys  # standard output is no terminal
    assert not wants_colours()
    assert columns() == 10_000
    assert painted("text", None) == "text"


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb", "NO_COLOR": ""}, False),
    ],
)
def test_a_terminal_may_want_none(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], *, wanted: bool
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wants_colours() is wanted


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon", "1e9"])
def test_what_is_no_time_to_watch_by_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], seconds: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        bridgectl(["status", f"--watch={seconds}"])
    assert ended.value.code == 64
    assert f"'{seconds}' is no number of seconds from 0.1 to 86400" in capsys.readouterr().err
