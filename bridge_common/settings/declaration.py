"""How a settings key is declared: once, on the dataclass field that holds its value.

Knows what a declaration consists of, and how to list the declarations of a class.
Does not know which keys there are (`model`), nor how they are read (`tables`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from bridge_common.settings.kinds import Kind

T = TypeVar("T")
_DECLARED = "declared"


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its kind, its default, help for the administrator (one sentence a line), an example.

    ``example`` is a value as TOML text. A required key's default only stands in for it
    while the rest of the settings is looked at.
    """

    kind: Kind[Any]
    default: Any
    prose: str
    example: str
    required: bool


@dataclass(frozen=True, slots=True)
class Section:
    """One section, or an array of them: its name in TOML, its class, an introduction."""

    name: str
    declared: type
    intro: str
    repeated: bool


def key(kind: Kind[T], *, default: T, prose: str, example: str, required: bool = False) -> T:
    """Declare a key; the value of this call is the dataclass field, whatever its type says."""
    declared = {_DECLARED: Key(kind, default, prose, example, required)}
    made: Any = (
        field(metadata=declared)
        if required
        else field(default_factory=lambda: default, metadata=declared)
    )
    return made  # type: ignore[no-any-return]  # as dataclasses.field itself does


def section(declared: type[T], name: str, intro: str) -> T:
    """Declare a section that is there once."""
    about = {_DECLARED: Section(name, declared, intro, repeated=False)}
    made: Any = field(default_factory=declared, metadata=about)
    return made  # type: ignore[no-any-return]  # as above


def sections(declared: type[T], name: str, intro: str) -> tuple[T, ...]:
    """Declare an array of sections."""
    about = {_DECLARED: Section(name, declared, intro, repeated=True)}
    made: Any = field(default=(), metadata=about)
    return made  # type: ignore[no-any-return]  # as above


def keys_of(declared: type) -> Mapping[str, Key]:
    """Return the keys of a section's class, by name, in order."""
    return {item.name: item.metadata[_DECLARED] for item in fields(declared)}


def sections_of(declared: type) -> Mapping[str, Section]:
    """Return the sections of a whole settings class, by field name, in order."""
    return {item.name: item.metadata[_DECLARED] for item in fields(declared)}
