"""What a login owns by being what it is."""

import pytest

from bridge_common.identity import Identity, LoginForm
from policyd.ownership.identity import owns_by_identity
from policyd.ownership.interface import Scope

ALICE = Identity("alice", "example.com", LoginForm.ADDRESS)

OWN = "it is the login's own address"
DOMAIN = "it is of the login's own domain, and match_scope is domain"


@pytest.mark.parametrize(
    ("forms", "scope", "how"),
    [
        (("alice@example.com",), "address", OWN),
        (("alice@example.com",), "domain", OWN),
        (("alice+x@example.com", "alice@example.com"), "address", OWN),
        (("alice+x@example.com",), "address", ""),
        (("alice+x@example.com",), "domain", DOMAIN),
        (("bob@example.com",), "address", ""),
        (("bob@example.com",), "domain", DOMAIN),
        (("alice@sub.example.com",), "domain", ""),
        (("alice@com",), "domain", ""),
        (("alice@xexample.com",), "domain", ""),
        (("alice@example.com@evil.org",), "domain", ""),
        (("victim@evil.org@example.com",), "domain", DOMAIN),
        (("alice@example.net",), "address", ""),
    ],
)
def test_a_login_owns_its_address_and_if_the_scope_is_that_its_domain(
    forms: tuple[str, ...], scope: Scope, how: str
) -> None:
    assert owns_by_identity(ALICE, forms, scope) == how


@pytest.mark.parametrize("form", LoginForm)
def test_in_whatever_form_it_was_typed_it_is_the_same_address(form: LoginForm) -> None:
    login = Identity("alice", "example.com", form)
    assert owns_by_identity(login, ("alice@example.com",), "address") == OWN


def test_a_login_with_a_delimiter_owns_what_it_is_and_nothing_shorter() -> None:
    login = Identity("a+b", "example.com", LoginForm.ADDRESS)
    assert owns_by_identity(login, ("a+b@example.com", "a@example.com"), "address") == OWN
    assert not owns_by_identity(login, ("a@example.com",), "address")
    assert not owns_by_identity(login, ("a+b+c@example.com", "a@example.com"), "address")
