"""Writing to what somebody else reads, or does not read; each of these would hang otherwise."""

import contextlib
import fcntl
import os
import pty
import select
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge_common.without_waiting import Outlet, _asking, without_waiting

pytestmark = pytest.mark.timeout(20)

MUCH = bytearray(b"0123456789abcde\n" * 65536)
Pair = tuple[int, int]


@contextlib.contextmanager
def both_ends(kind: str) -> Iterator[Pair]:
    """Yield where to read and where to write."""
    if kind == "socket":
        here, there = socket.socketpair()
        pair = here.detach(), there.detach()
    else:
        pair = os.pipe() if kind == "pipe" else pty.openpty()
    try:
        yield pair
    finally:
        for descriptor in pair:
            os.close(descriptor)


@contextlib.contextmanager
def opened(descriptor: int) -> Iterator[Outlet]:
    outlet = without_waiting(descriptor)
    try:
        yield outlet
    finally:
        outlet.close()


def taken(take: Callable[[bytearray], int]) -> int:
    """Write until nothing goes any more; return how many bytes that took."""
    total = 0
    while number := take(MUCH):
        total += number
    return total


@pytest.mark.parametrize("kind", ["pipe", "socket", "pty"])
def test_what_nobody_reads_takes_some_and_then_no_more(kind: str) -> None:
    with both_ends(kind) as (read, write), opened(write) as outlet:
        assert taken(outlet.take) >= 4096
        assert outlet.take(MUCH) == 0
        assert os.read(read, 65536)
        while not outlet.take(MUCH):  # a terminal makes room a moment later
            os.read(read, 65536)


@pytest.mark.parametrize("kind", ["pipe", "socket", "pty"])
def test_others_who_hold_the_same_description_still_wait(kind: str) -> None:
    with both_ends(kind) as (_, write), opened(write) as outlet:
        outlet.take(MUCH)
        assert not fcntl.fcntl(write, fcntl.F_GETFL) & os.O_NONBLOCK


def test_a_pipe_that_cannot_be_opened_again_is_asked_for_room() -> None:
    with both_ends("pipe") as (read, write):
        take = _asking(write)
        assert take(MUCH) == 4096
        assert taken(take) >= 4096
        os.read(read, 65536)
        assert take(MUCH) == 4096


def test_a_pipe_without_room_for_all_that_is_written_is_not_written_to() -> None:
    """It becomes writable only when a whole page is free."""
    with both_ends("pipe") as (read, write):
        take = _asking(write)
        taken(take)
        os.read(read, 4000)
        assert take(MUCH) == 0
        os.read(read, 96)
        assert take(MUCH) == 4096


@pytest.mark.parametrize("asked", [False, True])
def test_a_terminal_that_is_stopped_takes_nothing_until_it_goes_on(asked: bool) -> None:
    with both_ends("pty") as (screen, write), opened(write) as outlet:
        take = _asking(write) if asked else outlet.take
        os.write(screen, b"\x13")  # ^S
        wait_until(lambda: not writable(write))
        assert take(MUCH) == 0
        os.write(screen, b"\x11")  # ^Q
        wait_until(lambda: writable(write))
        assert take(MUCH) > 0


def writable(descriptor: int) -> bool:
    return bool(select.select([], [descriptor], [], 0)[1])


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end


def test_a_file_grows_at_its_end_whoever_else_writes(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("ab", buffering=0) as file, opened(file.fileno()) as outlet:
        assert outlet.take(bytearray(b"one\n")) == 4
        with path.open("ab", buffering=0) as other:
            other.write(b"two\n")
        assert outlet.take(bytearray(b"three\n")) == 6
    assert path.read_text() == "one\ntwo\nthree\n"


@pytest.mark.parametrize("kind", ["pipe", "socket", "pty"])
def test_a_reader_that_is_gone_takes_nothing_and_nothing_is_raised(kind: str) -> None:
    with both_ends(kind) as (read, write), opened(write) as outlet:
        os.dup2(write, read)  # closes it
        assert outlet.take(MUCH) == 0
        with opened(write) as late:
            assert late.take(MUCH) == 0


def test_a_full_device_takes_nothing_and_nothing_is_raised() -> None:
    with Path("/dev/full").open("wb") as full, opened(full.fileno()) as outlet:
        assert outlet.take(MUCH) == 0


def descriptors() -> set[str]:
    return {each.name for each in Path("/proc/self/fd").iterdir()}


def test_closing_leaves_the_descriptor_open() -> None:
    for kind in ("pipe", "socket", "pty"):
        with both_ends(kind) as (_, write):
            before = descriptors()
            without_waiting(write).close()
            assert descriptors() == before
            os.fstat(write)
