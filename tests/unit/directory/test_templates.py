"""Logins in filters and names: nothing there but a value, which libldap reads as it was meant."""

import ldap.dn
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lab.fake_ldap import requests_in

from bridge_common.directory.codec import Codec, Search
from bridge_common.directory.templates import fill_bind_name, fill_filter, values_of
from bridge_common.identity import Identity, LoginForm
from bridge_common.secret import Secret

FILTER = "(&(objectClass=person)(mail={login}))"
DN = "uid={local},ou=people,dc=example,dc=com"

# What UTF-8 has; a DN with NUL is refused before it is said.
characters = st.characters(blacklist_categories=["Cs"])
texts = st.text(st.sampled_from('*()\\,+"<>;=# \0a{}&|!~:/é') | characters, min_size=1)


def test_the_placeholders_of_a_login() -> None:
    identity = Identity("alice", "example.com", LoginForm.BARE)
    assert values_of(identity) == {
        "login": "alice@example.com",
        "local": "alice",
        "domain": "example.com",
    }


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("alice@example.com", "alice@example.com"),
        ("*", r"\2a"),
        ("a)(uid=*", r"a\29\28uid=\2a"),
        (r"\2a", r"\5c2a"),
        ("a\0b", r"a\00b"),
        ("{local}", "{local}"),
        ("é", "é"),
    ],
)
def test_in_a_filter(value: str, escaped: str) -> None:
    assert fill_filter("(mail={login})", {"login": value, "local": "x"}) == f"(mail={escaped})"


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("alice", "alice"),
        ("a,b", r"a\,b"),
        ("a+cn=b", r"a\+cn\=b"),
        ('a"b', r"a\"b"),
        ("a\\b", r"a\\b"),
        ("<a>;", r"\<a\>\;"),
        (" a ", r"\ a\ "),
        (" ", r"\ "),
        ("#a#", r"\#a#"),
        ("a\0b", r"a\00b"),
        ("\na\x1f", r"\0aa\1f"),
    ],
)
def test_in_a_distinguished_name(value: str, escaped: str) -> None:
    values = {"local": value}
    assert fill_bind_name(DN, values) == f"uid={escaped},ou=people,dc=example,dc=com"


@pytest.mark.parametrize("value", ["alice@example.com", "a,b", r"a\b"])
def test_a_name_that_is_no_dn_has_nothing_to_escape(value: str) -> None:
    assert fill_bind_name("{login}", {"login": value}) == value
    assert fill_bind_name(r"CORP\{login}", {"login": value}) == rf"CORP\{value}"


@given(texts)
@example("*)(objectClass=*")
def test_a_value_stays_one_in_a_filter(value: str) -> None:
    """Read as bytes by the server, it is what was typed, in the place where it belongs."""
    codec = Codec()
    try:
        request = codec.search(Search("", "base", fill_filter(FILTER, {"login": value})))
    finally:
        codec.close()
    (read,) = requests_in(request)
    *_, both, _ = read.elements
    start = both.index(b"\x04\x04mail\x04") + 7
    length, rest = both[start], both[start + 1 :]
    if length & 0x80:
        rest = rest[length & 0x7F :]
    assert rest == value.encode()


@given(texts.filter(lambda value: "\0" not in value))
def test_a_value_stays_one_in_a_name(value: str) -> None:
    parts = ldap.dn.str2dn(fill_bind_name(DN, {"local": value}))
    assert [[(name, text) for name, text, _ in part] for part in parts] == [
        [("uid", value)],
        [("ou", "people")],
        [("dc", "example")],
        [("dc", "com")],
    ]


def test_a_name_is_said_as_it_is() -> None:
    codec = Codec()
    name = fill_bind_name(DN, {"local": 'ü,"x'})
    (read,) = requests_in(codec.bind(name, Secret(b"\xff\0")))
    codec.close()
    assert read.elements == (b"\x03", name.encode(), b"\xff\0")
