"""The process of the second opinion: whatever it does, there is an answer, and it is gone."""

import sys
from pathlib import Path

import pytest

from bridge_common.settings.server import Server
from sasl_bridge.probe import second_opinion as module
from sasl_bridge.probe.other_client import _cut
from sasl_bridge.probe.report import Opinion
from sasl_bridge.probe.second_opinion import second_opinion
from sasl_bridge.probe.trouble import Trouble

SERVER = Server(name="first", host="127.0.0.1", port=1)

PROGRAMS = {
    "endless": (
        'import time; print(\'{"by": "x"}\', flush=True); time.sleep(60)',
        "the other client did not end within 1.0 s",
    ),
    "deaf": ("import os; os._exit(3)", "the other client ended without a word, exit code 3"),
    "babbling": ("print('what')", "the other client talked nonsense"),
    "listing": ("print('[1]')", "the other client talked nonsense"),
    "shouting": ("print('x' * 10**6)", "the other client talked nonsense"),
    "talkative": (
        'while True: print(\'{"by": "x"}\')',
        "the other client did not end within 1.0 s",
    ),
}


@pytest.mark.parametrize(("program", "detail"), PROGRAMS.values(), ids=PROGRAMS)
async def test_a_process_that_is_no_help(
    monkeypatch: pytest.MonkeyPatch, program: str, detail: str
) -> None:
    monkeypatch.setattr(module, "_PROGRAM", program)
    monkeypatch.setattr(module, "_START_SECONDS", 0.5)
    opinion, certificate = await second_opinion(SERVER, None, 0.5)
    assert (opinion.state, opinion.detail) == ("unavailable", detail)
    assert opinion.kind is Trouble.NO_OPINION
    assert certificate is None


async def test_one_that_could_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without one of the packages that it needs."""
    monkeypatch.setattr(module, "_PROGRAM", "import no_such_module_at_all")
    opinion, _ = await second_opinion(SERVER, None, 5.0)
    assert opinion.kind is Trouble.NOT_STARTED
    assert opinion.detail == "the other client ended without a word, exit code 1"


async def test_a_system_that_starts_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    opinion, _ = await second_opinion(SERVER, None, 5.0)
    assert opinion.kind is Trouble.NO_OPINION
    assert opinion.detail == "the other client cannot be started: No such file or directory"


async def test_one_that_had_too_much_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    program = 'import os, signal; print(\'{"by": "x"}\', flush=True); '
    program += "os.kill(os.getpid(), signal.SIGXCPU)"
    monkeypatch.setattr(module, "_PROGRAM", program)
    opinion, _ = await second_opinion(SERVER, None, 5.0)
    assert (opinion.state, opinion.kind) == ("unavailable", Trouble.OTHER)
    assert opinion.detail == "the server sends more than the other client can read"


async def test_what_was_found_stays_found_however_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    told = '{"state": "rejected", "detail": "NO out", "kind": "not started"}'
    monkeypatch.setattr(module, "_PROGRAM", f"print('{told}', flush=True); print('what')")
    opinion, _ = await second_opinion(SERVER, None, 5.0)
    assert (opinion.state, opinion.detail, opinion.kind) == ("rejected", "NO out", Trouble.NONE)


def test_the_process_tells_no_more_than_is_shown() -> None:
    told = {"names": ["x" * 5000] * 5000, "seconds": 1.5, "certificate": {"subject": "y" * 5000}}
    assert _cut(told) == {
        "names": ["x" * 300] * 100,
        "seconds": 1.5,
        "certificate": {"subject": "y" * 300},
    }


TOLD = r"""
import json
facts = {
    "by": "x", "state": "king", "detail": "a\nb\x1b[2J\u202e" + "c" * 300,
    "banner": "* OK [CAPABILITY X] hi",
    "capabilities": ["Y\x07"] * 500, "certificate": {"subject": "s\n", "names": ["n\n"] * 500},
    "untrusted": "bad", "seconds": 0.25,
}
print(json.dumps(facts))
"""


async def test_what_it_tells_is_made_fit_to_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PROGRAM", TOLD)
    opinion, certificate = await second_opinion(SERVER, None, 5.0)
    assert opinion == Opinion(
        by="x",
        state="unavailable",
        detail="a?b?[2J?" + "c" * 189 + "...",
        kind=Trouble.OTHER,
        banner="OK hi",
        capabilities=("Y?",) * 100,
        seconds=0.25,
    )
    assert certificate is not None
    assert certificate.subject == "s"
    assert certificate.names == ("n?",) * 100
    assert certificate.trouble == "bad"
