"""The state folder: what a daemon keeps over a restart, one small JSON file for each thing.

Knows when a file is written, and how, so that a crash leaves the old one or the new one; what is in
it is for the thing that is kept. All work on files is done beside the event loop.
A folder that is missing, full, unwritable or does not answer costs what it would have kept, and
nothing else: it is said in the log once, and once more after it has worked. A file that cannot be
used is said, moved aside and ignored. Raises nothing.
"""

import asyncio
import contextlib
import json
import logging
import math
import os
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from bridge_common.runtime.files import content_of
from bridge_common.runtime.threads import in_thread

_logger = logging.getLogger(__name__)

_WRITE_SECONDS = 5.0
"""What changes is written so often, at most: a crash costs no more than that."""

PATIENCE_SECONDS = 2.0
"""How long a start, an end or an administrator waits for the folder."""

MAX_BYTES = 64 * 1024 * 1024
"""Of one file: more is none of ours."""

_LONGEST_SECONDS = 1e12  # JSON also has integers that no clock can count


class Kept(Protocol):
    """Something that survives a restart."""

    @property
    def name(self) -> str:
        """The stem of its file's name."""

    @property
    def version(self) -> int:
        """A number that changes whenever its state does."""

    def snapshot(self) -> dict[str, Any]:
        """Return its state, as JSON can tell it; nobody else changes what is returned.

        Ages are in seconds before now. Never a password, nor a digest of one.
        """

    def restore(self, data: Any, elapsed: float) -> None:
        """Take over what a snapshot held, ``elapsed`` seconds after it was made.

        Comes once, before the first request unless the folder is slow. The file may hold anything:
        what is unusable in it is ignored.
        """


def is_age(value: object) -> bool:
    """Say whether it can be a number of seconds, as of an age in a snapshot."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value < _LONGEST_SECONDS


class StateFolder:
    """What is kept, and where; it begins with `ready`, or with `use` where that comes later."""

    def __init__(
        self,
        kept: Sequence[Kept],
        *,
        write_seconds: float = _WRITE_SECONDS,
        patience: float = PATIENCE_SECONDS,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._kept = kept
        self._write_seconds = write_seconds
        self._patience = patience
        self._wall_clock = wall_clock
        self._folder: Path | None = None
        self._written: dict[str, int] = {}  # versions
        self._trouble = ""
        self._one_at_a_time = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._initial = {one.name: one.version for one in kept}
        self._unread = set(self._initial)  # not restored yet, so that it is not to be replaced
        self._faulty: set[str] = set()
        self._begun = False
        self._restored: asyncio.Task[None] | None = None

    @property
    def trouble(self) -> str:
        """Why nothing is kept at the moment; empty if it is."""
        return self._trouble

    def use(self, folder: str) -> None:
        """Keep everything there from now on; the first one is read, once we are `ready`."""
        path = Path(folder)
        if path == self._folder:
            return
        self._folder = path
        self._written.clear()  # all of it is new there
        self._read_first_one()

    def _read_first_one(self) -> None:
        if self._begun and self._folder is not None and self._restored is None:
            self._restored = self._begin(self._restore())
            self._begin(self._keep())

    async def ready(self) -> None:
        """Begin, and wait, not for long, until what was kept is restored."""
        self._begun = True
        self._read_first_one()
        if self._restored is not None:
            await self._patiently(self._restored)

    async def write(self, one: Kept) -> str:
        """Write what has changed; return why this one could not be written, or not yet, or ""."""
        if self._folder is None:
            return "there are no good settings yet, which would say where"
        await self._patiently(self._begin(self._write_changed()))
        if one.name in self._faulty:
            return "a fault of ours keeps it from being written; see the log"
        return "" if self._written.get(one.name) == one.version else self._trouble

    async def end(self) -> None:
        """Write what has changed, once more, and end."""
        if self._folder is not None:
            await self._patiently(self._begin(self._write_changed()))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _patiently(self, task: "asyncio.Task[None]") -> bool:
        """Wait for a while; say whether it is done."""
        done, _ = await asyncio.wait((task,), timeout=self._patience)
        if not done:
            self._in_trouble(f"{self._folder} does not answer")
        return bool(done)

    # Writing

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._write_seconds)
            if self._unread:
                await self._restore()
            task = self._begin(self._write_changed())
            if not await self._patiently(task):
                await asyncio.wait((task,))

    async def _write_changed(self) -> None:
        if self._restored is not None:
            await asyncio.wait((self._restored,))  # what is there is read before it is replaced
        async with self._one_at_a_time:
            changed = [
                one
                for one in self._kept
                if self._written.get(one.name) != one.version and one.name not in self._unread
            ]
            troubles = [trouble for one in changed if (trouble := await self._write_one(one))]
        if troubles:
            self._in_trouble(troubles[0])
        elif changed and not self._unread:
            self._works()

    async def _write_one(self, one: Kept) -> str:
        """Write it; return why it could not be written."""
        folder, version = self._folder, one.version
        path = Path(str(folder), f"{one.name}.json")
        try:
            state = {"written": self._wall_clock(), "state": one.snapshot()}
            await in_thread(partial(_write, path, state))
        except OSError as error:
            return f"{path} cannot be written: {error.strerror}"
        except Exception:
            _logger.exception("state: a fault of ours keeps %s from being written", path)
            self._faulty.add(one.name)  # and not tried again before it changes
        else:
            self._faulty.discard(one.name)
        if folder == self._folder:
            self._written[one.name] = version
        return ""

    def _in_trouble(self, trouble: str) -> None:
        if not self._trouble:
            _logger.warning("state: %s; a restart would forget what has changed", trouble)
        self._trouble = trouble

    def _works(self) -> None:
        if self._trouble:
            _logger.info("state: %s works again", self._folder)
            self._trouble = ""

    # Reading

    async def _restore(self) -> None:
        """Read what was not read yet. What cannot be read now is tried again, and not replaced."""
        folder = self._folder
        unread = [one for one in self._kept if one.name in self._unread]
        paths = [Path(str(folder), f"{one.name}.json") for one in unread]
        found = await in_thread(lambda: [_read(path) for path in paths])
        for one, path, state in zip(unread, paths, found, strict=True):
            if isinstance(state, str):
                self._in_trouble(f"{path} {state}")
                continue
            self._unread.discard(one.name)
            untouched = one.version == self._initial[one.name]
            try:
                if state is not None:
                    one.restore(state["state"], max(0.0, self._wall_clock() - state["written"]))
            except Exception:
                _logger.exception("state: a fault of ours keeps %s from being taken over", path)
            if untouched and folder == self._folder:
                self._written[one.name] = one.version
        if not self._unread:
            self._works()


def _write(path: Path, state: dict[str, Any]) -> None:
    """Put it in the file's place. Blocks. Raises OSError."""
    text = json.dumps(state, separators=(",", ":"))
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o640)  # whatever the umask: the group reads it
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink()  # a full disk has better use for it
        raise


def _read(path: Path) -> dict[str, Any] | str | None:
    """Return what is in the file; None if there is none, or none that can be used. Blocks.

    A text says why it cannot be read at the moment.
    """
    try:
        return parse_state(content_of(path, MAX_BYTES))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except ValueError as error:
        _logger.warning("state: %s %s; it is %signored", path, error, _moved_aside(path))
    return None


def _moved_aside(path: Path) -> str:
    """Move the file out of the way; return words for that, if it could be done."""
    aside = path.with_name(f"{path.name}.broken")
    try:
        path.replace(aside)
    except OSError:
        return ""
    return f"moved to {aside.name} and "


def parse_state(content: bytes) -> dict[str, Any]:
    """Return what a file holds: ``written``, seconds since the epoch, and ``state``.

    Raises ValueError, which completes a sentence about the file.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    written = found.get("written") if isinstance(found, dict) else None
    if not isinstance(written, float) or not math.isfinite(written) or "state" not in found:
        raise ValueError("holds no state")
    return {"written": written, "state": found["state"]}
