"""Which texts may say how a login is written for one server."""

import pytest

from bridge_common.settings.login_format import login_format


@pytest.mark.parametrize(
    "text",
    [
        "{login}",
        "{local}",
        "{local}+{domain}",
        "CORP\\{local}",
        "{login}*{login} 100%s",
        "ü{login}",
    ],
)
def test_a_login_format_holds_placeholders_and_other_text(text: str) -> None:
    assert login_format(text) == text


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
