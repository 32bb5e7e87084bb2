"""What log lines look like, in a process of their own: the log is the process's."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import logging, os, sys
if os.environ.get("JOURNAL_STREAM") == "of stderr":
    stream = os.fstat(2)
    os.environ["JOURNAL_STREAM"] = f"{stream.st_dev}:{stream.st_ino}"
from bridge_common.decisions import DecisionLog
from bridge_common.log import configure_log

configure_log(sys.argv[1], sys.argv[2])
logging.getLogger("x").debug("details")
logging.getLogger("x").info("a thing")
logging.getLogger("x").warning("look: %s", "here")
DecisionLog().write({"login": "alice@example.com", "seconds": 0.25}, refused=False)
DecisionLog().write({"login": "bob", "reason": "servers down"}, refused=True, trouble=True)
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("x").exception("failed")
"""


STRANGE = """
import logging, sys
from bridge_common.log import configure_log

configure_log(sys.argv[1], sys.argv[2])
logging.getLogger("x").info("j\\u00f6rg \\udcff")
logging.getLogger("x").info("%d", "no number")
logging.getLogger("x").info("done")
"""


def lines(level: str, style: str, program: str = PROGRAM, **environ: str) -> list[str]:
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", program, level, style],
        env={**os.environ, "PYTHONPATH": root, **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_text_in_a_terminal_has_the_time_and_says_warnings() -> None:
    written = lines("info", "text")
    assert [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", "", line) for line in written[:5]] == [
        "a thing",
        "warning: look: here",
        "login=alice@example.com seconds=0.250",
        'warning: login=bob reason="servers down"',
        "error: failed",
    ]
    assert written[-1] == "ZeroDivisionError: division by zero"


def test_text_in_the_journal_has_the_level_on_every_line() -> None:
    written = lines("debug", "text", JOURNAL_STREAM="of stderr")
    assert written[0] == "<7>debug: details"
    assert written[1] == "<6>a thing"
    assert written[2] == "<4>warning: look: here"
    assert written[3] == "<6>login=alice@example.com seconds=0.250"
    assert written[4] == '<4>warning: login=bob reason="servers down"'
    assert all(line.startswith("<3>") for line in written[5:])


def test_a_variable_about_another_stream_is_not_believed() -> None:
    assert not lines("info", "text", JOURNAL_STREAM="8:1")[0].startswith("<")


def test_json_is_one_object_a_line_and_a_decision_is_its_fields() -> None:
    written = [json.loads(line) for line in lines("info", "json")]
    assert [entry["level"] for entry in written] == [
        *("info", "warning", "info", "warning", "error")
    ]
    assert written[1]["message"] == "look: here"
    assert written[2]["login"] == "alice@example.com"
    assert written[2]["seconds"] == 0.25
    assert written[3]["reason"] == "servers down"
    assert "ZeroDivisionError" in written[4]["exception"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", written[0]["time"])


@pytest.mark.parametrize("level", ["warning", "error"])
def test_decisions_do_not_obey_the_level(level: str) -> None:
    written = lines(level, "text")
    assert any("login=alice@example.com" in line for line in written)
    assert not any("a thing" in line for line in written)


def test_a_message_that_cannot_be_written_as_it_is_ends_nothing() -> None:
    written = lines("info", "text", STRANGE)
    assert [line.partition(" ")[2].partition(" ")[2] for line in written] == [
        "j\u00f6rg \\udcff",
        "error: a fault of ours: the message '%d' does not fit its arguments",
        "done",
    ]


def test_a_daemon_without_standard_error_is_silent() -> None:
    program = "import os, sys; os.close(2)\nsys.stderr = None\n" + STRANGE
    assert lines("info", "text", program) == []
