"""`bridgectl status` and `reload` ask both daemons, and know which of them is missed."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab.bridge import Bridge, Policyd
from lab.processes import lab_folder
from lab.settings import sender_settings_text, server, settings_text

from bridge_admin.cli import main as bridgectl

BRIDGE, POLICYD = "sasl-bridge", "sasl-policyd"


def settings(folder: Path, bridge: bool, policyd: bool, **sender: Any) -> str:
    """Return settings that switch the programs on or off."""
    head = settings_text(folder, folder / "auth", [server("first", 1143)], enabled=bridge)
    rule = "enforce" if policyd else "off"
    keys = {"match_login": rule, **sender}
    tail = sender_settings_text(folder, folder / "policy", [], **keys)
    return head + "".join(tail.partition("[sender]")[1:])


@contextmanager
def running(*programs: str, bridge: bool = True, policyd: bool = True) -> Iterator[Path]:
    """Yield the settings file of these programs, which run."""
    kinds = {BRIDGE: Bridge, POLICYD: Policyd}
    with lab_folder() as folder, ExitStack() as stack:
        text = settings(folder, bridge, policyd)
        file = folder / "settings.toml"
        file.write_text(text)
        for program in programs:
            stack.enter_context(kinds[program](folder / program, text))
        yield file


def away(file: Path, program: str) -> str:
    control = {BRIDGE: "control", POLICYD: "policy-control"}[program]
    return (
        f"bridgectl: unix:{file.parent}/{control}: No such file or directory; "
        f"is {program} running?\n"
    )


def told(
    capsys: pytest.CaptureFixture[str], file: Path, *arguments: str
) -> tuple[int, list[str], str]:
    """Return the exit code, the first words of each block of lines, and standard error."""
    command, *more = arguments
    code = bridgectl([command, "--settings", str(file), *more])
    printed = capsys.readouterr()
    blocks = [block.partition(", process")[0] for block in printed.out.split("\n\n") if block]
    return code, blocks, printed.err


def test_both_run(capsys: pytest.CaptureFixture[str]) -> None:
    with running(BRIDGE, POLICYD) as file:
        assert told(capsys, file, "status") == (0, [f"{BRIDGE} serves", f"{POLICYD} serves"], "")
        only = told(capsys, file, "status", "--program", POLICYD)
        assert only == (0, [f"{POLICYD} serves"], "")
        reloaded = f"{BRIDGE}: reloaded\n{POLICYD}: reloaded\n"
        assert told(capsys, file, "reload") == (0, [reloaded], "")
        reloaded = f"{BRIDGE}: reloaded\n"
        assert told(capsys, file, "reload", "--program", BRIDGE) == (0, [reloaded], "")


@pytest.mark.parametrize(("runs", "misses"), [(BRIDGE, POLICYD), (POLICYD, BRIDGE)])
def test_one_that_should_run_is_missed(
    capsys: pytest.CaptureFixture[str], runs: str, misses: str
) -> None:
    with running(runs) as file:
        assert told(capsys, file, "status") == (69, [f"{runs} serves"], away(file, misses))
        reloaded = [f"{runs}: reloaded\n"]
        assert told(capsys, file, "reload") == (69, reloaded, away(file, misses))
        assert bridgectl(["status", "--json", "--settings", str(file)]) == 69
        reply = json.loads(capsys.readouterr().out)
        assert reply[misses] is None
        assert reply[runs]["program"] == runs


@pytest.mark.parametrize("runs", [BRIDGE, POLICYD])
def test_one_that_the_settings_have_no_use_for_is_not_missed(
    capsys: pytest.CaptureFixture[str], runs: str
) -> None:
    with running(runs, bridge=runs == BRIDGE, policyd=runs == POLICYD) as file:
        assert told(capsys, file, "status") == (0, [f"{runs} serves"], "")
        assert told(capsys, file, "reload") == (0, [f"{runs}: reloaded\n"], "")


def test_one_that_is_asked_for_by_name_is_missed_all_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with running(BRIDGE, policyd=False) as file:
        asked = told(capsys, file, "status", "--program", POLICYD)
        assert asked == (69, [], away(file, POLICYD))


@pytest.mark.parametrize(
    ("bridge", "policyd", "missed"),
    [
        (True, True, [BRIDGE, POLICYD]),
        (True, False, [BRIDGE]),
        (False, True, [POLICYD]),
        (False, False, [BRIDGE, POLICYD]),
    ],
)
@pytest.mark.parametrize("command", ["status", "reload"])
def test_where_nobody_runs_it_is_said_who_should(
    capsys: pytest.CaptureFixture[str],
    command: str,
    *,
    bridge: bool,
    policyd: bool,
    missed: list[str],
) -> None:
    with running(bridge=bridge, policyd=policyd) as file:
        said = "".join(away(file, program) for program in missed)
        assert told(capsys, file, command) == (69, [], said)


def test_broken_settings_are_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    with running(BRIDGE, POLICYD) as file:
        for program in (BRIDGE, POLICYD):
            copy = file.parent / program / "settings.toml"
            copy.write_text(copy.read_text().replace("enabled", "enalbed"))
        assert bridgectl(["reload", "--settings", str(file)]) == 78
        first, *others = capsys.readouterr().out.splitlines()
        assert first.startswith("error: smtp_auth.enalbed: ")
        assert others == [
            f"{BRIDGE}: not reloaded: the settings are broken",
            f"{POLICYD}: not reloaded: the settings are broken",
        ]
        code, blocks, _ = told(capsys, file, "status")
        assert code == 78
        assert blocks == [
            f"{program} serves its last good settings; the file is broken"
            for program in (BRIDGE, POLICYD)
        ]


def test_with_broken_settings_nobody_knows_who_should_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(settings(tmp_path, bridge=True, policyd=True).replace("enabled", "enalbed"))
    said = away(file, BRIDGE) + away(file, POLICYD)
    assert told(capsys, file, "status") == (69, [], said)
