"""`bridgectl status --watch`, in a terminal and in a pipe."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lab.asking_policy import Asker
from lab.both_daemons import log_in, running
from lab.bridge import PROJECT, Bridge
from lab.policyd_alone import BOB, policyd_alone
from lab.processes import start
from lab.terminal import Terminal

from bridge_admin.cli import main as bridgectl

pytestmark = pytest.mark.usefixtures("daemon_loop")

SERVES = r"^sasl-policyd serves, process \d+, up "
CTRL_C = "\x03"


def watching(folder: Path, seconds: str = "0.1", columns: int = 80, lines: int = 24) -> Terminal:
    """Return a terminal in which the daemon is watched."""
    arguments = "status", "--watch", seconds, "--settings", str(folder / "settings.toml")
    return Terminal(*arguments, columns=columns, lines=lines)


def test_one_picture_is_drawn_over_the_other_until_ctrl_c(tmp_path: Path) -> None:
    with policyd_alone(tmp_path), Asker(tmp_path / "policy") as postfix:
        with watching(tmp_path) as terminal:
            first = terminal.wait_for_picture(SERVES)
            assert terminal.written.startswith("\x1b[?25l\x1b[?7l\x1b[2J\x1b[H")
            assert re.fullmatch(r"\d\d:\d\d:\d\d, every 0\.1 s until Ctrl-C", first[0])
            assert "  senders       none yet" in first
            postfix.ask(sender=BOB)
            (rate,) = [
                line
                for line in terminal.wait_for_picture(r"^  senders       1 refused; [1-9]")
                if "senders" in line
            ]
            assert re.fullmatch(r"  senders       1 refused; \d+\.\d a second", rate)
            last = terminal.wait_for_picture(r"^  senders       1 refused; 0\.0 a second$")
            assert re.match(r"  \d\d:\d\d:\d\d  553 5\.7\.1  alice@example\.com  bob@", last[-1])
            terminal.press(CTRL_C)
            assert terminal.wait_for_end() == 0
        assert terminal.written.endswith("\x1b[?7h\x1b[?25h\r\n")
        assert "bridgectl:" not in terminal.written


def test_the_terminal_is_left_as_it_was_by_sigterm_too(tmp_path: Path) -> None:
    with policyd_alone(tmp_path), watching(tmp_path) as terminal:
        terminal.wait_for_picture(SERVES)
        terminal.kill(signal.SIGTERM)
        terminal.wait_for_end()
        assert terminal.written.endswith("\x1b[?7h\x1b[?25h\r\n")


def test_ctrl_z_gives_the_terminal_back_as_long_as_it_lasts(tmp_path: Path) -> None:
    """Here nobody could go on with what is stopped, so the kernel does not stop it."""
    with policyd_alone(tmp_path), watching(tmp_path) as terminal:
        terminal.wait_for_picture(SERVES)
        terminal.press("\x1a")
        terminal.wait_for_picture(SERVES)
        terminal.wait_for_picture(SERVES)
        assert "\x1b[?7h\x1b[?25h\r\n\x1b[?25l\x1b[?7l\x1b[2J\x1b[H" in terminal.written


def test_a_change_of_size_is_drawn_at_once(tmp_path: Path) -> None:
    """Though the next look is an hour away."""
    with policyd_alone(tmp_path), watching(tmp_path, "3600", columns=120) as terminal:
        rules = (
            "  rules         null_sender allow, match_login enforce, foreign_sender off, "
            "fake_sender_control off"
        )
        assert rules in terminal.wait_for_picture(SERVES)
        terminal.resize(60, 24)
        narrow = terminal.wait_for_picture(SERVES)
        assert "  rules         null_sender allow, match_login enforce," in narrow
        terminal.resize(60, 6)
        low = terminal.wait_for_picture("more lines")
        assert low[3:] == [
            f"  settings      {tmp_path}/settings.toml",
            f"... {len(narrow) - 4} more lines: make the window higher",
        ]


def test_a_daemon_that_goes_away_is_told_of_and_seen_again(tmp_path: Path) -> None:
    with policyd_alone(tmp_path) as policyd, watching(tmp_path, columns=400) as terminal:
        terminal.wait_for_picture(SERVES)
        policyd.stop()
        gone = terminal.wait_for_picture(r"^sasl-policyd: ")
        control = f"unix:{tmp_path}/policy-control"
        why = f"{control}: No such file or directory; is sasl-policyd running?"
        assert gone[2:] == [f"sasl-policyd: {why}"]
        policyd.start()
        back = terminal.wait_for_picture(SERVES)
        assert "  senders       none yet" in back


def test_a_server_that_is_away_is_the_first_to_be_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether the servers are well is none of what the exit code says."""
    with running(tmp_path, Bridge) as file:
        for _ in range(3):
            log_in(file, "alice@example.com")
        command = ["status", "--settings", str(file), "--program", "sasl-bridge"]
        assert bridgectl(command) == 0
        said = capsys.readouterr().out
        assert bridgectl([*command, "--json"]) == 0
        (server,) = json.loads(capsys.readouterr().out)["sasl-bridge"]["servers"]
    assert re.search(r"\n  first   away \d+ s  0 of 50  127\.0\.0\.1 port 1; .*refused", said)
    assert server["breaker"]["state"] == "away"
    assert (server["in_use"], server["most"], server["warm"]) == (0, 50, 0)


@pytest.mark.parametrize("as_json", [False, True])
def test_in_a_pipe_one_look_comes_below_the_other_until_nobody_reads(
    tmp_path: Path, *, as_json: bool
) -> None:
    command = [sys.executable, "-m", "bridge_admin.cli", "status", "--watch=0.1"]
    command += ["--json"] if as_json else []
    with policyd_alone(tmp_path) as policyd:
        child = start(
            [*command, "--settings", str(tmp_path / "settings.toml")],
            cwd=PROJECT,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert child.stdout is not None
        assert child.stderr is not None
        with child.stdout as out, child.stderr as err:
            if as_json:
                looks = [json.loads(out.readline()) for _ in range(3)]
                assert [look["sasl-policyd"]["pid"] for look in looks] == [policyd.pid] * 3
            else:
                lines = iter(line.decode().rstrip("\n") for line in out)
                for _ in range(3):
                    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", next(lines))
                    assert next(lines) == ""
                    assert re.match(SERVES, next(lines))
                    while next(lines):
                        pass
            out.close()
            assert child.wait(15) == 0
            assert err.read() == b""
