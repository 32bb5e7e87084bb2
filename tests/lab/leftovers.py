"""What a test leaves behind of sockets, tasks and threads: nothing, or it fails."""

import asyncio
import contextlib
import functools
import threading
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

PATIENCE_SECONDS = 5.0
"""How long something may take to end when a test is over."""
PEAK_BYTES = 2 * 1024 * 1024
"""What a login may take of memory, whatever the server does; asyncio reads 256 KiB at a time."""

AsyncTest = Callable[..., Awaitable[None]]


def open_sockets() -> frozenset[str]:
    """Return the sockets of this process, each by its own number."""
    sockets = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the folder's own descriptor is gone again
            sockets.add(str(descriptor.readlink()))
    return frozenset(name for name in sockets if name.startswith("socket:"))


async def settled(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Let the loop run until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """See to it that sockets, tasks and threads are in the end what they were before."""
    before = _everything()
    yield
    with contextlib.suppress(TimeoutError):
        await settled(lambda: _everything() <= before, PATIENCE_SECONDS)
    left = _everything() - before
    assert not left, f"left behind: {sorted(map(str, left))}"


def leaving_nothing(test: AsyncTest) -> AsyncTest:
    """Return the test, which now fails if it leaves something behind."""

    @functools.wraps(test)
    async def checked(**arguments: object) -> None:
        async with nothing_left():
            await test(**arguments)

    return checked


@contextlib.contextmanager
def bounded_memory(peak: int = PEAK_BYTES) -> Iterator[None]:
    """Fail if so many bytes more than before are in use at any moment; the outermost counts."""
    if tracemalloc.is_tracing():
        yield
        return
    tracemalloc.start()
    try:
        yield
        taken = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert taken < peak, f"{taken} bytes of memory were taken"


def _everything() -> frozenset[object]:
    # A loop keeps the threads of its executor until it is closed; nothing of ours runs there.
    threads = (one for one in threading.enumerate() if not one.name.startswith("asyncio_"))
    return frozenset([*open_sockets(), *asyncio.all_tasks(), *threads])
