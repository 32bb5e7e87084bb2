"""The lab's own count of what a test leaves behind: it finds everything that it is there for."""

import asyncio
import contextlib
import socket
import threading

import pytest
from lab import leftovers
from lab.leftovers import bounded_memory, leaving_nothing, nothing_left


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "PATIENCE_SECONDS", 0.05)


async def test_a_socket() -> None:
    with (
        contextlib.ExitStack() as later,
        pytest.raises(AssertionError, match=r"left behind.*socket:"),
    ):
        async with nothing_left():
            later.enter_context(socket.socket())


async def test_a_task() -> None:
    with pytest.raises(AssertionError, match=r"left behind.*Task"):
        async with nothing_left():
            task = asyncio.create_task(asyncio.Event().wait())
    task.cancel()


async def test_a_thread() -> None:
    ended = threading.Event()
    with pytest.raises(AssertionError, match=r"left behind.*Thread"):
        async with nothing_left():
            threading.Thread(target=ended.wait, args=(10,)).start()
    ended.set()


async def test_what_ends_soon_is_not_left_behind() -> None:
    async with nothing_left():
        task = asyncio.create_task(asyncio.sleep(0.01))
    assert task.done()


async def test_every_test_here_is_looked_after() -> None:
    async def leaves_a_task() -> None:
        tasks.append(asyncio.create_task(asyncio.Event().wait()))

    tasks: list[asyncio.Task[bool]] = []
    with pytest.raises(AssertionError, match="left behind"):
        await leaving_nothing(leaves_a_task)()
    tasks[0].cancel()


async def test_the_tests_of_this_folder_are_looked_after(request: pytest.FixtureRequest) -> None:
    """This one is: the hook has wrapped it."""
    assert hasattr(request.function, "__wrapped__")


def test_memory() -> None:
    with bounded_memory(100_000):
        bytes(90_000)
    with pytest.raises(AssertionError, match="bytes of memory were taken"), bounded_memory(100_000):
        bytes(110_000)
