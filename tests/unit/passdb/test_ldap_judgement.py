"""Whose identity a right password has, by what the account's entry says."""

from typing import Any

import pytest

from bridge_common.directory.results import Entry
from bridge_common.identity import IdentityRules
from sasl_bridge.passdb.ldap import judge_account
from sasl_bridge.verdict import Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE

OURS = frozenset({"example.com", "example.org", "xn--mnchen-3ya.example"})
LOGIN = "alias@example.com"


def judge(*names: str, attribute: str = "mail", **rules: Any) -> tuple[Verdict, str, str]:
    """Judge an account with these names of its own."""
    entry = Entry("uid=alice,dc=example,dc=com", {"mail": names})
    identities = IdentityRules(**({"domains": OURS} | rules))
    return judge_account(entry, LOGIN, attribute, identities, ())


def test_without_identity_attribute_it_is_the_login() -> None:
    assert judge("alice@example.com", attribute="") == (ACCEPTED, LOGIN, "bound")


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("alice@example.com", "alice@example.com"),
        ("Alice@EXAMPLE.com", "alice@example.com"),
        ("alice@example.org", "alice@example.org"),
        ("alice@München.example", "alice@xn--mnchen-3ya.example"),
        ("alice@MU\u0308NCHEN.example", "alice@xn--mnchen-3ya.example"),
        ("alice@XN--MNCHEN-3YA.example", "alice@xn--mnchen-3ya.example"),
    ],
)
def test_the_accounts_own_name_is_the_identity_as_if_it_had_been_typed(
    name: str, identity: str
) -> None:
    assert judge(name) == (ACCEPTED, identity, "bound")


def test_the_attributes_name_is_written_in_any_case() -> None:
    assert judge("alice@example.com", attribute="Mail")[1] == "alice@example.com"


@pytest.mark.parametrize(
    ("names", "count"),
    [
        ((), "no value"),
        (("alice@example.com", "a.smith@example.com"), "2 values"),
        (("alice@example.com", "Alice@example.com"), "2 values"),
    ],
)
def test_an_account_without_a_single_name_is_trouble(names: tuple[str, ...], count: str) -> None:
    why = f"identity_attribute mail has {count}"
    assert judge(*names) == (UNAVAILABLE, LOGIN, why)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "the login is empty"),
        ("alice", "the login has no domain, and there is no default_domain"),
        ("@example.com", "the part before the @ is empty or holds another @ or \\"),
        ("alice@@example.com", "the part before the @ is empty or holds another @ or \\"),
        ("alice@", "the part after the @ is no domain name"),
        ("alice@exam ple.com", "the part after the @ is no domain name"),
        ("alice@example.com\n", "the login holds a control character"),
        ("\uff41lice@example.com", "the login holds a look-alike character"),
        ("o'neil@example.com", "the login holds a character that login_characters does not allow"),
        ("al\ufffdce@example.com", "the login holds a character that login_characters does not "),
        ("OTHER\\alice", "the login's Windows domain is not in windows_domains"),
        (f"{'a' * 250}@example.com", "the login is longer than 255 bytes"),
    ],
)
def test_a_name_that_is_no_login_is_trouble(name: str, why: str) -> None:
    verdict, identity, reason = judge(name)
    assert (verdict, identity) == (UNAVAILABLE, LOGIN)
    assert reason.startswith(f"identity_attribute mail is no login: {why}")


def test_a_name_outside_our_domains_is_a_no() -> None:
    why = "the account is alice@elsewhere.example, which is not ours"
    assert judge("Alice@elsewhere.example") == (REJECTED, LOGIN, why)


def test_a_name_of_ours_that_the_directory_does_not_serve_is_a_no() -> None:
    """One tenant's directory has no say about another tenant's addresses."""
    entry = Entry("uid=alice", {"mail": ("alice@example.org",)})
    why = "the account is alice@example.org, whose domain is not asked about here (domains)"
    judgement = judge_account(entry, LOGIN, "mail", IdentityRules(OURS), ("example.com",))
    assert judgement == (REJECTED, LOGIN, why)


def test_where_every_domain_is_ours_so_is_every_name() -> None:
    identity = judge("alice@elsewhere.example", domains=frozenset())
    assert identity == (ACCEPTED, "alice@elsewhere.example", "bound")


@pytest.mark.parametrize("name", ["alice", "CORP\\alice"])
def test_a_name_without_a_domain_is_trouble_even_where_such_logins_are_allowed(name: str) -> None:
    """It may be somebody else's: `uid` is no address, and bob of one domain not bob of another."""
    rules: dict[str, Any] = {"bare_allowed": True, "default_domain": "example.org"}
    rules["windows_domains"] = {"corp": "example.org", "CORP": "example.org"}
    why = "identity_attribute mail is no login: it has no domain of its own"
    assert judge(name, **rules) == (UNAVAILABLE, LOGIN, why)


def test_a_name_need_not_be_of_the_default_domain_even_where_logins_must() -> None:
    """As with username_format = "username", which is about what is typed."""
    rules: dict[str, Any] = {"bare_allowed": True, "bare_required": True}
    rules["default_domain"] = "example.org"
    assert judge("alice@example.com", **rules) == (ACCEPTED, "alice@example.com", "bound")
    elsewhere = judge("alice@elsewhere.example", **rules)
    assert elsewhere[0] is REJECTED
