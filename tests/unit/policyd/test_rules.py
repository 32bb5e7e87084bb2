"""Each rule about logged-in clients by itself: what it refuses, and what it leaves to others."""

import pytest

from policyd.action import Code, Refuse
from policyd.ownership.interface import Owned
from policyd.request import PolicyRequest
from policyd.rules.foreign_sender import foreign_sender
from policyd.rules.interface import Facts, Finding, OnLookupFailure, Rule, RuleSettings
from policyd.rules.login import login
from policyd.rules.match_login import match_login
from policyd.rules.null_sender import null_sender
from policyd.sender import EnvelopeSender

SETTINGS = RuleSettings(frozenset({"example.com", "example.org"}))
ALICE = PolicyRequest("RCPT", sasl_method="PLAIN", sasl_username="Alice@example.com")
OUTSIDER = PolicyRequest("RCPT")
ANONYMOUS = PolicyRequest("RCPT", sasl_method="anonymous", sasl_username="alice@example.com")
NULL = EnvelopeSender("")
UNSURE = EnvelopeSender("bob%example.com", "", "it may be another", ("bob@example.com",))


def sure(address: str) -> EnvelopeSender:
    return EnvelopeSender(address, address, "", (address,))


BOB = sure("bob@example.com")
STRANGER = sure("carol@example.net")


def refusal(finding: Finding) -> tuple[str, str] | None:
    found = finding.refusal
    return (found.code.value, found.text) if isinstance(found, Refuse) else None


# login


def test_a_login_without_a_name_is_refused() -> None:
    nameless = PolicyRequest("RCPT", sasl_method="PLAIN")
    finding = login(nameless, Facts(BOB), SETTINGS)
    assert refusal(finding) == ("553 5.7.1", "logged in without a login")
    assert finding.why == (
        "sasl_method says that the client is logged in, but sasl_username is empty"
    )


@pytest.mark.parametrize("request_", [ALICE, OUTSIDER, PolicyRequest(sasl_method="ANONYMOUS")])
def test_who_has_a_name_or_needs_none(request_: PolicyRequest) -> None:
    assert refusal(login(request_, Facts(BOB), SETTINGS)) is None


# null_sender


def test_the_null_sender_of_a_logged_in_client() -> None:
    finding = null_sender(ALICE, Facts(NULL), SETTINGS)
    assert refusal(finding) == ("553 5.7.1", "the null sender is not for users")
    assert finding.why == "a logged-in client uses the null sender, which belongs to nobody"


@pytest.mark.parametrize("request_", [OUTSIDER, ANONYMOUS])
def test_bounces_have_the_null_sender(request_: PolicyRequest) -> None:
    assert refusal(null_sender(request_, Facts(NULL), SETTINGS)) is None


@pytest.mark.parametrize("sender", [BOB, UNSURE])
def test_another_sender_is_not_the_null_sender(sender: EnvelopeSender) -> None:
    assert refusal(null_sender(ALICE, Facts(sender), SETTINGS)) is None


# match_login


def test_a_sender_that_the_login_does_not_own() -> None:
    """The login is named as Postfix names it."""
    finding = match_login(ALICE, Facts(BOB, Owned.NO, "bob is bob"), SETTINGS)
    assert refusal(finding) == ("553 5.7.1", "not owned by user Alice@example.com")
    assert finding.why == "bob is bob"


def test_a_sender_that_the_login_owns() -> None:
    finding = match_login(ALICE, Facts(BOB, Owned.YES, "it is in aliases_file"), SETTINGS)
    assert finding == Finding(None, "it is in aliases_file")


@pytest.mark.parametrize("rule", [match_login, foreign_sender])
@pytest.mark.parametrize("owned", Owned)
def test_what_postfix_may_rewrite_is_owned_by_nobody(rule: Rule, owned: Owned) -> None:
    finding = rule(ALICE, Facts(UNSURE, owned), SETTINGS)
    assert refusal(finding) == ("553 5.7.1", "not a plain address: it may be another")
    assert finding.why == "it may be another"


@pytest.mark.parametrize("rule", [match_login, foreign_sender])
@pytest.mark.parametrize("request_", [OUTSIDER, ANONYMOUS])
def test_outsiders_are_not_theirs(rule: Rule, request_: PolicyRequest) -> None:
    for sender in (STRANGER, UNSURE, NULL):
        assert rule(request_, Facts(sender), SETTINGS).refusal is None


@pytest.mark.parametrize("rule", [match_login, foreign_sender])
def test_the_null_sender_is_not_theirs(rule: Rule) -> None:
    assert rule(ALICE, Facts(NULL), SETTINGS).refusal is None


@pytest.mark.parametrize("method", ["XCLIENT", "login", "EXTERNAL"])
def test_any_method_is_a_login(method: str) -> None:
    request = ALICE._replace(sasl_method=method)
    assert match_login(request, Facts(BOB), SETTINGS).refusal is not None
    assert null_sender(request, Facts(NULL), SETTINGS).refusal is not None


# What nobody could say


@pytest.mark.parametrize(("rule", "sender"), [(match_login, BOB), (foreign_sender, STRANGER)])
@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("tempfail", ("451 4.3.0", "its owner cannot be looked up now")),
        ("reject", ("553 5.7.1", "its owner cannot be looked up now")),
        ("accept", None),
    ],
)
def test_an_impossible_look_up_is_judged_by_on_lookup_failure(
    rule: Rule, sender: EnvelopeSender, setting: OnLookupFailure, told: tuple[str, str] | None
) -> None:
    settings = RuleSettings(SETTINGS.domains, on_lookup_failure=setting)
    finding = rule(ALICE, Facts(sender, Owned.UNKNOWN, "it is away"), settings)
    assert refusal(finding) == told
    assert finding.why == f"it is away; on_lookup_failure is {setting}"


# foreign_sender


def test_a_foreign_domain() -> None:
    finding = foreign_sender(ALICE, Facts(STRANGER, Owned.NO, "nothing says that"), SETTINGS)
    assert refusal(finding) == ("553 5.7.1", "example.net is not one of our domains")
    assert finding.why == "example.net is not one of our domains, and nothing says that"


def test_a_foreign_sender_that_the_login_owns() -> None:
    assert foreign_sender(ALICE, Facts(STRANGER, Owned.YES, "alias"), SETTINGS).refusal is None


@pytest.mark.parametrize("owned", Owned)
def test_our_domains_are_not_foreign_whoever_owns_the_address(owned: Owned) -> None:
    for address in ("bob@example.com", "bob@example.org"):
        assert foreign_sender(ALICE, Facts(sure(address), owned), SETTINGS).refusal is None


def test_a_subdomain_is_foreign() -> None:
    assert foreign_sender(ALICE, Facts(sure("a@sub.example.com")), SETTINGS).refusal is not None


def test_where_every_domain_is_ours_none_is_foreign() -> None:
    every = RuleSettings(None)
    assert foreign_sender(ALICE, Facts(STRANGER), every).refusal is None


def test_codes_are_what_a_sender_can_do_about_it() -> None:
    for_now = match_login(ALICE, Facts(BOB, Owned.UNKNOWN), SETTINGS).refusal
    assert for_now == Refuse(Code.TRY_LATER, "its owner cannot be looked up now")
