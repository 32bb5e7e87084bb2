"""Answers in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.directory.codec import Done
from bridge_common.directory.words import is_a_no, is_about_the_account, words_for
from bridge_common.secret import Secret

PASSWORD = Secret(b"correct horse")
WITHHELD = "(text withheld, it repeats the password)"


def from_a_domain_controller(data: str) -> Done:
    text = f"80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {data}"
    return Done(49, "Invalid credentials", f"{text}, v1db1")


@pytest.mark.parametrize(
    ("data", "words", "about_the_account"),
    [
        ("525", "no such account", False),
        ("52e", "wrong login or password", False),
        ("530", "logging in is not allowed at this time", True),
        ("531", "logging in is not allowed from this machine", True),
        ("532", "the password has expired", True),
        ("533", "the account is disabled", True),
        ("701", "the account has expired", True),
        ("773", "the password must be changed first", True),
        ("775", "the account is locked", True),
    ],
)
def test_why_active_directory_refuses(data: str, words: str, about_the_account: bool) -> None:
    done = from_a_domain_controller(data)
    assert words_for(done, PASSWORD) == f"{words} (data {data})"
    assert is_a_no(done)
    assert is_about_the_account(done) == about_the_account


def test_a_domain_controller_that_reaches_nobody_says_no_no() -> None:
    done = from_a_domain_controller("51f")
    words = "the domain controller reaches nobody who knows the account (data 51f)"
    assert words_for(done, PASSWORD) == words
    assert not is_a_no(done)


@pytest.mark.parametrize(
    "done",
    [
        from_a_domain_controller("52f"),
        from_a_domain_controller("0"),
        Done(49, "Invalid credentials", "metadata 52e, x"),
        Done(49, "Invalid credentials", "data 52e"),
        Done(53, "Server is unwilling to perform", "error, data 52e, v1db1"),
    ],
)
def test_other_texts_are_shown_as_they_are(done: Done) -> None:
    assert words_for(done, PASSWORD) == f"{done.name} ({done.code}): {done.diagnostic}"


@pytest.mark.parametrize(
    "done",
    [
        Done(49, "Invalid credentials", ""),
        Done(49, "Invalid credentials", "the account is locked (data 775)"),
        Done(53, "Server is unwilling to perform", from_a_domain_controller("533").diagnostic),
        from_a_domain_controller("51f"),
    ],
)
def test_only_what_active_directory_says_so_is_about_the_account(done: Done) -> None:
    assert not is_about_the_account(done)


@pytest.mark.parametrize("code", [8, 13])
def test_a_server_that_wants_tls(code: int) -> None:
    words = words_for(Done(code, "Required", "BindSimple: correct horse"), PASSWORD)
    assert words == f'the server wants TLS: set security = "ssl" or "tls" (Required, {code})'


@pytest.mark.parametrize(
    ("diagnostic", "shown"),
    [
        ("", ""),
        ("  \r\n ", ""),
        ("two\r\nlines\tof  text", ": two lines of text"),
        ("\x1b[31mred\x07", ": ?[31mred?"),
        ("password correct horse is wrong", f": {WITHHELD}"),
        ("Y29ycmVjdCBob3JzZQ==", f": {WITHHELD}"),
        ("correct%20horse", f": {WITHHELD}"),
    ],
)
def test_a_servers_text(diagnostic: str, shown: str) -> None:
    assert words_for(Done(49, "Invalid credentials", diagnostic), PASSWORD) == (
        f"Invalid credentials (49){shown}"
    )


def test_where_no_password_was_said_none_is_looked_for() -> None:
    assert words_for(Done(1, "Error", "correct horse"), None) == "Error (1): correct horse"


@given(st.integers(0, 130), st.text(), st.text())
def test_words_are_fit_for_a_log(code: int, name: str, text: str) -> None:
    words = words_for(Done(code, "Name", f"{name} correct horse {text}"), PASSWORD)
    assert words.isprintable()
    assert len(words) <= 200
    assert "correct horse" not in words


@given(st.integers(0, 130).filter(lambda code: code != 49), st.sampled_from(["52e", "51f"]))
def test_only_invalid_credentials_are_a_no(code: int, data: str) -> None:
    assert not is_a_no(Done(code, "Name", from_a_domain_controller(data).diagnostic))
    assert is_a_no(Done(49, "Invalid credentials", "no"))
