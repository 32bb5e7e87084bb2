"""What every source of ownership has in common: the three answers, and what they rest on.

Addresses are canonical, as `bridge_common.address.canonical_address` returns them. Pure.
"""

import enum
from dataclasses import dataclass
from typing import Literal

Scope = Literal["address", "domain"]
"""Setting `match_scope`."""


class Owned(enum.Enum):
    """Whether a login owns an address."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """Nobody could say: it is trouble, and no "no"."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """The answer, and in words for the administrator what it rests on."""

    owned: Owned
    how: str


@dataclass(frozen=True, slots=True)
class Belonging:
    """What a login owns: an address, ``@domain`` or ``*``; and in words, why."""

    address: str
    how: str


@dataclass(frozen=True, slots=True)
class Belongings:
    """All that a login owns; with ``trouble``, which says why, it may be more."""

    items: tuple[Belonging, ...]
    trouble: str = ""
