"""The row `hung`: how long logins take while the first of two servers hangs, and how long before.

Each round has a sasl-bridge and servers of its own, and logins come at a steady rate. In the midst
of them the first server hangs: it takes connections, and says nothing. Every login must be right
all the same; once the server is not asked any more, as many logins are measured as before.
Tells how it goes on standard error. Raises LabError when a single login fails, at whatever moment.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from lab.processes import lab_folder

from bench import backends, ours
from bench.contestant import Contestant
from bench.programs import Programs
from bench.rounds import (
    ATTEMPTS,
    Court,
    Result,
    Round,
    RowResult,
    Rules,
    line_of,
    load_for,
    prepare,
    tell,
)
from bench.rows import HUNG
from bench.usage import Memory, memory
from bridge_admin.control_client import ask_daemon

WELL, AILING = "sasl-bridge, both well", "sasl-bridge, the first hung"
LEAST_LOGINS = 2000
"""For the slowest of 100 to be more than a few."""
LEAST_ROUNDS = 3
STILL_ASKED = "the server that hung was still asked"
_WARM_UP_SECONDS = 2.0
_BEFORE_SECONDS, _MOMENT_SECONDS = 1.0, 12.0
_PATIENCE_SECONDS = 30.0
_GLANCE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Pair:
    """The two rounds that are compared, of one daemon."""

    well: Round
    hung: Round
    memory: Memory

    @property
    def counts(self) -> bool:
        """Say whether both count."""
        return not self.well.void and not self.hung.void


def play(programs: Programs, rules: Rules) -> RowResult:
    """Play the row; what stands where other rows have a peer is ours, both servers being well."""
    tell(f"{HUNG.key}: {HUNG.work}")
    rules = replace(
        rules,
        rounds=max(rules.rounds, LEAST_ROUNDS),
        seconds=max(rules.seconds, LEAST_LOGINS / HUNG.rate),
    )
    pairs = [_count_pair(programs, rules, number) for number in range(rules.rounds)]
    well, hung = zip(*((pair.well, pair.hung) for pair in pairs), strict=True)
    last = pairs[-1]
    results = (
        Result(WELL, "", well, last.memory),  # other rows tell its version
        Result(AILING, "", hung, last.memory),
    )
    return RowResult(HUNG, results)


def _count_pair(programs: Programs, rules: Rules, number: int) -> Pair:
    """Play both until they count, or have been played often enough."""
    for _ in range(ATTEMPTS):
        pair = play_pair(programs, rules)
        tell(f"  {number + 1} {line_of('well', pair.well)}")
        tell(f"  {number + 1} {line_of('hung', pair.hung)}")
        if pair.counts:
            break
    return pair


def play_pair(programs: Programs, rules: Rules) -> Pair:
    """Play both rounds of a new daemon, whether they count or not."""
    with (
        lab_folder() as folder,
        HUNG.backend(programs, folder / "backend") as backend,
        ours.asking_two(folder / "0", backend.reached) as daemon,
    ):
        court = Court(HUNG, programs, backend, rules)
        prepare(programs, load_for(HUNG, daemon))
        programs.load(load_for(HUNG, daemon), _WARM_UP_SECONDS)
        well = court.play_round(daemon)
        first = backend.groups[backends.FIRST]
        with _hanging(first, programs, daemon):
            void = _why_still_asked(daemon)
            hung = court.play_round(daemon)
            hung = replace(hung, void=void or hung.void)
            return Pair(well, hung, memory(daemon.group))


@contextlib.contextmanager
def _hanging(server: int, programs: Programs, daemon: Contestant) -> Iterator[None]:
    """Let the server hang, in the midst of logins that all must be right; then let it go on."""
    load = load_for(HUNG, daemon)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(programs.load, load, _BEFORE_SECONDS + _MOMENT_SECONDS)
        time.sleep(_BEFORE_SECONDS)
        os.killpg(server, signal.SIGSTOP)
        try:
            loaded = asked.result()
            tell(
                f"    it hangs: of {loaded.answers} logins none failed, the longest took "
                f"{loaded.longest_ms / 1000:.1f} s"
            )
            yield
        finally:
            os.killpg(server, signal.SIGCONT)


def _why_still_asked(daemon: ours.SaslBridge) -> str:
    """Return "" once the first server is not asked any more, or else what there is to say."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        first, _ = ask_daemon(daemon.settings_file, "status")["servers"]
        if first["breaker"]["state"] == "away":
            return ""
        time.sleep(_GLANCE_SECONDS)
    return STILL_ASKED
