"""`bridgectl decisions`: the daemons in processes of their own, asked in pipes and terminals."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.asking_policy import Asker
from lab.both_daemons import log_in, running
from lab.bridge import PROJECT, Bridge, Policyd
from lab.policyd_alone import BOB, policyd_alone
from lab.processes import Child, end_process, start
from lab.terminal import Terminal

from bridge_admin.cli import main as bridgectl

pytestmark = pytest.mark.usefixtures("daemon_loop")

ALICE = "alice@example.com"
TIME = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "


def told(capsys: pytest.CaptureFixture[str], file: Path, *arguments: str) -> list[str]:
    assert bridgectl(["decisions", "--settings", str(file), *arguments]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return said.out.splitlines()


def test_those_of_both_daemons_are_told_in_the_order_of_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the log leaves out as well."""
    with running(tmp_path, Bridge, Policyd) as file, Asker(tmp_path / "policy") as postfix:
        assert told(capsys, file) == []
        assert postfix.ask(sender=ALICE, instance="1") == "DUNNO"
        log_in(file, ALICE)
        postfix.ask(sender=BOB, instance="2")
        log_in(file, "bob\x1b[31m@elsewhere.example")
        lines = told(capsys, file)
        assert [re.match(f"{TIME}login=", line) is not None for line in lines] == [True] * 4
        assert [re.findall("(?:verdict|action)=(\\S+)", line)[0] for line in lines] == [
            "DUNNO",
            "unavailable",
            '"553',
            "rejected",
        ]
        assert 'login="bob\\u001b[31m@elsewhere.example" client=192.0.2.9' in lines[3]
        one, two = (json.loads(line) for line in told(capsys, file, "--json", "--limit", "2"))
        assert (one["program"], one["number"], one["action"]) == ("sasl-policyd", 2, "553 5.7.1")
        assert (two["program"], two["number"], two["verdict"]) == ("sasl-bridge", 2, "rejected")
        assert one["time"] <= two["time"]
        assert told(capsys, file, "--login", "ALICE", "--refused") == lines[1:3]
        assert told(capsys, file, "--client", "192.0.2.9") == [lines[1], lines[3]]
        assert told(capsys, file, "--verdict", "unavailable") == [lines[1]]
        assert told(capsys, file, "--action", "dunno") == [lines[0]]
        assert told(capsys, file, "--program", "sasl-bridge", "--limit", "1") == [lines[3]]
        assert told(capsys, file, "--limit", "0") == []


def test_the_other_one_is_shown_where_one_does_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path, Policyd) as file, Asker(tmp_path / "policy") as postfix:
        postfix.ask(sender=BOB)
        (alone,) = told(capsys, file, "--program", "sasl-policyd")
        assert bridgectl(["decisions", "--settings", str(file)]) == 69
        said = capsys.readouterr()
    assert said.out == f"{alone}\n"
    assert said.err.startswith(f"bridgectl: unix:{tmp_path}/control: No such file or directory; ")


def test_what_the_daemon_cannot_use_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with policyd_alone(tmp_path):
        file = str(tmp_path / "settings.toml")
        assert bridgectl(["decisions", "--settings", file, "--client", "10.0.0.1/8"]) == 64
    said = 'bridgectl: the daemon said: client: "10.0.0.1/8" is an address within a network: '
    assert capsys.readouterr().err.startswith(said)


def test_a_terminal_gets_columns_and_colours(tmp_path: Path) -> None:
    with policyd_alone(tmp_path), Asker(tmp_path / "policy") as postfix:
        postfix.ask(sender="bob\x1b[2J@example.com")
        arguments = "decisions", "--settings", str(tmp_path / "settings.toml")
        with Terminal(*arguments, columns=60, environment={"NO_COLOR": ""}) as terminal:
            terminal.wait_for_end()
    row, *below = terminal.written.splitlines()
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d  \x1b\[31m553 5\.7\.1\x1b\[0m  alice@example\.com  192\.0\.2\.1", row
    )
    assert below[0] == "    bob?[2J@example.com > bob@example.net (submission);"


# Following


class Followed:
    """bridgectl in a pipe, until it is ended or the pipe is closed."""

    def __init__(self, file: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "bridge_admin.cli", "decisions", "--follow"]
        self.child: Child = start(
            [*command, "--settings", str(file), *arguments],
            cwd=PROJECT,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.child.stdout is not None
        assert self.child.stderr is not None
        self.out, self.err = self.child.stdout, self.child.stderr

    def sender(self) -> str:
        """Return the sender of the next decision."""
        return self.out.readline().decode().partition(" sender=")[2].partition(" ")[0]

    def said(self) -> str:
        """Return the next line of standard error."""
        return self.err.readline().decode()

    def end(self) -> int:
        try:
            return end_process(self.child)
        finally:
            self.out.close()
            self.err.close()


@contextlib.contextmanager
def followed(file: Path, *arguments: str) -> Iterator[Followed]:
    following = Followed(file, *arguments)
    try:
        yield following
    finally:
        following.end()


def one(number: int) -> str:
    return f"alice+{number}@example.com"


def test_what_is_followed_survives_a_restart_of_the_daemon(tmp_path: Path) -> None:
    """Nothing is told twice, and what the new process decides is told from its first one on."""
    with policyd_alone(tmp_path) as policyd:
        file = tmp_path / "settings.toml"
        with Asker(tmp_path / "policy") as postfix:
            postfix.ask(sender=one(1), instance="1")
            postfix.ask(sender=one(2), instance="2")
            with followed(file, "--limit", "1", "--program", "sasl-policyd") as following:
                assert following.sender() == one(2)
                postfix.ask(sender=one(3), instance="3")
                assert following.sender() == one(3)
                policyd.stop()
                gone = f"bridgectl: unix:{tmp_path}/policy-control: No such file or directory; "
                assert following.said() == gone + "is sasl-policyd running?\n"
                policyd.start()
                assert following.said() == "bridgectl: sasl-policyd answers again\n"
                with Asker(tmp_path / "policy") as successor:
                    successor.ask(sender=one(4), instance="4")
                    assert following.sender() == one(4)
                following.child.send_signal(signal.SIGINT)
                assert following.child.wait(15) == 0
                assert (following.out.read(), following.err.read()) == (b"", b"")


def test_one_that_does_not_run_yet_is_said_so_once_and_followed_when_it_comes(
    tmp_path: Path,
) -> None:
    with policyd_alone(tmp_path) as policyd:
        policyd.stop()
        with followed(tmp_path / "settings.toml") as following:
            assert following.said().startswith(f"bridgectl: unix:{tmp_path}/policy-control: ")
            policyd.start()
            assert following.said() == "bridgectl: sasl-policyd answers again\n"
            with Asker(tmp_path / "policy") as postfix:
                postfix.ask(sender=one(1))
                assert following.sender() == one(1)


def test_who_is_too_slow_is_told_what_was_missed(tmp_path: Path) -> None:
    """While it is stopped, more is decided than is kept."""
    with (
        policyd_alone(tmp_path),
        Asker(tmp_path / "policy") as postfix,
        followed(tmp_path / "settings.toml", "--login", "alice") as following,
    ):
        postfix.ask(sender=one(0), instance="0")
        assert following.sender() == one(0)
        os.kill(following.child.pid, signal.SIGSTOP)
        for number in range(1, 1201):
            postfix.ask(sender=one(number), instance=str(number))
        os.kill(following.child.pid, signal.SIGCONT)
        missed = "200 decisions of sasl-policyd came too fast to be followed"
        assert following.said() == f"bridgectl: {missed}\n"
        assert [following.sender() for _ in range(1000)] == [one(n) for n in range(201, 1201)]


def test_a_reader_that_is_gone_ends_it_though_nothing_is_decided(tmp_path: Path) -> None:
    with policyd_alone(tmp_path), followed(tmp_path / "settings.toml") as following:
        following.out.close()
        assert following.child.wait(15) == 0
        assert following.err.read() == b""
