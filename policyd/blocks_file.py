"""Reads who is blocked, as sasl-bridge keeps it in its state folder, whenever that has changed.

A file that is not there blocks nobody. One that cannot be read, or holds no blocks, leaves those of
the last reading in force; so does a folder that does not answer. All work on files is done beside
the event loop: no mail waits for it.
Knows where the file is; what a block is, `bridge_common.block` knows. Logs each new reading, and
trouble once.
"""

import asyncio
import contextlib
import logging
from functools import partial
from pathlib import Path

from bridge_common.block import Block, blocks_in
from bridge_common.blocks import Blocks
from bridge_common.runtime.files import Stamp, content_of, stamp_of
from bridge_common.runtime.state_folder import MAX_BYTES, PATIENCE_SECONDS, parse_state
from bridge_common.runtime.threads import in_thread

_logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_NOT_SEEN: Stamp = (-1,)


class BlocksFile:
    """The file in the state folder that is used; ``blocks`` are what it said last.

    ``trouble``: why it cannot be read at the moment; empty if it can.
    """

    def __init__(
        self,
        blocks: Blocks,
        *,
        look_seconds: float = _LOOK_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.blocks = blocks
        self.trouble = ""
        self._look_seconds = look_seconds
        self._patience = patience
        self._path = Path()
        self._seen = _NOT_SEEN
        self._looked = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    def use(self, folder: str) -> None:
        """Look there from now on; the running event loop does."""
        path = Path(folder, f"{self.blocks.name}.json")
        if path != self._path:
            self._path, self._seen = path, _NOT_SEEN
        if self._watching is None:
            self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def ready(self) -> None:
        """Wait, not for long, until it was looked at."""
        if self._watching is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._looked.wait(), self._patience)

    async def end(self) -> None:
        """Look no more."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait((self._watching,))

    async def _watch(self) -> None:
        while True:
            try:
                await self._look()
            except Exception:
                _logger.exception("blocks: looking at %s failed", self._path)
            self._looked.set()
            await asyncio.sleep(self._look_seconds)

    async def _look(self) -> None:
        path, seen = self._path, _NOT_SEEN if self.trouble else self._seen
        reading = asyncio.create_task(in_thread(partial(_read, path, seen)))
        try:
            if not (await asyncio.wait((reading,), timeout=self._patience))[0]:
                self._in_trouble(f"{path} does not answer")
            stamp, found = await reading
        finally:
            reading.cancel()
        if path != self._path or stamp == seen:
            return
        self._seen = stamp
        if not stamp and len(self.blocks):  # sasl-bridge leaves a file even if all blocks are gone
            found = "is gone"
        if isinstance(found, str):
            self._in_trouble(f"{path} {found}")
            return
        self.trouble = ""
        if found or len(self.blocks):
            self.blocks.replace_all(found)
            _logger.info("blocks: %s: %d in force", path, len(self.blocks))

    def _in_trouble(self, trouble: str) -> None:
        if not self.trouble:
            _logger.error("blocks: %s; those known before stay in force", trouble)
        self.trouble = trouble


def _read(path: Path, seen: Stamp) -> tuple[Stamp, tuple[Block, ...] | str]:
    """Return the file's stamp, and its blocks or why it has none; if it was seen, nothing new."""
    # Before the content: what is written in between is seen at the next look.
    stamp = stamp_of(path)
    if stamp == seen or not stamp:
        return stamp, ()
    try:
        return stamp, blocks_in(parse_state(content_of(path, MAX_BYTES))["state"])
    except FileNotFoundError:
        return (), ()
    except ValueError as error:
        return stamp, str(error)
    except OSError as error:
        return stamp, f"cannot be read: {error.strerror}"
