"""The fuzz loop: invents and changes inputs, keeps those that reach something new, ends in time.

Knows no protocol: a `Target` does. A seed determines everything, whatever the machine's speed.
A finding is shrunk and ends the run: the input is printed as a literal for `--replay` or a test.
"""

import argparse
import faulthandler
import sys
import time
import traceback
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Protocol

from fuzz.law import LawBrokenError
from fuzz.steps import Steps, read_steps, smallest

PROGRESS_SECONDS = 10.0
HANGING_SECONDS = 300.0
"""Without progress for so long the program shows where it is, and exits."""

_INVENTED_SHARE = 0.2
_LARGEST_POOL = 3000


class Target(Protocol):
    """A parser and its laws."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def seeds(self) -> Sequence[Steps]:
        """Return what to begin with: the corpus."""
        ...

    def invent(self, random: Random) -> Steps:
        """Make an input from the grammar."""
        ...

    def change(self, steps: Steps, donor: Steps, random: Random) -> Steps:
        """Make an input from others."""
        ...

    def play(self, steps: Steps) -> set[Hashable]:
        """Play it; return what it reached. Whatever is raised is a finding."""
        ...

    def story(self, steps: Steps) -> str:
        """Show how it goes, as far as it goes. Raises nothing."""
        ...


@dataclass(frozen=True)
class Finding:
    """An input that breaks a law, as small as it could be made."""

    steps: Steps
    execution: int
    error: Exception
    story: str

    def __str__(self) -> str:
        shown = "".join(traceback.format_exception(self.error, chain=False))
        return (
            f"{shown}\nat execution {self.execution}, smallest input:\n{self.steps!r}\n{self.story}"
        )


@dataclass
class Search:
    """One run over one target."""

    target: Target
    seed: int
    executions: int = 0
    reached: set[Hashable] = field(default_factory=set)
    pool: list[Steps] = field(default_factory=list)
    finding: Finding | None = None

    def run(self, go_on: Callable[[], bool]) -> Finding | None:
        """Go on until told otherwise, or until something is found; the corpus is played first."""
        random = Random(self.seed)
        for steps in self.target.seeds():
            if not self._try(steps, random):
                return self.finding
        while go_on() and self._try(self._next(random), random):
            pass
        return self.finding

    def _next(self, random: Random) -> Steps:
        if not self.pool or random.random() < _INVENTED_SHARE:
            return self.target.invent(random)
        return self.target.change(random.choice(self.pool), random.choice(self.pool), random)

    def _try(self, steps: Steps, random: Random) -> bool:
        """Return whether all laws hold."""
        self.executions += 1
        try:
            reached = self.target.play(steps)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what we are after
            self.finding = self._shrunk(steps, error)
            return False
        if not reached <= self.reached:
            self.reached |= reached
            self._keep(steps, random)
        return True

    def _keep(self, steps: Steps, random: Random) -> None:
        if len(self.pool) < _LARGEST_POOL:
            self.pool.append(steps)
        else:
            self.pool[random.randrange(_LARGEST_POOL)] = steps

    def _shrunk(self, steps: Steps, error: Exception) -> Finding:
        kind = _kind(error)
        steps = smallest(steps, lambda candidate: _kind(self._error_of(candidate)) == kind)
        found = self._error_of(steps) or error
        return Finding(steps, self.executions, found, self.target.story(steps))

    def _error_of(self, steps: Steps) -> Exception | None:
        try:
            self.target.play(steps)
        except Exception as error:  # noqa: BLE001  # as above
            return error
        return None


def _kind(error: Exception | None) -> object:
    return type(error), error.args[:1] if isinstance(error, LawBrokenError) else ()


def main(target: Target) -> None:
    """Run one program from the command line; exit with 1 on a finding."""
    parser = argparse.ArgumentParser(description=f"Fuzz {target.name}.")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default 60)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    parser.add_argument("--replay", type=Path, help="play the input in this file, and nothing else")
    options = parser.parse_args()
    if options.replay:
        steps = read_steps(options.replay.read_text(encoding="utf-8"))
        print(target.story(steps))
        target.play(steps)
        return
    sys.exit(_run_for(target, options.seed, options.seconds))


def _run_for(target: Target, seed: int, seconds: float) -> int:
    search = Search(target, seed)
    begun = time.monotonic()
    shown = begun
    faulthandler.dump_traceback_later(HANGING_SECONDS, exit=True)

    def go_on() -> bool:
        nonlocal shown
        now = time.monotonic()
        if now - shown >= PROGRESS_SECONDS:
            faulthandler.dump_traceback_later(HANGING_SECONDS, exit=True)
            shown = now
            _say(search, now - begun, "")
        return now - begun < seconds

    finding = search.run(go_on)
    faulthandler.cancel_dump_traceback_later()
    if finding:
        print(f"{target.name}: FINDING\n{finding}\nseed {seed}", flush=True)
    _say(search, time.monotonic() - begun, "ended with a finding" if finding else "no finding")
    return 1 if finding else 0


def _say(search: Search, seconds: float, result: str) -> None:
    rate = search.executions / max(seconds, 0.001)
    print(
        f"{search.target.name}: {seconds:.0f} s, {search.executions} executions, {rate:.0f}/s, "
        f"reached {len(search.reached)}, kept {len(search.pool)}, seed {search.seed}"
        + (f": {result}" if result else ""),
        flush=True,
    )
