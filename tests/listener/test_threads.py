"""Work that blocks is done beside the loop, and holds up neither it nor the end."""

import asyncio
import subprocess
import sys
import threading

import pytest
from lab.leftovers import settled

from bridge_common.runtime.threads import in_thread


async def test_what_work_returns_is_returned_and_the_loop_goes_on_meanwhile() -> None:
    go_on = threading.Event()

    def work() -> str:
        assert go_on.wait(20)
        return threading.current_thread().name

    waiting = asyncio.create_task(in_thread(work))
    await asyncio.sleep(0)
    assert not waiting.done()
    go_on.set()
    assert await waiting != threading.current_thread().name


async def test_what_work_raises_is_raised() -> None:
    def work() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        await in_thread(work)


async def test_many_works_that_block_do_not_wait_for_each_other() -> None:
    together = threading.Barrier(50)
    places = await asyncio.gather(*[in_thread(lambda: together.wait(20)) for _ in range(50)])
    assert sorted(places) == list(range(50))


@pytest.mark.parametrize("fails", [False, True])
async def test_who_does_not_wait_any_more_is_not_told(fails: bool) -> None:
    threads: list[threading.Thread] = []
    go_on = threading.Event()

    def work() -> None:
        threads.append(threading.current_thread())
        assert go_on.wait(20)
        if fails:
            raise LookupError

    faults: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: faults.append(context))
    waiting = asyncio.create_task(in_thread(work))
    await settled(lambda: bool(threads))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    await settled(lambda: not threads[0].is_alive())
    await asyncio.sleep(0)  # what it may have left for the loop to do
    assert faults == []


HANGS = """
import asyncio, threading
from bridge_common.runtime.threads import in_thread

async def main():
    try:
        await asyncio.wait_for(in_thread(threading.Event().wait), 0.1)
    except TimeoutError:
        print("gave up")

asyncio.run(main())
"""

LATE = """
import asyncio, threading
from bridge_common.runtime.threads import in_thread

go_on, threads = threading.Event(), []

def work():
    threads.append(threading.current_thread())
    go_on.wait(20)

async def main():
    task = asyncio.create_task(in_thread(work))
    while not threads:
        await asyncio.sleep(0.01)

asyncio.run(main())
go_on.set()
threads[0].join(20)
print("gave up")
"""


@pytest.mark.parametrize("program", [HANGS, LATE])
def test_work_that_hangs_or_is_late_does_not_hold_up_the_end_of_the_program(program: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True
    )
    assert (ended.stdout, ended.stderr) == ("gave up\n", "")
