"""What sasl-policyd tells the administrator: one line for a decision, whatever strangers sent."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lab.policy_client import OUTSIDER
from lab.policy_serving import OURS, RULES, ScriptedOwners, decisions, in_force, policy_served

from bridge_common.decisions import DecisionLog
from policyd.request import PolicyRequest
from policyd.rules.interface import RuleSettings
from policyd.service import PolicyService

MAIL = (
    "login=alice@example.com sender=bob@example.com client=192.0.2.1 recipient=bob@example.net "
    "context=submission "
)
WHY = 'reason="the script does not say so" seconds=N'


async def test_what_was_let_through(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with policy_served(tmp_path) as (service, caller):
        await caller.ask()
        assert service.counts == {"dunno": 1}
    (line,) = decisions(caplog)
    assert line == (
        "login=alice@example.com sender=alice@example.com client=192.0.2.1 "
        "recipient=bob@example.net context=submission action=DUNNO seconds=N"
    )


async def test_what_was_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with policy_served(tmp_path) as (service, caller):
        await caller.ask(sender="bob@example.com")
        assert service.counts == {"refused": 1}
    assert decisions(caplog) == [f'{MAIL}action="553 5.7.1" rule=match_login {WHY}']


async def test_what_would_be_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    rules = RuleSettings(OURS, match_login="monitor")
    async with policy_served(tmp_path, rules=rules) as (service, caller):
        assert await caller.ask(sender="bob@example.com") == "DUNNO"
        assert service.counts == {"monitored": 1}
    assert decisions(caplog) == [f"{MAIL}action=DUNNO rule=match_login mode=monitor {WHY}"]


@pytest.mark.expect_warnings("the directory is away")
async def test_what_nobody_could_say_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with policy_served(tmp_path) as (service, caller):
        await caller.ask(sender="away@example.com")
        assert service.counts == {"tempfail": 1}
    assert [one.levelname for one in caplog.records if one.name == "decisions"] == ["WARNING"]
    (line,) = decisions(caplog)
    assert line == (
        "login=alice@example.com sender=away@example.com client=192.0.2.1 "
        'recipient=bob@example.net context=submission action="451 4.3.0" rule=match_login '
        'reason="the directory is away; on_lookup_failure is tempfail" seconds=N'
    )


@pytest.mark.expect_warnings("the settings are broken")
async def test_broken_settings_are_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with policy_served(tmp_path) as (service, caller):
        service.apply(None)
        caller.send(sender="bob@example.com")
        await caller.rest()
        assert service.counts == {"trouble": 1}
    assert [one.levelname for one in caplog.records if one.name == "decisions"] == ["WARNING"]
    reason = 'reason="the settings are broken; see the log" seconds=N'
    assert decisions(caplog) == [f"{MAIL}action=close {reason}"]


async def test_an_outsider_has_no_login(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not even if a program that is no Postfix names one."""
    caplog.set_level("INFO")
    async with policy_served(tmp_path) as (_, caller):
        await caller.ask(**OUTSIDER, policy_context="")
        await caller.ask(sasl_method="ANONYMOUS", instance="2", policy_context="")
    line = (
        "sender=alice@example.com client=192.0.2.1 recipient=bob@example.net "
        'action="553 5.7.1" rule=fake_sender_control reason="a client that is not logged in uses '
        'alice@example.com, which is of one of our domains" seconds=N'
    )
    assert decisions(caplog) == [line, line]


async def test_a_null_sender_and_none_yet_are_told_apart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with policy_served(tmp_path) as (_, caller):
        await caller.ask(sender="", **OUTSIDER)
        await caller.ask(sender="", **OUTSIDER, protocol_state="CONNECT")
    where = "client=192.0.2.1 recipient=bob@example.net context=submission action=DUNNO"
    assert decisions(caplog) == [
        f"sender=<> {where} seconds=N",
        f'{where} reason="there is no sender yet" seconds=N',
    ]


async def test_a_sender_that_postfix_will_rewrite_is_told_as_both(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with policy_served(tmp_path) as (_, caller):
        await caller.ask(sender="ALICE")
    assert decisions(caplog)[0].startswith(
        "login=alice@example.com sender=ALICE resolved=alice@example.com client=192.0.2.1 "
    )


async def test_who_wants_refusals_only_gets_those_and_what_is_monitored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    service = PolicyService(DecisionLog(only_refused=True))
    rules = RuleSettings(OURS, match_login="monitor", fake_sender_control="enforce")
    async with policy_served(tmp_path, service=service, rules=rules) as (_, caller):
        await caller.ask()
        await caller.ask(sender="bob@example.com")
        await caller.ask(**OUTSIDER)
        assert service.counts == {"dunno": 1, "monitored": 1, "refused": 1}
    rules_told = [re.findall(r"rule=(\S+)", line) for line in decisions(caplog)]
    assert rules_told == [["match_login"], ["fake_sender_control"]]


async def test_a_look_up_is_timed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    owners = ScriptedOwners()
    now = iter((100.0, 101.25))
    service = PolicyService(DecisionLog(), clock=lambda: next(now))
    async with policy_served(tmp_path, owners, service=service) as (_, caller):
        caller.send(sender="wait@example.com")
        await owners.busy.wait()
        owners.go_on.set()
        await caller.action()
    (record,) = (one for one in caplog.records if one.name == "decisions")
    assert record.getMessage().endswith("seconds=1.250")


# What strangers send


class Lines(logging.Handler):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextmanager
def kept_lines() -> Iterator[list[str]]:
    logger = logging.getLogger("decisions")
    kept, before = Lines(), logger.level
    logger.addHandler(kept)
    logger.setLevel("INFO")
    try:
        yield kept.lines
    finally:
        logger.removeHandler(kept)
        logger.setLevel(before)


NASTY = st.one_of(
    st.sampled_from(
        ["a\raction=DUNNO", 'a" action=DUNNO "', "\x1b[2J", "\x85\u2028", "\udcff", "j\u00f6", "="]
    ),
    st.text(st.characters(blacklist_categories=[], blacklist_characters="\n"), max_size=30),
)
FIELD = re.compile(r'([a-z]+)=("(?:[^"\\]|\\.)*"|[^ "=\\]+)(?: |$)')
NAMES = {
    *("login", "sender", "resolved", "client", "recipient", "context", "action", "rule", "mode"),
    *("reason", "seconds"),
}


@given(
    sender=NASTY, login=NASTY, recipient=NASTY, client=NASTY, context=NASTY, method=st.booleans()
)
def test_nobody_can_write_a_line_or_a_field(
    sender: str, login: str, recipient: str, client: str, context: str, *, method: bool
) -> None:
    request = PolicyRequest(
        "RCPT", sender, recipient, client, "", "PLAIN" if method else "", login, context
    )
    service = PolicyService(DecisionLog())
    service.apply(in_force(ScriptedOwners(), RULES))
    with kept_lines() as lines:
        service.decide_at_once(request) or asyncio.run(service.look_up_and_decide(request))
    (line,) = lines
    assert re.fullmatch("[ -~]+", line)
    assert FIELD.sub("", line) == ""
    fields = FIELD.findall(line)
    told = {name: json.loads(value) if value[0] == '"' else value for name, value in fields}
    assert len(told) == len(fields)
    assert set(told) <= NAMES
    assert told.get("sender", "<>") == (sender or "<>")
    assert told.get("login", "") == (login if method else "")
    assert told.get("recipient", "") == recipient
    assert told["action"] in {"DUNNO", "553 5.7.1"}


async def test_where_no_context_is_configured_there_is_none_to_misspell(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with policy_served(tmp_path) as (service, caller):
        force = in_force(ScriptedOwners())
        service.apply(replace(force, rules={"": force.rules[""]}))
        await caller.ask(policy_context="inbound")
    assert [each for each in caplog.records if each.name == "policyd.service"] == []


async def test_a_context_that_the_settings_do_not_know_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A misspelt one would have the rules of the section for ever, and nobody would know."""
    caplog.set_level("INFO")
    async with policy_served(tmp_path) as (_, caller):
        for context in ("submissions", "submissions", "", "a\x1b[2J"):
            await caller.ask(policy_context=context)
    told = [each.getMessage() for each in caplog.records if each.name == "policyd.service"]
    rest = ": the rules of [sender] are in force for it"
    assert told == [
        f"there is no [[sender.context]] 'submissions'{rest}",
        f"there is no [[sender.context]] 'a\\x1b[2J'{rest}",
    ]
