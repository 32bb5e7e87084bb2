"""What is kept of decisions, and which of them are told to whom."""

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common import log as process_log
from bridge_common.decisions import DecisionLog, PreparedLine
from bridge_common.log_lines import TextStyle
from bridge_common.log_writer import LogWriter
from bridge_common.recent_decisions import MOST, RecentDecisions
from bridge_common.runtime.control import BadRequest
from bridge_common.without_waiting import without_waiting

ALICE = {"login": "alice@example.com", "typed": "", "client": "192.0.2.7", "verdict": "accepted"}
BOB = {"login": "bob@example.com", "typed": "CORP\\bob", "client": "2001:db8::9"}
MAIL = {"login": "alice@example.com", "client": "::ffff:192.0.2.7", "action": "553 5.7.1"}


def kept(*fields: dict[str, Any], size: int = 1000) -> RecentDecisions:
    """Return those that were made of these decisions, a second apart from 1000 on."""
    seconds = itertools.count(1000.0)
    recent = RecentDecisions(size, clock=lambda: next(seconds))
    for one in fields:
        recent.append(PreparedLine(one, refused=one.get("verdict") != "accepted", trouble=False))
    return recent


async def ask(recent: RecentDecisions, **request: Any) -> dict[str, Any]:
    return await recent.answer({"command": "decisions", **request})


def numbers(reply: dict[str, Any]) -> list[int]:
    return [decision["number"] for decision in reply["decisions"]]


async def test_each_has_a_number_and_a_time_and_its_fields() -> None:
    reply = await ask(kept(ALICE, MAIL))
    assert reply["decisions"] == [
        {"number": 1, "time": 1000.0, "refused": False, "fields": ALICE},
        {"number": 2, "time": 1001.0, "refused": True, "fields": MAIL},
    ]
    assert (reply["last"], reply["missed"]) == (2, 0)


async def test_where_nothing_was_decided_there_is_nothing() -> None:
    recent = RecentDecisions()
    run = (await ask(recent))["run"]
    empty = {"run": run, "last": 0, "missed": 0, "decisions": []}
    assert await ask(recent) == empty
    assert await ask(recent, after=0, run=run) == empty
    assert recent.latest() == []


async def test_the_oldest_go_first() -> None:
    recent = kept(*[ALICE] * 5, size=3)
    assert numbers(await ask(recent)) == [3, 4, 5]


async def test_the_last_ones_are_told_unless_one_asks_for_those_behind_a_number() -> None:
    recent = kept(*[ALICE] * 9)
    run = (await ask(recent))["run"]
    assert numbers(await ask(recent, most=2)) == [8, 9]
    assert numbers(await ask(recent, most=0)) == []
    behind = await ask(recent, after=4, run=run, most=2)
    assert (numbers(behind), behind["last"]) == ([5, 6], 6)
    assert numbers(await ask(recent, after=behind["last"], run=run)) == [7, 8, 9]
    assert numbers(await ask(recent, after=9, run=run)) == []


async def test_who_follows_is_told_how_many_he_missed() -> None:
    recent = kept(*[ALICE] * 9, size=3)
    run = (await ask(recent))["run"]
    late = await ask(recent, after=2, run=run)
    assert (late["missed"], numbers(late)) == (4, [7, 8, 9])
    assert (await ask(recent, after=6, run=run))["missed"] == 0


async def test_numbers_of_another_process_are_none_of_this_one() -> None:
    before = await ask(kept(*[ALICE] * 9))
    recent = kept(ALICE, ALICE)
    behind = await ask(recent, after=before["last"], run=before["run"])
    assert (numbers(behind), behind["missed"]) == ([1, 2], 0)


async def test_a_reply_is_bounded() -> None:
    recent = kept(*[ALICE] * (MOST + 9))
    run = (await ask(recent))["run"]
    assert len((await ask(recent, most=10_000))["decisions"]) == MOST
    first = await ask(recent, after=0, run=run)
    assert (len(first["decisions"]), first["last"]) == (MOST, MOST)


def test_status_is_told_the_last_five() -> None:
    assert numbers({"decisions": kept(*[ALICE] * 9).latest()}) == [5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [1, 2, 3]),
        ({"login": "ALICE"}, [1, 3]),
        ({"login": "@example.com"}, [1, 2, 3]),
        ({"login": "corp\\"}, [2]),
        ({"client": "192.0.2.7"}, [1, 3]),
        ({"client": "192.0.2.0/24"}, [1, 3]),
        ({"client": "::ffff:192.0.2.0/120"}, [1, 3]),
        ({"client": "2001:db8::/32"}, [2]),
        ({"client": "198.51.100.1"}, []),
        ({"verdict": "accepted"}, [1]),
        ({"action": "553"}, [3]),
        ({"action": "dunno"}, []),
        ({"refused": True}, [2, 3]),
        ({"login": "alice", "refused": True}, [3]),
    ],
)
async def test_one_may_ask_for_some(wanted: dict[str, Any], found: list[int]) -> None:
    recent = kept(ALICE, BOB, MAIL)
    run = (await ask(recent))["run"]
    assert numbers(await ask(recent, **wanted)) == found
    behind = await ask(recent, after=0, run=run, **wanted)
    assert (numbers(behind), behind["last"]) == (found, 3)


async def test_a_client_without_an_address_is_in_no_network() -> None:
    recent = kept({"login": "alice@example.com", "client": ""}, {"client": "unix:"}, {})
    assert numbers(await ask(recent, client="0.0.0.0/0")) == []


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"most": -1}, "most must be a whole number, at least 0"),
        ({"most": "2"}, "most must be a whole number, at least 0"),
        ({"after": 1.5}, "after must be a whole number, at least 0"),
        ({"client": "10.0.0.1/8"}, 'client: "10.0.0.1/8" is an address within a network'),
        ({"client": "nobody"}, 'client: "nobody" is not an address or a network'),
        ({"login": 1}, "login must be a string"),
    ],
)
async def test_what_makes_no_sense_is_said(request_: dict[str, Any], error: str) -> None:
    with pytest.raises(BadRequest, match=error):
        await ask(kept(ALICE), **request_)


@given(
    bursts=st.lists(st.integers(0, 9), max_size=9),
    size=st.integers(1, 8),
    most=st.integers(1, 5),
    wanted=st.sampled_from(["", "1", "2"]),
)
def test_whoever_follows_sees_each_once_or_is_told_that_he_missed_it(
    bursts: list[int], size: int, most: int, wanted: str
) -> None:
    asyncio.run(follow(RecentDecisions(size), [*bursts, *[0] * 8], most, wanted))


async def follow(recent: RecentDecisions, bursts: list[int], most: int, wanted: str) -> None:
    """Look after each burst; the last looks are to catch up."""
    made = missed = 0
    seen: list[int] = []
    reply = await ask(recent)
    for burst in bursts:
        for number in range(made + 1, made + burst + 1):
            recent.append(PreparedLine({"login": str(number)}, refused=False, trouble=False))
        made += burst
        reply = await ask(recent, after=reply["last"], run=reply["run"], most=most, login=wanted)
        seen += numbers(reply)
        missed += reply["missed"]
    matching = [number for number in range(1, made + 1) if wanted in str(number)]
    assert reply["last"] == made
    assert seen == sorted(set(seen) & set(matching))
    assert len(matching) - len(seen) <= missed <= made - len(seen)


async def test_what_the_log_leaves_out_is_kept_all_the_same() -> None:
    log = DecisionLog(only_refused=True)
    log.write({"login": "a"}, refused=False)
    log.write_prepared(log.prepare({"login": "b"}, refused=False))
    assert [one["fields"] for one in (await ask(log.recent))["decisions"]] == [
        {"login": "a"},
        {"login": "b"},
    ]


@pytest.mark.parametrize("configured", [False, True])
async def test_what_strangers_send_is_kept_in_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, configured: bool
) -> None:
    with (tmp_path / "log").open("wb") as file:
        if configured:
            writer = LogWriter(without_waiting(file.fileno()))
            monkeypatch.setattr(process_log, "configured", process_log.Log(TextStyle(), writer))
        log = DecisionLog()
        for only_refused in (False, True):
            log.only_refused = only_refused
            log.write({"login": "a" * 60_000}, refused=False)
        log.write_prepared(log.prepare({"login": "a" * 60_000}, refused=False))
        log.write({"login": "b" * 500}, refused=False)
    logins = [one["fields"]["login"] for one in (await ask(log.recent))["decisions"]]
    assert logins == ["a" * 500 + "..."] * 3 + ["b" * 500]
