"""Reads the aliases file, and reads it again when it has changed.

A file that is not there holds no aliases. One that cannot be read leaves the aliases of the last
reading in force; if there was none, nobody knows what they would allow. It is tried again at each
look.
Knows files; what a line means is `aliases`'. Logs each new reading, with its broken lines.
"""

import asyncio
import logging
from dataclasses import dataclass

from bridge_common.errors import Problem
from bridge_common.runtime.files import Stamp, content_of, stamp_of
from bridge_common.runtime.threads import in_thread
from policyd.ownership.aliases import Aliases, AliasRules, parse_aliases

_logger = logging.getLogger(__name__)

_MAX_FILE_BYTES = 16 * 1024 * 1024
_LOOK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What the file said; ``aliases`` is None as long as it could not be read at all.

    ``trouble``: why it could not be read this time. ``stamp`` is empty if there was no file.
    """

    aliases: Aliases | None
    trouble: str = ""
    stamp: Stamp = ()

    def summary(self) -> str:
        """Return it in short, for the administrator."""
        if self.aliases is None:
            return self.trouble
        if not self.stamp:
            return "no file"
        text = _counted(len(self.aliases.owners), "address", "addresses")
        if broken := self.aliases.broken_count:
            text += f", {_counted(broken, 'broken line', 'broken lines')}"
        return f"{text}; {self.trouble}" if self.trouble else text

    def doubts(self, path: str) -> tuple[Problem, ...]:
        """Return what is wrong with the file, not more than an administrator reads."""
        texts = [self.trouble] if self.trouble else []
        if self.aliases is not None:
            texts += map(str, self.aliases.broken)
            if more := self.aliases.broken_count - len(self.aliases.broken):
                texts.append(_counted(more, "more line is broken", "more lines are broken"))
        return tuple(Problem("sender.aliases_file", f"{path}: {text}") for text in texts)


def _counted(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


NO_FILE = Reading(Aliases())


class AliasesFile:
    """One file; ``path`` may be empty, for none. ``reading`` is what holds now."""

    def __init__(self, path: str, rules: AliasRules, before: Reading = NO_FILE) -> None:
        self.path = path
        self.rules = rules
        self.reading = before
        self._seen: Stamp | None = None

    def read(self) -> None:
        """Read it. Blocks, but not for what is no file."""
        self.reading = self._read()

    async def watch(self, look_seconds: float = _LOOK_SECONDS) -> None:
        """Read it whenever it has changed; does not end.

        A change is read when the next look finds no other one: half a file would take addresses
        away, and mail would be refused for good.
        """
        while self.path:
            await asyncio.sleep(look_seconds)
            try:
                await self._look()
            except Exception:
                _logger.exception("aliases: looking at %s failed", self.path)

    async def _look(self) -> None:
        before = self.reading
        stamp = await in_thread(lambda: stamp_of(self.path))
        seen, self._seen = self._seen, stamp
        # Trouble need not show in a stamp: too many open files, an input/output error.
        if stamp != seen or (stamp == before.stamp and not before.trouble):
            return
        self.reading = await in_thread(self._read)
        if before.trouble and self.reading.trouble == before.trouble:
            return
        for doubt in self.reading.doubts(self.path):
            _logger.warning("settings: %s", doubt)
        _logger.info("aliases: %s: %s", self.path, self.reading.summary())

    def _read(self) -> Reading:
        if not self.path:
            return NO_FILE
        # Before the content: what is written in between is seen at the next look.
        stamp = stamp_of(self.path)
        if not stamp:
            if self.reading.stamp:
                _logger.warning("aliases: %s is gone; nobody owns its aliases any more", self.path)
            return NO_FILE
        try:
            content = content_of(self.path, _MAX_FILE_BYTES)
        except OSError as error:
            return self._still(f"cannot be read: {error.strerror}", stamp)
        except ValueError as error:
            return self._still(str(error), stamp)
        text = content.decode("utf-8-sig", "surrogateescape")
        return Reading(parse_aliases(text, self.rules), stamp=stamp)

    def _still(self, trouble: str, stamp: Stamp) -> Reading:
        """Return the reading before, with the trouble."""
        before = self.reading
        # Only of a file that was read: NO_FILE says nothing of one that is there.
        if before.stamp and before.aliases is not None:
            return Reading(before.aliases, f"{trouble}; its aliases of before stay in force", stamp)
        return Reading(None, f"{trouble}; what it allows is not known", stamp)
