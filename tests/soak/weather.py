"""What befalls the servers and when, all of it from a seed; and how each of them is just now.

Knows names of servers and of troubles, and no server. Pure: it is told the time.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

SETTLED_SECONDS = 35.0
"""So long after its recovery a server may still be avoided: until it is looked at again."""
_FIRST_AT, _FIRST_SECONDS = 5.0, 10.0
_GAPS = (8.0, 35.0)
_LENGTHS = (3.0, 20.0)
_LEAST_FOR_A_STORM = 60.0
_ORDINARY_SECONDS = 120.0  # a shorter run has more to show, and so less of each
_LEAST_PACE = 0.25


@dataclass(frozen=True, slots=True)
class Spell:
    """One server's trouble: from when, for how many seconds. ``number`` decides what is random."""

    at: float
    seconds: float
    server: str
    trouble: str
    number: int


def forecast(seed: int, seconds: float, troubles: Mapping[str, Sequence[str]]) -> Sequence[Spell]:
    """Return the spells of a run, in their order; ``troubles`` are those that each server can have.

    All is over after ``seconds``. A long run begins with all servers hung: what that takes of
    memory is taken before one compares.
    """
    return sorted(_spells(Random(seed), seconds, troubles), key=lambda spell: spell.at)


def _spells(
    random: Random, seconds: float, troubles: Mapping[str, Sequence[str]]
) -> Iterator[Spell]:
    pace = min(1.0, max(_LEAST_PACE, seconds / _ORDINARY_SECONDS))
    free_at = dict.fromkeys(troubles, 0.0)
    at = _FIRST_AT
    if seconds >= _LEAST_FOR_A_STORM:
        for server in troubles:
            yield Spell(at, _FIRST_SECONDS, server, "hang", random.getrandbits(32))
            free_at[server] = at + _FIRST_SECONDS
        at += _FIRST_SECONDS + 1
    while at + pace * _LENGTHS[0] < seconds:
        for server in _struck(random, [name for name in troubles if free_at[name] <= at]):
            length = min(pace * random.uniform(*_LENGTHS), seconds - at)
            free_at[server] = at + length + 1
            trouble = random.choice(troubles[server])
            yield Spell(at, length, server, trouble, random.getrandbits(32))
        at += pace * random.uniform(*_GAPS)


def _struck(random: Random, servers: list[str]) -> list[str]:
    """Return one of them as a rule, now and then two, or all."""
    number = random.choices((1, 2, len(servers)), (7, 2, 1))[0]
    return random.sample(servers, min(number, len(servers)))


@dataclass(slots=True)
class Weather:
    """How each server is; ``recoveries`` are the seconds from each recovery to a login there."""

    recoveries: dict[str, list[float]] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)
    _well_since: dict[str, float] = field(default_factory=dict)
    _awaited: set[str] = field(default_factory=set)
    _ill: dict[str, str] = field(default_factory=dict)

    def strike(self, server: str, trouble: str, now: float) -> None:
        """Note that trouble begins."""
        self._ill[server] = trouble
        self._well_since[server] = math.inf
        self._awaited.discard(server)
        self.history.append(f"{now:6.1f} s  {server}: {trouble}")

    def relent(self, server: str, now: float) -> None:
        """Note that it is over."""
        self._ill.pop(server, None)
        self._well_since[server] = now
        self._awaited.add(server)
        self.history.append(f"{now:6.1f} s  {server}: well again")

    def ill(self) -> str:
        """Return what is the matter just now."""
        return ", ".join(f"{server} {trouble}" for server, trouble in self._ill.items()) or "none"

    def was_settled(self, server: str, since: float) -> bool:
        """Return whether a server has been well ever since, and was so long enough by then."""
        return self._well_since.get(server, -math.inf) + SETTLED_SECONDS <= since

    def heard_of(self, server: str, asked_at: float, now: float) -> None:
        """Note that a server has accepted a login that nobody else knows."""
        if server in self._awaited and asked_at >= self._well_since[server]:
            self._awaited.discard(server)
            self.recoveries.setdefault(server, []).append(now - self._well_since[server])
