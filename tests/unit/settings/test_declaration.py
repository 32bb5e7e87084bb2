"""Declarations on dataclass fields."""

from dataclasses import dataclass

import pytest

from bridge_common.settings.declaration import (
    Key,
    Section,
    key,
    keys_of,
    override,
    section,
    sections,
    sections_below,
    sections_of,
)
from bridge_common.settings.kinds import Flag, Integer

# ruff: noqa: RUF009  # a declaration makes a dataclass field, which is a call


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamp:
    on: bool = key(Flag(), default=True, prose="Whether it is lit.", example="false")
    watts: int = key(Integer(1, 99), default=9, prose="Its power.", example="7", required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    lamps: tuple[Lamp, ...] = sections(Lamp, "lamp", "Every lamp.")
    door: Lamp = section(Lamp, "door", "The lamp at the door.")


def test_the_declarations_of_a_class_are_listed_in_order() -> None:
    assert list(keys_of(Lamp).items()) == [
        ("on", Key(Flag(), True, "Whether it is lit.", "false", required=False)),
        ("watts", Key(Integer(1, 99), 9, "Its power.", "7", required=True)),
    ]
    assert list(sections_of(House).items()) == [
        ("lamps", Section("lamp", Lamp, "Every lamp.", repeated=True)),
        ("door", Section("door", Lamp, "The lamp at the door.", repeated=False)),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    watts: int | None = override(Integer(1, 99), prose="The power here.", example="5")


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    watts: int = key(Integer(1, 99), default=9, prose="Its power.", example="7")
    rooms: tuple[Room, ...] = sections(Room, "room", "Every room.")
    stairs: House = section(House, "stairs", "Where one comes from.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tower:
    floors: tuple[Floor, ...] = sections(Floor, "floor", "Every floor.")
    top: Lamp = section(Lamp, "top", "The one that is seen.")


def test_a_section_may_have_keys_and_sections() -> None:
    assert list(keys_of(Floor)) == ["watts"]
    assert list(sections_of(Floor)) == ["rooms", "stairs"]
    assert [(name, about.declared) for name, about in sections_below(Tower)] == [
        ("floor", Floor),
        ("floor.room", Room),
        ("floor.stairs", House),
        ("floor.stairs.lamp", Lamp),
        ("floor.stairs.door", Lamp),
        ("top", Lamp),
    ]


def test_a_key_that_may_be_as_in_the_section_around_is_none_by_default() -> None:
    about = Key(Integer(1, 99), None, "The power here.", "5", required=False)
    assert keys_of(Room) == {"watts": about}
    assert Room().watts is None


def test_a_declared_class_is_a_dataclass_with_the_declared_defaults() -> None:
    assert Lamp(watts=7).on is True
    assert House(door=Lamp(watts=1)).lamps == ()


def test_a_required_key_has_no_default() -> None:
    with pytest.raises(TypeError, match="watts"):
        Lamp()
