"""Under which keys an address is looked up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyd.ownership.keys import keys_of, without_extension


@pytest.mark.parametrize(
    ("address", "delimiters", "keys"),
    [
        ("alice@example.com", "+", ("alice@example.com", "@example.com", "*")),
        (
            "alice+x@example.com",
            "+",
            ("alice+x@example.com", "alice@example.com", "@example.com", "*"),
        ),
        ("alice+x@example.com", "", ("alice+x@example.com", "@example.com", "*")),
        ("a@sub.example.com", "+", ("a@sub.example.com", "@sub.example.com", "*")),
        ("victim@example.com@evil.org", "+", ("victim@example.com@evil.org", "@evil.org", "*")),
        ("", "+", ()),
    ],
)
def test_the_most_specific_key_comes_first_and_no_parent_domain_is_one(
    address: str, delimiters: str, keys: tuple[str, ...]
) -> None:
    assert keys_of(address, delimiters) == keys


def test_of_myorigin_the_bare_names_come_behind_the_addresses() -> None:
    """mail_addr_find.c."""
    assert keys_of("alice+x@example.com", "+", "example.com") == (
        "alice+x@example.com",
        "alice@example.com",
        "alice+x@",
        "alice@",
        "@example.com",
        "*",
    )
    assert keys_of("alice@example.net", "+", "example.com") == (
        "alice@example.net",
        "@example.net",
        "*",
    )


@pytest.mark.parametrize(
    ("address", "delimiters", "plain"),
    [
        ("alice+x@example.com", "+", "alice@example.com"),
        ("alice+@example.com", "+", "alice@example.com"),
        ("alice+x+y@example.com", "+", "alice@example.com"),
        ("alice-x+y@example.com", "+-", "alice@example.com"),
        ("alice+x-y@example.com", "-+", "alice@example.com"),
        ("alice-x@example.com", "+", "alice-x@example.com"),
        ("+x@example.com", "+", "+x@example.com"),
        ("+x+y@example.com", "+", "+x+y@example.com"),
        ("-x+y@example.com", "+-", "-x+y@example.com"),
        ("alice@example.com", "", "alice@example.com"),
        ("alice@ex-ample.com", "-", "alice@ex-ample.com"),
        ("a+b@c+d@example.com", "+", "a@example.com"),
        ("owner-list@example.com", "-", "owner-list@example.com"),
        ("owner-list+x@example.com", "+-", "owner-list+x@example.com"),
        ("owner-list+x@example.com", "+", "owner-list@example.com"),
        ("list-request@example.com", "-", "list-request@example.com"),
        ("list-requests@example.com", "-", "list@example.com"),
        ("mailer-daemon@example.com", "-", "mailer-daemon@example.com"),
        ("double-bounce@example.com", "-", "double-bounce@example.com"),
        ("double-bounces@example.com", "-", "double@example.com"),
    ],
)
def test_an_extension_is_split_off_as_split_addr_does(
    address: str, delimiters: str, plain: str
) -> None:
    assert without_extension(address, delimiters) == plain


ADDRESSES = st.builds(
    "{}@{}".format,
    st.text("ab+-@.", min_size=1, max_size=12),
    st.text("ab-.", min_size=1, max_size=8),
)
DELIMITERS = st.text("+-.", max_size=3)


@given(ADDRESSES, DELIMITERS, st.sampled_from(["", "a.b", "ab"]))
def test_keys_are_the_address_first_each_once_and_of_its_own_domain_only(
    address: str, delimiters: str, myorigin: str
) -> None:
    keys = keys_of(address, delimiters, myorigin)
    domain = address.rpartition("@")[2]
    assert keys[0] == address
    assert keys[-2:] == (f"@{domain}", "*")
    assert len(set(keys)) == len(keys)
    ends = {key.rpartition("@")[2] for key in keys[:-1]}
    assert ends == ({domain, ""} if domain == myorigin else {domain})


@given(ADDRESSES, DELIMITERS)
def test_what_has_no_extension_any_more_stays_as_it_is(address: str, delimiters: str) -> None:
    plain = without_extension(address, delimiters)
    assert without_extension(plain, delimiters) == plain
    local = plain.rpartition("@")[0]
    assert local
    assert address.startswith(local)


@given(ADDRESSES)
def test_without_delimiters_there_are_no_extensions(address: str) -> None:
    assert without_extension(address, "") == address
