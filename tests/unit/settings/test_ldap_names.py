"""Names in a directory: which texts are some."""

import pytest

from bridge_common.settings.ldap_names import (
    attribute,
    bind_name,
    bind_template,
    distinguished_name,
)


@pytest.mark.parametrize("text", ["mail", "x-Mail2", "proxyAddresses"])
def test_an_attribute_has_a_short_name(text: str) -> None:
    assert attribute(text) == text


@pytest.mark.parametrize("text", ["2.5.4.3", "0.9.2342.19200300.100.1.3"])
def test_its_number_is_refused_since_servers_answer_with_the_name(text: str) -> None:
    with pytest.raises(ValueError, match=f'^"{text}" is the number of an attribute: write its'):
        attribute(text)


@pytest.mark.parametrize(
    "text", ["", "2mail", "ma il", "mail;binary", "mail=", "2", "2.", "_x", "mäil", "mail\n"]
)
def test_what_is_no_attribute_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not the name of an attribute"):
        attribute(text)


@pytest.mark.parametrize(
    "text",
    [
        "DC=example,DC=com",
        "UID=jsmith,DC=example,DC=net",
        "OU=Sales+CN=J.  Smith,DC=example,DC=net",
        r"CN=James \"Jim\" Smith\, III,DC=example,DC=net",
        r"CN=Before\0dAfter,DC=example,DC=net",
        "1.3.6.1.4.1.1466.0=#04024869",
        r"CN=Lu\C4\8Di\C4\87,O=Bücher = mehr",
        "CN=gateway, OU=Service + L=Wien, DC=example",
        r"CN=\#a\ ,CN=\ \=\\",
    ],
)
def test_a_distinguished_name_is_one_of_rfc_4514(text: str) -> None:
    assert distinguished_name(text) == text
    assert bind_name(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "example.com",
        "DC=",
        "=example",
        "DC=example,",
        ",DC=example",
        "DC=example,,DC=com",
        "DC=example;DC=com",
        "CN=a<b",
        'CN="a"',
        "CN=#4",
        "CN=#zz",
        "CN=a\\",
        "CN=a\\x",
        "CN=a+b",
        "_x=a",
        "C N=a",
    ],
)
def test_what_is_no_distinguished_name_is_refused(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"is not a distinguished name such as .*; in a value, each"
    ):
        distinguished_name(text)


def test_a_long_name_is_read_at_once() -> None:
    text = "CN=" + " " * 20000 + ",CN"
    with pytest.raises(ValueError, match="is not a distinguished name"):
        distinguished_name(text)


@pytest.mark.parametrize("text", ["gateway@example.com", "CORP\\gateway"])
def test_active_directory_knows_accounts_by_other_names_too(text: str) -> None:
    assert bind_name(text) == text


def test_a_name_with_an_equals_sign_is_a_distinguished_one() -> None:
    with pytest.raises(ValueError, match="is not a distinguished name"):
        bind_name("CN=gateway,example.com")
    with pytest.raises(ValueError, match="control character"):
        bind_name("gate\nway")


@pytest.mark.parametrize(
    "text",
    [
        "{login}",
        "CORP\\{local}",
        "{local}@corp.example.com",
        "uid={local},ou=people,dc=example,dc=com",
        "mail={login}+o={domain},dc=com",
        r"cn=a\, {local},dc=com",
    ],
)
def test_a_template_is_a_plain_name_or_a_distinguished_one(text: str) -> None:
    assert bind_template(text) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("uid=alice,dc=com", "must hold {login} or {local}"),
        ("{domain}", "must hold {login} or {local}"),
        ("uid={dn}", "may stand in braces"),
        ("{local}=x,dc=com", "with placeholders in its values"),
        ("uid={local},{domain}", "with placeholders in its values"),
        ("x{local}=a,dc=com", "with placeholders in its values"),
        (r"uid=\{local},dc=com", "with placeholders in its values"),
        (r"uid=\4{local},dc=com", "with placeholders in its values"),
        ("uid=#{local},dc=com", "with placeholders in its values"),
        ("uid={local},", "with placeholders in its values"),
    ],
)
def test_what_is_no_template_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bind_template(text)
