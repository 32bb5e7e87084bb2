"""What happened in a run: counts, times, and what broke a law. Prints a violation at once."""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

_RECENT = 12
_MOST_VIOLATIONS = 10


@dataclass(slots=True)
class Record:
    """Counters by what was told, and the violations of laws; ``now`` are seconds of the run.

    ``excused``: logins that should have got in; ``slowest`` is the longest answer, in seconds.
    ``servers``: what the daemon tells of them in the end.
    ``history`` is what befell the servers so far, ``log_of`` returns the daemon's lines that name
    something.
    """

    now: Callable[[], float]
    history: list[str]
    log_of: Callable[[str], list[str]]
    logins: Counter[str] = field(default_factory=Counter)
    senders: Counter[str] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    servers: list[str] = field(default_factory=list)
    excused: int = 0
    slowest: float = 0.0

    @property
    def is_enough(self) -> bool:
        """Say whether more of the same would tell no more."""
        return len(self.violations) >= _MOST_VIOLATIONS

    def violation(self, text: str, about: str = "") -> None:
        """Note one, and tell it with what came before it; what is more than enough is not."""
        if self.is_enough:
            return
        self.violations.append(f"{self.now():6.1f} s  {text}")
        lines = [f"VIOLATION {self.violations[-1]}"]
        lines += (f"  {event}" for event in self.history[-_RECENT:])
        lines += (f"  log: {line}" for line in (self.log_of(about)[-3:] if about else ()))
        print("\n".join(lines), file=sys.stderr, flush=True)
