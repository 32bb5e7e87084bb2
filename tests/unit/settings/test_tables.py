"""From tables to declared sections: what is right, and everything that is wrong at once."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from bridge_common.errors import Problem
from bridge_common.secret import Secret
from bridge_common.settings.declaration import key, override, section, sections
from bridge_common.settings.findings import Findings
from bridge_common.settings.kinds import Flag, Integer, SecretReference, Text
from bridge_common.settings.tables import read_document, read_section
from bridge_common.settings.texts import word

# ruff: noqa: RUF009  # a declaration makes a dataclass field, which is a call


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    name: str = key(
        Text("one word", word), default="", prose="Its name.", example='"corp"', required=True
    )
    nested: bool = key(Flag(), default=False, prose="Whether it is.", example="true")
    bind_password: Secret = key(
        SecretReference(),
        default=Secret(b""),
        prose="The password.",
        example='"file:/etc/corp.secret"',
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    connections: int = key(Integer(1, 99), default=9, prose="How many.", example="50")
    retries: int = key(Integer(0, 9), default=1, prose="How often.", example="2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    limits: Limits = section(Limits, "limits", "Limits.")
    profiles: tuple[Profile, ...] = sections(Profile, "profile", "Profiles.")


def problems(document: dict[str, object]) -> list[str]:
    findings = Findings()
    read_document(Everything, document, findings)
    return [str(problem) for problem in findings.problems]


def test_an_empty_document_gives_the_defaults() -> None:
    findings = Findings()
    assert read_document(Everything, {}, findings) == Everything()
    assert findings == Findings()


def test_a_document_is_read_into_its_sections() -> None:
    document = {"profile": [{"name": "a"}, {"name": "b", "nested": True}], "limits": {"retries": 0}}
    findings = Findings()
    assert read_document(Everything, document, findings) == Everything(
        limits=Limits(connections=9, retries=0),
        profiles=(Profile(name="a"), Profile(name="b", nested=True)),
    )
    assert findings.problems == []


def test_every_problem_is_reported_at_once_each_with_its_path() -> None:
    assert problems(
        {
            "limits": {"connections": True, "retires": 3, "zzz": 1},
            "profile": [{"nested": 1, "name": "a b"}, {"name": "corp", "bindpassword": "x"}, {}],
        }
    ) == [
        "limits.retires: unknown key; did you mean retries?",
        "limits.zzz: unknown key",
        (
            "limits.connections: expected a whole number from 1 to 99, not true or false; "
            "for example: connections = 50"
        ),
        (
            'profile[1] "a b".name: "a b" is not one word of '
            "letters, digits, '.', '_' and '-'; "
            'for example: name = "corp"'
        ),
        (
            'profile[1] "a b".nested: expected true or false, not a whole number; '
            "for example: nested = true"
        ),
        'profile[2] "corp".bindpassword: unknown key; did you mean bind_password?',
        'profile[3].name: is missing; for example: name = "corp"',
    ]


def test_capitals_do_not_hide_which_key_was_meant() -> None:
    assert problems({"limits": {"RETRIES": 1}}) == [
        "limits.RETRIES: unknown key; did you mean retries?"
    ]


def test_a_key_that_is_there_already_was_not_meant() -> None:
    assert problems({"limits": {"retries": 1, "retrie": 1}}) == ["limits.retrie: unknown key"]


def test_a_misspelt_required_key_is_one_problem_not_two() -> None:
    assert problems({"profile": [{"nam": "corp"}]}) == [
        "profile[1].nam: unknown key; did you mean name?"
    ]


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"limits": 3}, "limits: expected a section: write [limits]"),
        ({"limits": [{}]}, "limits: expected a section: write [limits]"),
        (
            {"profile": {"name": "a"}},
            "profile: expected an array of sections: write [[profile]], with two brackets",
        ),
        ({"profile": [3]}, "profile[1]: expected a section: write [[profile]]"),
        ({"profiles": [{"name": "a"}]}, "profiles: unknown section; did you mean profile?"),
        ({"zzz": {}}, "zzz: unknown section"),
        ({"a.b\n": 1}, '"a.b\\n": unknown section'),
        ({"limits": {"a.b\n": 1}}, 'limits."a.b\\n": unknown key'),
    ],
)
def test_a_section_of_the_wrong_shape_or_name_is_a_problem(
    document: dict[str, object], problem: str
) -> None:
    assert problems(document) == [problem]


@pytest.mark.parametrize(
    ("document", "unsettled"),
    [
        ({"limit": {}}, {"limit", "limits", "limits.connections", "limits.retries"}),
        ({"limits": 3}, {"limits", "limits.connections", "limits.retries"}),
        ({"limits": {"retrys": 3}}, {"limits.retrys", "limits.retries"}),
        ({"profile": 3}, {"profile"}),
        ({"profile": [3]}, {"profile", "profile[1]"}),
        ({"profile": [{}]}, {"profile[1].name"}),
    ],
)
def test_where_a_default_stands_in_is_remembered(
    document: dict[str, object], unsettled: set[str]
) -> None:
    findings = Findings()
    read_document(Everything, document, findings)
    assert unsettled <= findings.unsettled
    assert findings.unsettled <= unsettled | {"profile.name", "profile.nested"}


def test_a_secret_is_resolved(tmp_path: Path) -> None:
    path = tmp_path / "corp.secret"
    path.write_bytes(b"pa55\n")
    path.chmod(0o640)
    findings = Findings()
    table = {"name": "corp", "bind_password": f"file:{path}"}
    profile = read_section(Profile, table, "profile[1]", findings)
    assert profile.bind_password == Secret(b"pa55")
    assert findings == Findings()


def test_a_secret_in_the_settings_themselves_is_a_warning_that_does_not_show_it() -> None:
    findings = Findings(labels={"profile[1]": 'profile[1] "corp"'})
    table = {"name": "corp", "bind_password": "pa55"}
    assert read_section(Profile, table, "profile[1]", findings).bind_password == Secret(b"pa55")
    message = "the secret itself is in the settings; put it in a file and write file:/path"
    assert findings.warnings == [Problem('profile[1] "corp".bind_password', message)]
    assert findings.problems == []


def test_a_secret_that_cannot_be_read_is_a_problem() -> None:
    table: dict[str, object] = {"name": "corp", "bind_password": "file:/nowhere"}
    assert problems({"profile": [table]}) == [
        (
            'profile[1] "corp".bind_password: "/nowhere" cannot be read: '
            "No such file or directory; "
            'for example: bind_password = "file:/etc/corp.secret"'
        )
    ]


def test_a_secret_of_the_wrong_type_is_not_shown() -> None:
    [problem] = problems({"profile": [{"name": "corp", "bind_password": 472911}]})
    assert "expected a secret" in problem
    assert "472911" not in problem


def test_an_empty_reference_is_no_secret_and_no_problem() -> None:
    findings = Findings()
    read = read_section(Profile, {"name": "a", "bind_password": ""}, "x", findings)
    assert read.bind_password == Secret(b"")
    assert findings == Findings()


# Sections within a section


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    name: str = key(
        Text("one word", word), default="", prose="Its name.", example='"front"', required=True
    )
    locks: int | None = override(Integer(0, 9), prose="How many.", example="2")


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    locks: int = key(Integer(0, 9), default=1, prose="How many.", example="2")
    doors: tuple[Door, ...] = sections(Door, "door", "Doors.")
    limits: Limits = section(Limits, "limits", "Limits.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Street:
    house: House = section(House, "house", "The house.")


def read_street(document: dict[str, object]) -> tuple[Street, Findings]:
    findings = Findings()
    return read_document(Street, document, findings), findings


def test_sections_within_a_section_are_read() -> None:
    house: dict[str, object] = {
        "door": [{"name": "front", "locks": 3}, {"name": "back"}],
        "locks": 2,
        "limits": {"retries": 0},
    }
    street, findings = read_street({"house": house})
    assert findings.problems == []
    assert street == Street(
        house=House(
            locks=2,
            doors=(Door(name="front", locks=3), Door(name="back", locks=None)),
            limits=Limits(retries=0),
        )
    )
    assert read_street({"house": {}}) == (Street(), Findings())


def test_what_is_wrong_within_a_section_of_a_section_is_told_with_its_whole_path() -> None:
    door: list[object] = [{"name": "front", "locks": "x"}, {"lock": 1}, 3]
    _, findings = read_street({"house": {"door": door, "limits": [], "dor": 1, "locsk": 1}})
    assert [str(problem) for problem in findings.problems] == [
        "house.dor: unknown key",
        "house.locsk: unknown key; did you mean locks?",
        (
            'house.door[1] "front".locks: expected a whole number from 0 to 9, not a string; '
            "for example: locks = 2"
        ),
        "house.door[2].lock: unknown key; did you mean locks?",
        'house.door[2].name: is missing; for example: name = "front"',
        "house.door[3]: expected a section: write [[house.door]]",
        "house.limits: expected a section: write [house.limits]",
    ]


LIMITS = {"house.limits", "house.limits.connections", "house.limits.retries"}


@pytest.mark.parametrize(
    ("house", "problem", "unsettled"),
    [
        (
            {"door": {"name": "front"}},
            "house.door: expected an array of sections: write [[house.door]], with two brackets",
            {"house.door"},
        ),
        (
            {"doors": [{"name": "front"}]},
            "house.doors: unknown section; did you mean door?",
            {"house.doors", "house.door", "house.door.name", "house.door.locks"},
        ),
        (
            {"limit": {}},
            "house.limit: unknown section; did you mean limits?",
            {"house.limit", *LIMITS},
        ),
        ({"limits": 1}, "house.limits: expected a section: write [house.limits]", LIMITS),
        (
            {"lock": 1},
            "house.lock: unknown key; did you mean locks?",
            {"house.lock", "house.locks"},
        ),
    ],
)
def test_a_section_within_a_section_stands_by_its_default_when_it_is_wrong(
    house: dict[str, object], problem: str, unsettled: set[str]
) -> None:
    street, findings = read_street({"house": house})
    assert street == Street()
    assert [str(each) for each in findings.problems] == [problem]
    assert findings.unsettled == unsettled


def test_a_section_that_is_not_there_takes_those_within_it_along() -> None:
    _, findings = read_street({"hose": {}})
    doors = {"house.door", "house.door.name", "house.door.locks"}
    assert findings.unsettled == {"hose", "house", "house.locks", *doors, *LIMITS}
