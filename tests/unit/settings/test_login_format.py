"""How a login is written for one server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.settings.login_format import expand_login, login_format, tells_domains_apart


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("{login}", "alice@example.com"),
        ("{local}", "alice"),
        ("{local}+{domain}", "alice+example.com"),
        ("CORP\\{local}", "CORP\\alice"),
        ("{login}*{login} 100%s", "alice@example.com*alice@example.com 100%s"),
    ],
)
def test_placeholders_are_filled_in(text: str, expanded: str) -> None:
    assert login_format(text) == text
    login = "alice@example.com"
    assert expand_login(text, login=login, local="alice", domain="example.com") == expanded


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{user}", "only {login}, {local} and {domain} may stand in braces"),
        ("{login", "may stand in braces"),
        ("login}", "may stand in braces"),
        ("{{login}}", "may stand in braces"),
        ("{login!r}", "may stand in braces"),
        ("{login.__class__}", "may stand in braces"),
        ("{}{login}", "may stand in braces"),
        ("", "must hold {login} or {local}"),
        ("shared", "must hold {login} or {local}"),
        ("{domain}", "must hold {login} or {local}"),
        ("{login}\r\n", "holds a control character"),
    ],
)
def test_what_is_no_login_format_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        login_format(text)


@given(st.text(), st.text(), st.text())
def test_a_login_that_looks_like_a_placeholder_stays_what_it_is(
    login: str, local: str, domain: str
) -> None:
    text = "{local}|{login}|{domain}"
    expected = f"{local}|{login}|{domain}"
    assert expand_login(text, login=login, local=local, domain=domain) == expected


def test_expansion_is_a_single_pass() -> None:
    expanded = expand_login("{local}", login="x", local="{login}\\1{domain}", domain="y")
    assert expanded == "{login}\\1{domain}"


def test_only_the_local_part_alone_mixes_domains_up() -> None:
    formats = ["{login}", "{local}", "{local}-{domain}", "x{local}"]
    assert [tells_domains_apart(text) for text in formats] == [True, False, True, False]
