"""What is found while settings are read."""

from bridge_common.errors import Problem
from bridge_common.settings.findings import Finding, Findings


def test_a_label_is_added_to_the_first_part_of_a_path() -> None:
    findings = Findings(labels={"server[2]": 'server[2] "backup"'})
    findings.refuse("server[2].port", "is wrong")
    findings.refuse("server[1].port", "is wrong")
    findings.warn("server[2]", "is doubtful")
    assert findings.problems == [
        Problem('server[2] "backup".port', "is wrong"),
        Problem("server[1].port", "is wrong"),
    ]
    assert findings.warnings == [Problem('server[2] "backup"', "is doubtful")]


def test_the_label_of_a_section_within_a_section_is_its_own() -> None:
    findings = Findings(labels={"a": "A", "a.b[1]": 'a.b[1] "x"', "a.b[1].c[2]": "deep"})
    for path in ("a.d", "a.b[1].d", "a.b[11].d", "a.b[1].c[2].d", "ab.d"):
        findings.refuse(path, "is wrong")
    assert [problem.path for problem in findings.problems] == [
        "A.d",
        'a.b[1] "x".d',
        "A.b[11].d",
        "deep.d",
        "ab.d",
    ]


def test_nothing_is_concluded_from_a_stand_in() -> None:
    findings = Findings()
    findings.refuse("a.b", "is wrong")
    findings.unsettled.add("c.d")
    findings.conclude(
        [
            Finding("a.b", "one"),
            Finding("c.d", "two"),
            Finding("e.f", "three", ("g.h", "a.b")),
            Finding("e.f", "four", ("g.h",)),
            Finding("g.h", "five"),
        ]
    )
    assert findings.problems[1:] == [Problem("e.f", "four"), Problem("g.h", "five")]
