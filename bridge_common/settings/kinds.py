"""The kinds of value that a settings key may hold: from what TOML gives to what we use, and back.

Knows types, durations and choices; a text's own form is a check that its declaration brings.
Does not know which keys there are.
Fails with ValueError, whose text is for the administrator; the value of a secret is never in it.
"""

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from bridge_common.secret import Secret
from bridge_common.settings.toml_text import Plain, quote

T = TypeVar("T")
Check = Callable[[str], str]
"""Returns the text in its canonical form, or raises ValueError saying what is wrong with it."""

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600}
_LONGEST_SECONDS = 1e9  # thirty years: more is a slip, and must not overflow a clock


class Kind(ABC, Generic[T]):
    """One kind of value."""

    @abstractmethod
    def words(self) -> str:
        """Return what the administrator is to write, such as ``true or false``."""

    @abstractmethod
    def read(self, value: object) -> T:
        """Return TOML's value as ours, or raise ValueError."""

    def plain(self, value: T) -> Plain:
        """Return our value as TOML and JSON have it; `read` reads it back (a secret's is not)."""
        return cast("Plain", value)

    def mismatch(self, value: object, how: str = "") -> ValueError:
        """Return the error for a value of another type."""
        return ValueError(f"expected {self.words()}, not {how}{_name_of_type(value)}")


def _name_of_type(value: object) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a decimal number"}
    names |= {str: "a string", list: "an array", dict: "a table"}
    return names.get(type(value), "a date or time")


@dataclass(frozen=True, slots=True)
class Flag(Kind[bool]):
    """True or false."""

    def words(self) -> str:
        """Return what the administrator is to write."""
        return "true or false"

    def read(self, value: object) -> bool:
        """Return the value, if it is a bool."""
        if not isinstance(value, bool):
            raise self.mismatch(value)
        return value


@dataclass(frozen=True, slots=True)
class Integer(Kind[int]):
    """A whole number within bounds, both included."""

    lowest: int
    highest: int

    def words(self) -> str:
        """Return what the administrator is to write."""
        return f"a whole number from {self.lowest} to {self.highest}"

    def read(self, value: object) -> int:
        """Return the value, if it is an int (a bool is none) and within the bounds."""
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.mismatch(value)
        if not self.lowest <= value <= self.highest:
            raise ValueError(f"must be {self.words()}")
        return value


@dataclass(frozen=True, slots=True)
class Duration(Kind[float]):
    """Seconds, written as `"8s"`, `"500ms"`, `"5m"`, `"1h"`, or as a bare number."""

    highest: float = _LONGEST_SECONDS
    zero_allowed: bool = True

    def words(self) -> str:
        """Return what the administrator is to write."""
        return 'a duration such as "8s", "500ms", "5m" or "1h"'

    def read(self, value: object) -> float:
        """Return the seconds."""
        seconds = self._seconds(value)
        if not seconds >= 0:  # NaN is not, either
            raise ValueError(f"must be {self.words()}, never negative")
        if seconds == 0 and not self.zero_allowed:
            raise ValueError("must be longer than nothing")
        if seconds > self.highest:
            raise ValueError(f"must be at most {quote(format_duration(self.highest))}")
        # Only now: a TOML integer may be too large for a float. The sum has no negative zero.
        return float(seconds) + 0.0

    def _seconds(self, value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        if not isinstance(value, str):
            raise self.mismatch(value)
        match = _DURATION.fullmatch(value)
        if match is None:
            raise ValueError(f"{quote(value)} is not {self.words()}")
        number, unit = float(match[1]), match[2]
        return number / 1000 if unit == "ms" else number * _UNIT_SECONDS[unit]

    def plain(self, value: float) -> Plain:
        """Return the duration as text; as a bare number where text would have an exponent."""
        text = format_duration(value)
        return value if "e" in text else text


def format_duration(seconds: float) -> str:
    """Return the seconds as `8s`, `0.5s`, `5m` or `1h`, exactly."""
    for unit in ("h", "m"):
        count, rest = divmod(seconds, _UNIT_SECONDS[unit])
        if count and not rest:
            return f"{int(count)}{unit}"
    return f"{int(seconds) if seconds == int(seconds) else seconds!r}s"


@dataclass(frozen=True, slots=True)
class Choice(Kind[T]):
    """One of a few words; T is their Literal type."""

    values: tuple[T, ...]

    def words(self) -> str:
        """Return what the administrator is to write."""
        known = ", ".join(quote(str(value)) for value in self.values)
        return f"one of {known}" if len(self.values) > 1 else known

    def read(self, value: object) -> T:
        """Return the value, if it is one of them."""
        if not isinstance(value, str):
            raise self.mismatch(value)
        for known in self.values:
            if value == known:
                return known
        raise ValueError(f"{quote(value)} is not {self.words()}")


@dataclass(frozen=True, slots=True)
class Text(Kind[str]):
    """A text of a certain form."""

    what: str
    check: Check

    def words(self) -> str:
        """Return what the administrator is to write."""
        return self.what

    def read(self, value: object) -> str:
        """Return the text in its canonical form."""
        if not isinstance(value, str):
            raise self.mismatch(value)
        return self.check(value)


def _texts(values: Iterable[object], kind: Kind[Any]) -> Iterator[str]:
    for value in values:
        if not isinstance(value, str):
            raise kind.mismatch(value, "one with ")
        yield value


@dataclass(frozen=True, slots=True)
class TextList(Kind[tuple[str, ...]]):
    """An array of texts of a certain form; none may be there twice."""

    what: str
    check: Check

    def words(self) -> str:
        """Return what the administrator is to write."""
        return f"an array of {self.what}"

    def read(self, value: object) -> tuple[str, ...]:
        """Return the texts in their canonical form; the error tells of every one that is wrong."""
        if not isinstance(value, list):
            raise self.mismatch(value)
        texts: list[str] = []
        wrong: list[str] = []
        for text in _texts(value, self):
            try:
                texts.append(self.check(text))
            except ValueError as error:
                wrong.append(str(error))
        wrong += (f"{quote(text)} is there twice" for text, n in Counter(texts).items() if n > 1)
        if wrong:
            raise ValueError("; ".join(dict.fromkeys(wrong)))
        return tuple(texts)

    def plain(self, value: tuple[str, ...]) -> Plain:
        """Return the texts as a list."""
        return list(value)


@dataclass(frozen=True, slots=True)
class TextTable(Kind[Mapping[str, str]]):
    """A table of texts."""

    what: str
    check_key: Check
    check_value: Check

    def words(self) -> str:
        """Return what the administrator is to write."""
        return f"a table of {self.what}"

    def read(self, value: object) -> Mapping[str, str]:
        """Return the table, names and texts in their canonical form."""
        if not isinstance(value, dict):
            raise self.mismatch(value)
        texts = map(self.check_value, _texts(value.values(), self))
        return dict(zip(map(self.check_key, value), texts, strict=True))


@dataclass(frozen=True, slots=True)
class SecretReference(Kind[Secret]):
    """Where a secret is to be found; the reading resolves it (`bridge_common.settings.secrets`).

    ``resolve`` is not called here: a kind does no input or output.
    """

    def words(self) -> str:
        """Return what the administrator is to write."""
        return 'a secret: "file:/path" or "credential:name"'

    def read(self, value: object) -> Secret:
        """Return the *reference*, kept as a secret, since it may be the secret itself."""
        if not isinstance(value, str):
            raise self.mismatch(value)
        return Secret(value.encode("utf-8", "surrogatepass"))

    def plain(self, value: Secret) -> Plain:
        """Return what a secret shows of itself; nothing, where there is none."""
        return repr(value) if value else ""
