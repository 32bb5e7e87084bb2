"""How many different things each subject did within a sliding interval, exactly.

Knows which of them count at a moment, and how much of it is kept: of a subject no more than the
limit needs, and the subjects that did something last. Does not know what the things are, nor what
comes of passing the limit. Raises nothing.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from bridge_common.deadline import Clock
from bridge_common.runtime.state_folder import is_age

Thing = str | bytes
"""Told apart by being equal. A text may be kept over a restart; bytes are of this process only."""

_MAX_SUBJECTS = 10_000
"""Strangers have any number of addresses: who did nothing for the longest time is forgotten."""

_MAX_NAME = 512  # a login with its domain, or an address; more is no name of ours


class Tally:
    """One count. ``limit``: 0 switches it off; ``interval`` is in seconds."""

    def __init__(self, clock: Clock, *, max_subjects: int = _MAX_SUBJECTS) -> None:
        self.limit = 0
        self.interval = 0.0
        self._clock = clock
        self._max_subjects = max_subjects
        # Of each subject its things, with when it did each of them last; both oldest first.
        self._subjects: OrderedDict[str, dict[Thing, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._subjects)

    def obey(self, limit: int, interval: float) -> None:
        """Keep to these from now on; what was counted still counts, if anything does."""
        self.limit, self.interval = limit, interval
        if not limit:
            self._subjects.clear()

    def passes(self, subject: str, thing: Thing) -> bool:
        """Count one thing; say whether this passes the limit: then the subject begins anew."""
        if not self.limit:
            return False
        now = self._clock()
        self._drop_those_over(now)
        things = self._subjects.setdefault(subject, {})
        self._subjects.move_to_end(subject)
        things.pop(thing, None)
        things[thing] = now
        _drop_older(things, now - self.interval)
        if len(things) > self.limit:
            del self._subjects[subject]
            return True
        if len(self._subjects) > self._max_subjects:
            self._subjects.popitem(last=False)
        return False

    def forget(self, subject: str) -> None:
        """Let the subject begin anew."""
        self._subjects.pop(subject, None)

    def _drop_those_over(self, now: float) -> None:
        while self._subjects:
            newest = next(reversed(next(iter(self._subjects.values())).values()))
            if newest > now - self.interval:
                return
            self._subjects.popitem(last=False)

    # Over a restart

    def snapshot(self, room: int) -> list[list[Any]]:
        """Return the subjects that did something last: at most ``room`` of them and their things.

        Each is ``[subject, [[thing, age], ...]]``, the oldest first; null stands for a thing that
        has no name for others.
        """
        now = self._clock()
        self._drop_those_over(now)
        kept: list[list[Any]] = []
        for subject, things in reversed(self._subjects.items()):
            room -= 1 + len(things)
            if room < 0:
                break
            told = [
                [thing if isinstance(thing, str) else None, int(now - at)]
                for thing, at in things.items()
            ]
            kept.append([subject, told])
        return kept[::-1]

    def restore(self, data: Any, elapsed: float) -> None:
        """Count what a snapshot held ``elapsed`` seconds ago, besides what came since.

        What is unusable in it is ignored.
        """
        came_since = list(self._subjects)
        earliest = self._clock() - self.interval
        for subject, things in self._usable(data if isinstance(data, list) else [], elapsed):
            known = things | self._subjects.get(subject, {})
            known = dict(sorted(known.items(), key=lambda thing: thing[1])[-self.limit :])
            _drop_older(known, earliest)
            if self.limit and known:
                self._subjects[subject] = known
        for subject in came_since:
            self._subjects.move_to_end(subject)
        while len(self._subjects) > self._max_subjects:
            self._subjects.popitem(last=False)

    def _usable(self, data: list[Any], elapsed: float) -> Iterator[tuple[str, dict[Thing, float]]]:
        written = self._clock() - elapsed
        for entry in _lists(data):
            match entry:
                case [str(subject), list(told)] if len(subject) <= _MAX_NAME:
                    things = enumerate(_things(told))
                    yield subject, {name or _unnamed(n): written - age for n, (name, age) in things}


def _things(told: list[Any]) -> Iterator[tuple[str | None, float]]:
    for entry in _lists(told):
        match entry:
            case [str() | None as name, age] if is_age(age):
                if name is None or len(name) <= _MAX_NAME:
                    yield name, age


def _lists(data: list[Any]) -> Iterator[list[Any]]:
    return (entry for entry in data if isinstance(entry, list))


def _unnamed(number: int) -> bytes:
    """Return what is equal to nothing that comes: digests are longer."""
    return number.to_bytes(4, "big")


def _drop_older(things: dict[Thing, float], earliest: float) -> None:
    while things and things[oldest := next(iter(things))] <= earliest:
        del things[oldest]
