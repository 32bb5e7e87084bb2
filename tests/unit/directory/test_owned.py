"""The addresses that an entry owns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.directory.owned import addresses_in, owned_in
from bridge_common.directory.results import Entry


def owned(*values: str) -> tuple[str, ...]:
    return addresses_in(Entry("cn=a", {"mail": values}), ["mail"])


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("alice@example.com", "alice@example.com"),
        (" Alice@Example.COM ", "alice@example.com"),
        ("SMTP:Alice@example.com", "alice@example.com"),
        ("smtp:a.smith@example.com", "a.smith@example.com"),
        ("smtp: a.smith@example.com", "a.smith@example.com"),
        ("alice+x@example.com", "alice+x@example.com"),
        ("jürgen@bücher.example", "jürgen@xn--bcher-kva.example"),
        ("ju\u0308rgen@example.com", "jürgen@example.com"),
        ("o'neil@example.com", "o'neil@example.com"),
    ],
)
def test_addresses(value: str, address: str) -> None:
    assert owned(value) == (address,)


@pytest.mark.parametrize(
    "value",
    [
        "X500:/o=Example/ou=x/cn=alice@example.com",
        "x400:c=us;a= ;p=Example;o=x;s=alice@example.com",
        "SIP:alice@example.com",
        "sip+tls:alice@example.com",
        "smtp:",
        "alice",
        "@example.com",
        "smtp:@example.com",
        "alice@",
        "Alice <alice@example.com>",
        "alice@exa mple.com",
        "",
    ],
)
def test_what_is_no_address_of_theirs(value: str) -> None:
    assert owned(value) == ()


def test_the_attributes_are_read_in_their_order_and_each_address_is_there_once() -> None:
    values = {
        "mail": ("alice@example.com",),
        "proxyaddresses": ("smtp:a.smith@example.com", "SMTP:Alice@example.com"),
        "info": ("other@example.com",),
    }
    entry = Entry("cn=alice", values)
    assert addresses_in(entry, ["mail", "proxyAddresses", "missing"]) == (
        "alice@example.com",
        "a.smith@example.com",
    )
    assert addresses_in(entry, ["proxyAddresses"]) == ("a.smith@example.com", "alice@example.com")
    assert addresses_in(entry, []) == ()


@pytest.mark.parametrize(("number", "whole"), [(999, True), (1000, True), (1001, False)])
def test_of_several_entries_a_thousand_values_are_read_whatever_they_are(
    number: int, whole: bool
) -> None:
    others = Entry("cn=b", {"mail": ("SIP:x",) * (number - 1)})
    entries = [Entry("cn=a", {"mail": ("a@example.com",)}), others]
    assert owned_in(entries, ["mail"]) == (("a@example.com",), whole)
    last = [others, Entry("cn=a", {"mail": ("a@example.com",)})]
    assert owned_in(last, ["mail"]) == (("a@example.com",) if whole else (), whole)


@given(st.lists(st.text() | st.from_regex(r"(smtp:|sip:)?[^@]{0,5}@[a-z.]{1,6}", fullmatch=True)))
def test_whatever_a_directory_holds(values: list[str]) -> None:
    """Each is an address with a domain, and reading it again changes nothing."""
    found = owned(*values)
    assert len(set(found)) == len(found) <= len(values)
    for address in found:
        local, _, domain = address.rpartition("@")
        assert local
        assert domain.isascii()
