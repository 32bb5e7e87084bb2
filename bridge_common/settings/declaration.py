"""How a settings key is declared: once, on the dataclass field that holds its value.

Knows what a declaration consists of, and how to list the declarations of a class.
Does not know which keys there are (`model`), nor how they are read (`tables`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from bridge_common.settings.kinds import Kind

T = TypeVar("T")
_DECLARED = "declared"


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its kind, its default, help for the administrator (one sentence a line), an example.

    ``example`` is a value as TOML text. A required key's default only stands in for it
    while the rest of the settings is looked at. A default of None: as in the section around.
    """

    kind: Kind[Any]
    default: Any
    prose: str
    example: str
    required: bool


@dataclass(frozen=True, slots=True)
class Section:
    """One section, or an array of them: its name in TOML, its class, an introduction.

    The name is the last part only: the `exception` of `[[sender.exception]]`.
    """

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


def override(kind: Kind[T], *, prose: str, example: str) -> T | None:
    """Declare a key that, left out, is as in the section around this one."""
    declared = {_DECLARED: Key(kind, None, prose, example, required=False)}
    made: Any = field(default=None, metadata=declared)
    return made  # type: ignore[no-any-return]  # as above


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
    return {name: about for name, about in _declarations(declared) if isinstance(about, Key)}


def sections_of(declared: type) -> Mapping[str, Section]:
    """Return the sections within a class, by field name, in order."""
    return {name: about for name, about in _declarations(declared) if isinstance(about, Section)}


def sections_below(declared: type, around: str = "") -> Iterator[tuple[str, Section]]:
    """Yield each section of a class and, behind it, those within it; with the whole name.

    The whole name is the one of the heading, `sender.exception`.
    """
    for about in sections_of(declared).values():
        name = f"{around}.{about.name}" if around else about.name
        yield name, about
        yield from sections_below(about.declared, name)


def _declarations(declared: type) -> Iterator[tuple[str, Key | Section]]:
    return ((item.name, item.metadata[_DECLARED]) for item in fields(declared))
