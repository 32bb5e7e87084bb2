"""What a fuzz program plays: a sequence of steps, and how it is made smaller.

A step is bytes, which the peer sends in one piece, or words: a setting, or what else happens.
Both are plain literals, so that a repr of the whole can be pasted into a test.
Knows no protocol; which words there are is for the program that plays them.
"""

import ast
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TypeVar

from fuzz.law import LawBrokenError

Step = bytes | tuple[str, ...]
Steps = tuple[Step, ...]

T = TypeVar("T")

_MOST_TRIES = 3000
_SHORT, _LONG = 60, 2000  # bytes


def read_steps(text: str) -> Steps:
    """Read what `repr` wrote. Raises ValueError or SyntaxError."""
    steps = ast.literal_eval(text)
    if not isinstance(steps, tuple) or not all(isinstance(step, bytes | tuple) for step in steps):
        raise ValueError("steps are a tuple of bytes and of tuples of words")
    return steps


def in_pieces(steps: Steps) -> Steps:
    """Return the same, in pieces of one byte; what is longer is cut in fewer, to save time."""
    return tuple(piece for step in steps for piece in _pieces(step))


def whole_and_in_pieces(play: Callable[[Steps], T], steps: Steps) -> tuple[T, T]:
    """Play them as they are, and once more in small pieces; the error says which it was.

    Raises LawBrokenError.
    """
    whole = play(steps)
    try:
        return whole, play(in_pieces(steps))
    except LawBrokenError as error:
        error.add_note("(when the same comes in small pieces)")
        raise


def _pieces(step: Step) -> Iterator[Step]:
    if not isinstance(step, bytes):
        yield step
        return
    size = 1 if len(step) <= _SHORT else 5 if len(step) <= _LONG else 701
    for start in range(0, len(step), size):
        yield step[start : start + size]


def smallest(steps: Steps, still_fails: Callable[[Steps], bool]) -> Steps:
    """Leave out steps, lines and bytes as long as it still fails."""
    tries = 0
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller_ones(steps):
            tries += 1
            if tries > _MOST_TRIES:
                return steps
            if still_fails(candidate):
                steps, smaller = candidate, True
                break
    return steps


def _smaller_ones(steps: Steps) -> Iterator[Steps]:
    size = len(steps)
    while size:
        for start in range(0, len(steps), size):
            yield steps[:start] + steps[start + size :]
        size //= 2
    for place, (one, other) in enumerate(pairwise(steps)):
        if isinstance(one, bytes) and isinstance(other, bytes):
            yield (*steps[:place], one + other, *steps[place + 2 :])
    for place, step in enumerate(steps):
        if isinstance(step, bytes):
            for data in _smaller_data(step):
                yield (*steps[:place], data, *steps[place + 1 :])


def _smaller_data(data: bytes) -> Iterator[bytes]:
    lines = data.splitlines(keepends=True)
    if len(lines) > 1:
        for place in range(len(lines)):
            yield b"".join(lines[:place] + lines[place + 1 :])
    size = len(data) // 2
    while size:
        for start in range(0, len(data), size):
            yield data[:start] + data[start + size :]
        size //= 2
