"""The rules in their order: which one decides, what monitoring changes, and what it does not."""

from dataclasses import replace
from typing import Any

import pytest

from bridge_common.block import Block
from policyd.action import DUNNO, Code, Refuse
from policyd.ownership.interface import Owned
from policyd.request import PolicyRequest
from policyd.rules.interface import Facts, Mode, RuleSettings
from policyd.ruleset import Decision, decide, modes, needs_owner, walk
from policyd.sender import EnvelopeSender

OURS = frozenset({"example.com"})
ALL = RuleSettings(
    OURS,
    match_login="enforce",
    fake_sender_control="enforce",
    foreign_sender="enforce",
    null_sender="enforce",
)
ALICE = PolicyRequest("RCPT", sasl_method="PLAIN", sasl_username="alice@example.com")
NAMELESS = PolicyRequest("RCPT", sasl_method="PLAIN")
OUTSIDER = PolicyRequest("RCPT", client_address="192.0.2.1")
NULL = EnvelopeSender("")


def sure(address: str) -> EnvelopeSender:
    return EnvelopeSender(address, address, "", (address,))


BOB = Facts(sure("bob@example.com"), Owned.NO, "he is bob")
OWN = Facts(sure("alice@example.com"), Owned.YES, "it is the login")
AWAY = Facts(sure("bob@example.com"), Owned.UNKNOWN, "it is away")
STRANGER = Facts(sure("carol@example.net"), Owned.NO, "nothing says so")
STRANGER_AWAY = Facts(sure("carol@example.net"), Owned.UNKNOWN, "it is away")


def settings_with(**rules: Any) -> RuleSettings:
    """Return settings in which all but these is off."""
    return replace(RuleSettings(OURS), **rules)


def told(decision: Decision) -> tuple[str, str, bool]:
    action = decision.action
    text = f"{action.code.value} {action.text}" if isinstance(action, Refuse) else action.value
    return text, decision.rule, decision.monitored


# Nothing to say


@pytest.mark.parametrize("state", ["CONNECT", "EHLO", "HELO", "VRFY", "ETRN", ""])
@pytest.mark.parametrize("request_", [ALICE, NAMELESS, OUTSIDER])
def test_without_a_sender_there_is_nothing_to_judge(request_: PolicyRequest, state: str) -> None:
    decision = decide(request_._replace(protocol_state=state), Facts(NULL), ALL)
    assert decision == Decision(DUNNO, why="there is no sender yet")


def test_an_own_sender() -> None:
    assert decide(ALICE, OWN, ALL) == Decision(DUNNO)


def test_an_outsider_with_a_foreign_sender() -> None:
    assert decide(OUTSIDER, STRANGER, ALL) == Decision(DUNNO)


@pytest.mark.parametrize("facts", [BOB, AWAY, STRANGER, Facts(NULL)])
def test_whatever_is_off_says_nothing(facts: Facts) -> None:
    off = RuleSettings(OURS)
    assert decide(ALICE, facts, off) == Decision(DUNNO)
    assert decide(OUTSIDER, facts, off) == Decision(DUNNO)


# Each rule, enforced and monitored

CASES = [
    ("null_sender", ALICE, Facts(NULL), "553 5.7.1 the null sender is not for users"),
    ("match_login", ALICE, BOB, "553 5.7.1 not owned by user alice@example.com"),
    ("match_login", ALICE, AWAY, "451 4.3.0 its owner cannot be looked up now"),
    ("foreign_sender", ALICE, STRANGER, "553 5.7.1 example.net is not one of our domains"),
    ("foreign_sender", ALICE, STRANGER_AWAY, "451 4.3.0 its owner cannot be looked up now"),
    ("fake_sender_control", OUTSIDER, BOB, "553 5.7.1 not logged in"),
]


@pytest.mark.parametrize(("rule", "request_", "facts", "text"), CASES)
def test_a_rule_that_is_enforced_refuses(
    rule: str, request_: PolicyRequest, facts: Facts, text: str
) -> None:
    decision = decide(request_, facts, settings_with(**{rule: "enforce"}))
    assert told(decision) == (text, rule, False)


@pytest.mark.parametrize(("rule", "request_", "facts", "text"), CASES)
def test_a_rule_that_is_monitored_says_what_it_would_do(
    rule: str, request_: PolicyRequest, facts: Facts, text: str
) -> None:
    enforced = decide(request_, facts, settings_with(**{rule: "enforce"}))
    decision = decide(request_, facts, settings_with(**{rule: "monitor"}))
    assert told(enforced) == (text, rule, False)
    assert told(decision) == ("DUNNO", rule, True)
    assert decision.why == enforced.why != ""


@pytest.mark.parametrize("facts", [OWN, BOB, STRANGER, Facts(NULL)])
@pytest.mark.parametrize("settings", [RuleSettings(OURS), RuleSettings(None), ALL])
def test_a_login_without_a_name_is_refused_whatever_is_on(
    facts: Facts, settings: RuleSettings
) -> None:
    expected = ("553 5.7.1 logged in without a login", "login", False)
    assert told(decide(NAMELESS, facts, settings)) == expected


# Their order


def test_who_owns_it_is_said_before_whose_domain_it_is() -> None:
    assert decide(ALICE, STRANGER, ALL).rule == "match_login"


def test_after_a_rule_that_is_monitored_the_others_are_asked() -> None:
    settings = replace(ALL, match_login="monitor")
    assert told(decide(ALICE, STRANGER, settings)) == (
        "553 5.7.1 example.net is not one of our domains",
        "foreign_sender",
        False,
    )


def test_the_first_that_is_monitored_is_noted() -> None:
    settings = replace(ALL, match_login="monitor", foreign_sender="monitor")
    assert told(decide(ALICE, STRANGER, settings)) == ("DUNNO", "match_login", True)


def test_what_a_monitored_rule_lets_pass_is_not_noted() -> None:
    settings = replace(ALL, match_login="off", null_sender="monitor", foreign_sender="monitor")
    assert told(decide(ALICE, STRANGER, settings)) == ("DUNNO", "foreign_sender", True)


# help_text


def test_help_is_appended_to_refusals() -> None:
    settings = replace(ALL, help_text="see https://mail.example.com/senders")
    assert decide(ALICE, BOB, settings).action == Refuse(
        Code.NOT_ALLOWED,
        "not owned by user alice@example.com; see https://mail.example.com/senders",
    )
    assert decide(ALICE, AWAY, settings).action == Refuse(
        Code.TRY_LATER, "its owner cannot be looked up now; see https://mail.example.com/senders"
    )


def test_help_is_for_no_one_else() -> None:
    settings = replace(ALL, match_login="monitor", help_text="see the page")
    assert decide(ALICE, OWN, settings) == Decision(DUNNO)
    assert "see the page" not in decide(ALICE, BOB, settings).why


# A login that is blocked


@pytest.mark.parametrize("mode", ["off", "monitor", "enforce"])
def test_a_login_that_is_blocked_is_refused_whatever_the_mode_of_the_rules(mode: Mode) -> None:
    facts = OWN._replace(block=Block("alice@example.com", reason="stolen"))
    rules: dict[str, Mode] = dict.fromkeys(("match_login", "null_sender", "foreign_sender"), mode)
    decision = decide(ALICE, facts, settings_with(**rules))
    assert told(decision) == ("553 5.7.1 this login is blocked", "blocked", False)
    assert decision.why == "alice@example.com, by the administrator: stolen"


def test_a_login_that_is_blocked_may_not_use_the_null_sender_either() -> None:
    facts = Facts(NULL, block=Block("alice@example.com"))
    assert told(decide(ALICE, facts, settings_with()))[1] == "blocked"


# For who wants to understand


def test_every_rule_is_walked_in_order_with_what_it_finds() -> None:
    settings = replace(ALL, match_login="off", foreign_sender="monitor")
    walked = [
        (one.rule, one.mode, one.finding.refusal is not None)
        for one in walk(ALICE, STRANGER, settings)
    ]
    assert walked == [
        ("login", "enforce", False),
        ("blocked", "enforce", False),
        ("null_sender", "enforce", False),
        ("match_login", "off", True),
        ("foreign_sender", "monitor", True),
        ("fake_sender_control", "enforce", False),
    ]


# Whether an owner is asked for

NEEDED = [
    (ALICE, "bob@example.com", {"match_login": "enforce"}, True),
    (ALICE, "bob@example.com", {"match_login": "monitor"}, True),
    (ALICE, "bob@example.com", {"foreign_sender": "enforce"}, False),
    (ALICE, "carol@example.net", {"foreign_sender": "enforce"}, True),
    (ALICE, "carol@example.net", {"foreign_sender": "monitor"}, True),
    (ALICE, "bob@example.com", {"fake_sender_control": "enforce", "null_sender": "enforce"}, False),
    (ALICE, "", {"match_login": "enforce"}, False),
    (OUTSIDER, "bob@example.com", {"match_login": "enforce", "foreign_sender": "enforce"}, False),
]


@pytest.mark.parametrize(("request_", "address", "rules", "needed"), NEEDED)
def test_an_owner_is_asked_for_where_a_rule_will_look_at_it(
    request_: PolicyRequest, address: str, rules: dict[str, str], needed: bool
) -> None:
    assert needs_owner(request_, sure(address), settings_with(**rules)) is needed


def test_no_owner_is_asked_for_of_what_postfix_may_rewrite() -> None:
    unsure = EnvelopeSender("bob%example.net", "", "it may be another", ("bob@example.net",))
    assert not needs_owner(ALICE, unsure, ALL)


@pytest.mark.parametrize(
    ("mode", "words"), [("off", "allow"), ("monitor", "monitor"), ("enforce", "reject")]
)
def test_modes_are_told_in_the_words_of_their_settings(mode: Mode, words: str) -> None:
    settings = RuleSettings(OURS, null_sender=mode, match_login=mode)
    assert modes(settings) == {
        "null_sender": words,
        "match_login": mode,
        "foreign_sender": "off",
        "fake_sender_control": "off",
    }
