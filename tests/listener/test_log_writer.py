"""The log of a process with an event loop, at the other end of real pipes, sockets, terminals."""

import asyncio
import contextlib
import json
import logging
import os
import pty
import re
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab.own_log import LogReader, log_to

from bridge_common.decisions import DecisionLog
from bridge_common.log import configure_log, dropped_lines, end_log
from bridge_common.runtime.threads import in_thread

LOGGER = logging.getLogger("x")
TIME = r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "


@contextlib.contextmanager
def logged(kind: str) -> Iterator[LogReader]:
    """Let the log go to a pipe, a socket or a terminal, and yield its other end."""
    if kind == "pipe":
        read, write = os.pipe()
    elif kind == "pty":
        read, write = pty.openpty()
    else:
        here, there = socket.socketpair()
        read, write = here.detach(), there.detach()
    try:
        with log_to(write):
            yield LogReader(read)
    finally:
        os.close(read)
        os.close(write)


def without_time(lines: list[str]) -> list[str]:
    return [re.sub(TIME, "", line) for line in lines]


def write_decisions(first: int, end: int) -> None:
    for number in range(first, end):
        fields = {"number": str(number), "reason": "x" * 200}
        DecisionLog().write(fields, refused=False)


async def write_many(number: int) -> None:
    """Write so many decisions, in turns of a hundred."""
    for first in range(0, number, 100):
        write_decisions(first, first + 100)
        await asyncio.sleep(0)


@pytest.mark.parametrize("kind", ["pipe", "socket", "pty"])
async def test_nobody_reads_and_the_loop_goes_on(kind: str) -> None:
    """What is lost is told where it is missing, once somebody reads again; the rest is whole."""
    with logged(kind) as reader:
        configure_log("info", "text")
        await write_many(10_000)
        dropped = dropped_lines()
        assert 1000 < dropped < 10_000
        *lines, notice = without_time(await reader.lines_until("dropped"))
        written = 10_000 - dropped
        assert lines == [f"number={number} reason={'x' * 200}" for number in range(written)]
        assert notice == (
            f"warning: {dropped} log lines were dropped: standard error did not take them"
        )
        write_decisions(10_000, 10_001)
        after = without_time(await reader.lines_until("number=10000 "))[written + 1 :]
        assert after == [f"number=10000 reason={'x' * 200}"]
        assert dropped_lines() == dropped


async def test_all_lines_of_a_turn_are_written_at_once_and_in_order() -> None:
    """Messages and decisions alike; each datagram is one call."""
    here, there = socket.socketpair(type=socket.SOCK_DGRAM)
    with here, there, log_to(there.fileno()):
        configure_log("info", "text")
        LOGGER.info("a")
        DecisionLog().write({"login": "b"}, refused=False)
        LOGGER.info("c")
        await asyncio.sleep(0)
        DecisionLog().write({"login": "d"}, refused=False)
        await asyncio.sleep(0)
        turns = [here.recv(1000).decode().splitlines() for _ in range(2)]
    assert [without_time(lines) for lines in turns] == [["a", "login=b", "c"], ["login=d"]]


async def test_the_reader_is_slow_and_nothing_is_lost() -> None:
    """A line may be cut by the end of the pipe's room, and goes on where it was cut."""
    with logged("pipe") as reader:
        configure_log("info", "text")
        await write_many(3000)
        lines = without_time(await reader.lines_until("number=2999 "))
    assert lines == [f"number={number} reason={'x' * 200}" for number in range(3000)]


@pytest.mark.parametrize("level", ["info", "error"])
async def test_many_lines_in_one_turn_are_bounded_too_and_told_at_every_level(level: str) -> None:
    with logged("pipe") as reader:
        configure_log(level, "text")
        write_decisions(0, 10_000)
        assert dropped_lines() > 1000
        assert (await reader.lines_until("dropped"))[0].endswith(f" number=0 reason={'x' * 200}")


async def test_a_line_longer_than_the_buffer_is_lost_alone() -> None:
    with logged("pipe") as reader:
        configure_log("info", "text")
        LOGGER.info("x" * 2_000_000)
        await asyncio.sleep(0)
        LOGGER.info("short")
        lines = without_time(await reader.lines_until("short"))
    notice = "warning: 1 log lines were dropped: standard error did not take them"
    assert lines == [notice, "short"]


async def test_a_thread_writes_by_way_of_the_loop() -> None:
    with logged("pipe") as reader:
        configure_log("info", "text")
        await in_thread(lambda: LOGGER.info("from a thread"))
        assert without_time(await reader.lines_until("thread")) == ["from a thread"]


async def test_a_prepared_line_outlives_a_reload_with_another_format() -> None:
    decisions = DecisionLog()
    line = decisions.prepare({"login": "a b", "seconds": 0.25}, refused=True, trouble=True)
    with logged("pipe") as reader:
        for style in ("text", "json", "text"):
            configure_log("info", style)
            decisions.write_prepared(line)
            decisions.write_prepared(line)
        LOGGER.info("last")
        lines = await reader.lines_until("last")
    text = 'warning: login="a b" seconds=0.250'
    assert without_time(lines[:2] + lines[4:]) == [text, text, text, text, "last"]
    assert re.match(TIME, lines[0])
    for entry in map(json.loads, lines[2:4]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", entry.pop("time"))
        assert entry == {"level": "warning", "logger": "decisions", "login": "a b", "seconds": 0.25}


@pytest.mark.parametrize("kind", ["full device", "broken pipe"])
async def test_what_takes_nothing_ends_nothing(kind: str) -> None:
    if kind == "full device":
        write = os.open("/dev/full", os.O_WRONLY)
    else:
        read, write = os.pipe()
        os.close(read)
    with os.fdopen(write, "wb") as stream, log_to(stream.fileno()):
        configure_log("info", "text")
        await write_many(10_000)
        assert dropped_lines() > 1000
        end_log()
        LOGGER.info("nobody hears this")


async def test_a_file_that_could_not_grow_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """As with a file system that was full for a while."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with (tmp_path / "log").open("ab+") as file, log_to(file.fileno()):
        configure_log("info", "text")
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
        try:
            await write_many(100)
            assert file.seek(0, os.SEEK_END) == 10_000
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        with (tmp_path / "log").open("rb") as reading:
            lines = without_time(await LogReader(reading.fileno()).lines_until("number=99 "))
    assert lines == [f"number={number} reason={'x' * 200}" for number in range(100)]


async def test_the_end_waits_for_a_slow_reader_but_not_for_ever() -> None:
    with logged("pipe") as reader:
        configure_log("info", "text")
        write_decisions(0, 3000)
        taken = in_thread(lambda: asyncio.run(reader.lines_until("number=2999 ")))
        reading = asyncio.create_task(taken)
        await asyncio.sleep(0)
        end_log()  # the loop is held up: the thread alone reads
        assert len(await reading) == 3000
        write_decisions(3000, 6000)  # without a loop: nobody is there, so that is given up soon
        assert dropped_lines() == 0


def test_what_nobody_read_before_the_loop_ran_is_written_by_the_loop() -> None:
    async def read_all() -> list[str]:
        configure_log("info", "text")
        return await reader.lines_until("number=2999 ")

    with logged("pipe") as reader:
        configure_log("info", "text")
        write_decisions(0, 3000)
        assert len(asyncio.run(read_all())) == 3000
