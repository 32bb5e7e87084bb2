"""Section `[restraint]`: what it refuses, and what is doubtful in it."""

import pytest

from bridge_common.errors import SettingsError
from bridge_common.settings.read import parse_settings
from bridge_common.settings.restraint import Restraint, doubts_about_restraint


def doubts(**changes: object) -> list[str]:
    """Return what is doubtful with these values."""
    restraint = Restraint(**changes)  # type: ignore[arg-type]  # any key
    return [f"{finding.path}: {finding.message}" for finding in doubts_about_restraint(restraint)]


def test_everything_has_a_default_without_doubts() -> None:
    assert doubts() == []
    assert doubts(mode="off") == []
    assert doubts(mode="enforce") == []


def test_a_mode_without_any_limit_does_nothing() -> None:
    unlimited = dict.fromkeys(
        ("failures_per_address", "failing_logins_per_address", "addresses_per_login"), 0
    )
    [doubt] = doubts(**unlimited)
    assert doubt == (
        "restraint.mode: has no effect: failures_per_address, failing_logins_per_address "
        "and addresses_per_login are 0"
    )
    assert doubts(**unlimited, mode="off") == []
    assert doubts(**(unlimited | {"addresses_per_login": 1})) == []


def test_exempting_every_address_leaves_nobody_to_count() -> None:
    [doubt] = doubts(exempt_networks=("192.0.2.1/32", "0.0.0.0/0"))
    assert doubt == "restraint.exempt_networks: 0.0.0.0/0 is every address: none of them is counted"


def test_networks_are_written_as_trusted_networks_are() -> None:
    text = '[restraint]\nexempt_networks = ["[2001:db8::]/32", "192.0.2.1"]'
    settings = parse_settings(text).settings
    assert settings.restraint.exempt_networks == ("2001:db8::/32", "192.0.2.1/32")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("interval = 0", "must be longer than nothing"),
        ('block_for = "0s"', "must be longer than nothing"),
        ("failures_per_address = 1001", "must be a whole number from 0 to 1000"),
        ("failing_logins_per_address = -1", "must be a whole number from 0 to 1000"),
        ("addresses_per_login = true", "expected a whole number from 0 to 1000, not true or false"),
        ('mode = "on"', '"on" is not one of "off", "monitor", "enforce"'),
    ],
)
def test_what_makes_no_sense_is_refused(line: str, problem: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_settings(f"[restraint]\n{line}")
    [found] = refused.value.problems
    message, _, example = found.message.partition("; for example: ")
    assert message == problem
    assert parse_settings(f"[restraint]\n{example}").warnings == ()
