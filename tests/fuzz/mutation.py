"""Changing a sequence of steps at random: whole steps, lines, words, bytes, and where it is cut.

Knows lines and words in general; the protocol's own words come from its program.
Every change is drawn from a `Random`, so a seed says it all.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from fuzz.steps import Step, Steps

_LONGEST_PIECE = 60_000
_LONGEST_SEQUENCE = 40

_WORDS = re.compile(rb"[A-Za-z0-9+/=.@_-]+|\s|.", re.DOTALL)
_LINE_ENDS = (b"\r\n", b"\n", b"\r", b"\n\r", b"\r\r\n", b"\0\r\n", b"", b"\r\n\r\n")
_BYTES = b'\0\1\t\n\r +*.-[](){}"\\%=\x7f\x80\xc3\xff'
_SIZES = (2, 8, 100, 8190, 8192, 20_000)
"""How often something is repeated; the caps of our own parsers are near."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """What a protocol's sequences are made of: its words and lines, and what may happen."""

    words: Sequence[bytes]
    lines: Sequence[bytes]
    happenings: Sequence[tuple[str, ...]]

    def change(self, steps: Steps, donor: Steps, random: Random) -> Steps:
        """Return the steps with a few changes; ``donor`` gives parts of itself."""
        changed = list(steps)
        for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5))):
            if not changed or random.random() < 0.25:
                self._change_sequence(changed, donor, random)
            else:
                place = random.randrange(len(changed))
                step = changed[place]
                if isinstance(step, bytes):
                    changed[place] = self._change_data(step, random)[:_LONGEST_PIECE]
                else:
                    changed[place] = random.choice(self.happenings)
        return tuple(changed[:_LONGEST_SEQUENCE])

    def _change_sequence(self, steps: list[Step], donor: Steps, random: Random) -> None:
        place = random.randint(0, len(steps))
        match random.randrange(7):
            case 0:
                del steps[place : place + random.choice((1, 1, 2, 5))]
            case 1:
                steps[place:place] = steps[max(0, place - 1) : place]
            case 2:
                steps.insert(place, random.choice(self.happenings))
            case 3:
                steps.insert(place, random.choice(self.lines))
            case 4 if donor:
                start = random.randrange(len(donor))
                steps[place:] = donor[start:]
            case 5:
                _join(steps, place)
            case _:
                _cut(steps, place, random)

    def _change_data(self, data: bytes, random: Random) -> bytes:
        change: Callable[[bytes, Random], bytes] = random.choice(
            (self._change_lines, self._change_words, self._change_words, _change_bytes)
        )
        return change(data, random)

    def _change_lines(self, data: bytes, random: Random) -> bytes:
        lines = data.splitlines(keepends=True) or [b""]
        place = random.randrange(len(lines))
        match random.randrange(6):
            case 0:
                del lines[place]
            case 1:
                lines[place] = lines[place].rstrip(b"\r\n") + random.choice(_LINE_ENDS)
            case 2:
                lines[place:place] = [lines[place]] * _times(random)
            case 3:
                lines[place] = random.choice(self.lines)
            case _:
                lines.insert(place, random.choice(self.lines))
        return b"".join(lines)

    def _change_words(self, data: bytes, random: Random) -> bytes:
        words = _WORDS.findall(data) or [b""]
        place = random.randrange(len(words))
        match random.randrange(7):
            case 0:
                del words[place]
            case 1:
                words[place] = words[place].swapcase()
            case 2:
                words[place] *= _times(random)
            case 3:
                words[place] = random.choice(words)
            case 4:
                words.insert(place, random.choice(self.words))
            case _:
                words[place] = random.choice(self.words)
        return b"".join(words)


def _change_bytes(data: bytes, random: Random) -> bytes:
    place = random.randint(0, len(data))
    some = bytes([random.choice(_BYTES) if random.random() < 0.8 else random.randrange(256)])
    match random.randrange(4):
        case 0:
            return data[:place] + data[place + random.choice((1, 1, 4)) :]
        case 1:
            return data[:place] + some + data[place:]
        case 2:
            return data[:place]
    return data[:place] + some + data[place + 1 :]


def _times(random: Random) -> int:
    """Mostly a few: what is endless takes the time of many others."""
    return random.choice(_SIZES) if random.random() < 0.03 else 2


def _join(steps: list[Step], place: int) -> None:
    match steps[place : place + 2]:
        case [bytes(one), bytes(other)]:
            steps[place : place + 2] = [(one + other)[:_LONGEST_PIECE]]


def _cut(steps: list[Step], place: int, random: Random) -> None:
    match steps[place : place + 1]:
        case [bytes(data)] if data:
            cut = random.randrange(len(data))
            steps[place : place + 1] = [data[:cut], data[cut:]]
