"""The rounds of a row: contestants in turn, each round weighed and, if void, played again.

Tells how it goes on standard error. Raises LabError when a contestant does not start, or answers
wrongly: then nothing that it did counts.
"""

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from lab.processes import lab_folder

from bench.backends import RunningBackend
from bench.contestant import Contestant
from bench.fairness import Shares, why_void
from bench.programs import Load, Loaded, Programs
from bench.rows import Row
from bench.usage import Memory, Moment, memory, moment

LOAD = "the load"
ATTEMPTS = 5
"""How often a round is played until it counts."""
_QUIET = 0.2  # cores
_GLANCE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Round:
    """One contestant's figures of one round; ``void`` says why it does not count."""

    loaded: Loaded
    shares: Shares
    void: str


@dataclass(frozen=True, slots=True)
class Result:
    """One contestant's rounds, in their order, and its memory after the last.

    ``cold_ms``: how long its very first login took, which it had prepared nothing for; 0: nobody
    looked.
    """

    name: str
    version: str
    rounds: tuple[Round, ...]
    memory: Memory
    cold_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class RowResult:
    """What came of a row: of each contestant, ours last."""

    row: Row
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """How many rounds of how many seconds each contestant has.

    ``patience``: how many seconds each waits at most for others on the machine to be done.
    """

    rounds: int = 5
    seconds: float = 5.0
    patience: float = 10.0


def play(row: Row, programs: Programs, rules: Rules) -> RowResult:
    """Play a row."""
    tell(f"{row.key}: {row.work}")
    with lab_folder() as folder, row.backend(programs, folder / "backend") as backend:
        made = [make(folder / str(i), backend.reached) for i, make in enumerate(row.contestants)]
        with contextlib.ExitStack() as running:
            cold = []
            for contestant in made:
                running.enter_context(contestant)
                cold.append(prepare(programs, load_for(row, contestant)))
            court = Court(row, programs, backend, rules)
            numbers = range(rules.rounds)
            turns = [[court.count_round(one, number) for one in made] for number in numbers]
            results = map(_result, made, zip(*turns, strict=True), cold)
            return RowResult(row, tuple(results))


def load_for(row: Row, contestant: Contestant) -> Load:
    """Return what a contestant is asked."""
    at_once = min(row.at_once, contestant.most_at_once)
    return Load(contestant.kind, contestant.where, at_once, row.people, row.rate)


def prepare(programs: Programs, load: Load) -> float:
    """See that it refuses what is wrong and takes everybody who is right; caches are full then.

    Return the milliseconds that its first login took.
    """
    first = programs.wrong(load)
    programs.everybody(load)
    return first.first_ms


def tell(text: str) -> None:
    """Tell how it goes."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Court:
    """Plays rounds of one row, and judges them."""

    row: Row
    programs: Programs
    backend: RunningBackend
    rules: Rules

    def count_round(self, contestant: Contestant, number: int) -> Round:
        """Play a round until it counts, or has been played often enough."""
        for _ in range(ATTEMPTS):
            played = self.play_round(contestant)
            tell(f"  {number + 1} {line_of(contestant.name, played)}")
            if not played.void:
                break
        return played

    def play_round(self, contestant: Contestant) -> Round:
        """Play a round, whether it counts or not."""
        contestant.forget_log()
        _wait_for_quiet(self.rules.patience)
        before = moment()
        loaded = self.programs.load(load_for(self.row, contestant), self.rules.seconds)
        shares = self._shares(contestant, before, moment())
        return Round(loaded, shares, why_void(shares, silent=self.row.silent))

    def _shares(self, contestant: Contestant, before: Moment, after: Moment) -> Shares:
        seconds = after.time - before.time

        def used(group: int) -> float:
            return (after.groups.get(group, 0.0) - before.groups.get(group, 0.0)) / seconds

        helpers = {LOAD: (after.children - before.children) / seconds}
        return Shares(
            measured=used(contestant.group),
            helpers=helpers | {name: used(group) for name, group in self.backend.groups.items()},
            machine=(after.machine - before.machine) / seconds,
            cores=os.cpu_count() or 1,
            spreads=contestant.spreads,
        )


def _wait_for_quiet(patience: float) -> None:
    """Wait until nobody uses the machine; what is tested is idle as long as nobody asks."""
    end = time.monotonic() + patience
    used = 1.0
    while used > _QUIET and time.monotonic() < end:
        before = moment()
        time.sleep(_GLANCE_SECONDS)
        after = moment()
        used = (after.machine - before.machine) / (after.time - before.time)


def _result(contestant: Contestant, rounds: Sequence[Round], cold_ms: float) -> Result:
    used = memory(contestant.group)
    return Result(contestant.name, contestant.version, tuple(rounds), used, cold_ms)


def line_of(name: str, played: Round) -> str:
    """Return the figures of a round in one line; ``name`` is whose they are."""
    loaded, shares = played.loaded, played.shares
    cores = {name: shares.measured, **shares.helpers, "strangers": shares.strangers}
    used = ", ".join(f"{name} {share:.2f}" for name, share in cores.items())
    cpu = shares.measured / loaded.rate * 1e6
    void = f"; VOID: {played.void}" if played.void else ""
    return (
        f"{loaded.rate:9,.0f}/s  {loaded.p50_ms:7.2f} ms (99 %: {loaded.p99_ms:.2f})  {cpu:5.0f} µs"
        f"  cores: {used}{void}"
    )
