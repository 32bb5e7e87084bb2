"""The log of the tests' own process, configured as a daemon's; afterwards it is as it was.

Until a test configures it, `logging` is pytest's, and decisions are messages of a logger.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator

from bridge_common import log

_MOST_BYTES = 64 * 1024
_PATIENCE_SECONDS = 20.0


@contextlib.contextmanager
def log_to(descriptor: int) -> Iterator[None]:
    """Let this be standard error for `configure_log`."""
    root, noisy = logging.getLogger(), logging.getLogger("asyncio")
    handlers, levels = list(root.handlers), (root.level, noisy.level)
    with (
        os.fdopen(os.dup(descriptor), "w") as stream,
        contextlib.redirect_stderr(stream),
    ):
        try:
            yield
        finally:
            if log.configured is not None:
                log.configured.writer._outlet.close()
            log.configured = None
            root.handlers[:] = handlers
            root.setLevel(levels[0])
            noisy.setLevel(levels[1])


class LogReader:
    """Whoever reads the log at the other end, which is only when a test says so."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._read = b""

    async def lines_until(self, last: str) -> list[str]:
        """Return all lines so far, once the last of them is whole and holds this."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while last.encode() not in self._read or not self._read.endswith(b"\n"):
                with contextlib.suppress(BlockingIOError):
                    self._read += os.read(self._descriptor, _MOST_BYTES)
                await asyncio.sleep(0)
        return self._read.decode().splitlines()
