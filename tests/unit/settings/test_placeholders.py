"""Placeholders in texts that are filled in for each login."""

import pytest

from bridge_common.settings.placeholders import (
    placeholders_in,
    refuse_others,
    tells_domains_apart,
    with_stand_ins,
)


def test_placeholders_are_found_and_stood_in_for() -> None:
    text = "{local}+{domain}{local}\\1"
    assert placeholders_in(text) == {"local", "domain"}
    assert with_stand_ins(text, "\\1") == "\\1+\\1\\1\\1"


@pytest.mark.parametrize(
    "text", ["{dn}", "{", "}", "{{login}}", "{login}}", "{}", "{Login}", "{a b}"]
)
def test_nothing_else_may_be_in_braces(text: str) -> None:
    with pytest.raises(ValueError, match=r"only {login} and {local} may stand in braces"):
        refuse_others(text, ("login", "local"))


def test_known_placeholders_and_other_text_are_let_pass() -> None:
    refuse_others("x{login} {local}y", ("login", "local"))


def test_only_the_local_part_alone_mixes_domains_up() -> None:
    formats = ["{login}", "{local}", "{local}-{domain}", "x{local}"]
    assert [tells_domains_apart(text) for text in formats] == [True, False, True, False]
