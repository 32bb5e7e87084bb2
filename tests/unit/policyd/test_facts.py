"""What is known of a request at once, what is looked up, and what comes of faults."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from lab.policy_serving import OURS, ScriptedOwners, in_force

from bridge_common.block import Block
from bridge_common.blocks import Blocks
from bridge_common.deadline import Deadline
from bridge_common.identity import Identity, RefusedLogin
from policyd.facts import InForce
from policyd.ownership.interface import Owned, Ownership, Scope
from policyd.request import PolicyRequest
from policyd.rules.interface import Facts, RuleSettings

ALICE = "alice@example.com"
NOBODY_SAID = "an error of our own; see the log"


def request(sender: str = ALICE, login: str = ALICE, **more: str) -> PolicyRequest:
    method = "PLAIN" if login else ""
    return PolicyRequest("RCPT", sender=sender, sasl_method=method, sasl_username=login, **more)


def known(asked: PolicyRequest, **rules: Any) -> tuple[Facts | None, list[str]]:
    """Return what is known at once under these rules, and of which addresses owners were asked."""
    owners = ScriptedOwners()
    facts = in_force(owners).facts_at_once(asked, RuleSettings(OURS, **rules))
    return facts, owners.asked


def test_owners_are_asked_only_where_a_rule_will_ask() -> None:
    assert known(request(), match_login="monitor")[1] == [ALICE]
    assert known(request("x@example.net"), foreign_sender="monitor")[1] == ["x@example.net"]
    assert known(request(), foreign_sender="enforce")[1] == []
    assert known(request(), fake_sender_control="enforce")[1] == []
    assert known(request(login=""), match_login="enforce")[1] == []
    assert known(request(""), match_login="enforce")[1] == []
    assert known(request("a%b@example.com"), match_login="enforce")[1] == []


def test_owners_are_asked_about_the_address_that_a_sender_counts_as() -> None:
    facts, asked = known(request("Alice@EXAMPLE.com."), match_login="enforce")
    assert asked == [ALICE]
    assert facts is not None
    assert (facts.owned, facts.how) == (Owned.YES, "the script says so")


@pytest.mark.parametrize(
    ("login", "reason"),
    [
        ("carol@example.net", "the login's domain is not one of ours"),
        ("alice", "the login has no domain, and there is no default_domain"),
        ("al\udcffice@example.com", "the login is not valid UTF-8"),
        ("\uff41lice@example.com", "the login holds a look-alike character"),
    ],
)
def test_a_login_that_is_none_of_ours_owns_nothing_and_nobody_is_asked(
    login: str, reason: str
) -> None:
    facts, asked = known(request(login=login), match_login="enforce")
    assert asked == []
    assert facts is not None
    assert (facts.owned, facts.how) == (Owned.NO, f"the login is none of ours: {reason}")


@pytest.mark.parametrize(
    "login", [ALICE, "ALICE@Example.com", "carol@elsewhere.example", "al\udcffice@example.com"]
)
def test_of_a_login_that_is_blocked_nothing_else_need_be_known(login: str) -> None:
    """It is known at once, even where its owner would have to be looked up."""
    blocks, owners = Blocks(), ScriptedOwners()
    wanted = "al\udcffice@example.com" if "\udcff" in login else login.lower()
    blocks.add(Block(wanted), Block("bob@example.com"), Block("192.0.2.1"))
    force = replace(in_force(owners), blocks=blocks)
    rules = RuleSettings(OURS, match_login="enforce")
    facts = force.facts_at_once(request("wait@example.com", login), rules)
    assert facts is not None
    assert facts.block == Block(wanted)
    assert owners.asked == []
    assert force.block(request("", "")) is None
    assert force.block(request(login="dave@example.com", client_address="192.0.2.1")) is None


def test_what_must_be_looked_up_is_not_known_at_once() -> None:
    facts, _ = known(request("wait@example.com"), match_login="enforce")
    assert facts is None


def test_logins_are_read_once_and_not_kept_for_ever() -> None:
    force = in_force(ScriptedOwners())
    first = force.login(request())
    assert isinstance(first, Identity)
    assert force.login(request("other@example.com")) is first
    for number in range(10_000):
        assert isinstance(force.login(request(login=f"{number}@example.net")), RefusedLogin)
    assert len(force._logins) == 1
    assert force.login(request()) == first


def test_a_context_has_its_rules_and_any_other_name_those_of_the_section() -> None:
    section, own = RuleSettings(OURS), RuleSettings(OURS, match_login="enforce")
    force = replace(in_force(ScriptedOwners()), rules={"": section, "submission": own})
    assert force.rules_for("submission") is own
    assert force.rules_for("") is section
    assert force.rules_for("Submission") is section


class Strange(ScriptedOwners):
    """Owners with a fault."""

    def __init__(self, fault: Exception | None) -> None:
        super().__init__()
        self.fault = fault

    async def look_up(
        self, login: Identity, address: str, scope: Scope, deadline: Deadline
    ) -> Ownership:
        if self.fault:
            raise self.fault
        return await super().look_up(login, address, scope, deadline)


def looked_up(force: InForce, sender: str) -> Facts:
    return asyncio.run(force.facts(request(sender), force.rules[""]))


def test_what_is_looked_up() -> None:
    facts = looked_up(in_force(ScriptedOwners()), "away@example.com")
    assert (facts.owned, facts.how) == (Owned.UNKNOWN, "the directory is away")


@pytest.mark.expect_warnings("looking up the sender's owner failed")
@pytest.mark.parametrize("fault", [RuntimeError(), OSError(5, "Input/output error")])
def test_a_fault_is_no_no(fault: Exception, caplog: pytest.LogCaptureFixture) -> None:
    facts = looked_up(in_force(Strange(fault)), "wait@example.com")
    assert (facts.owned, facts.how) == (Owned.UNKNOWN, NOBODY_SAID)
    assert "Traceback" in caplog.text


@pytest.mark.expect_warnings("a look-up overstayed its deadline")
def test_owners_who_overstay_are_not_waited_for() -> None:
    owners = ScriptedOwners()
    force = replace(in_force(owners), lookup_timeout=0.05)
    facts = looked_up(force, "hang@example.com")
    assert (facts.owned, facts.how) == (Owned.UNKNOWN, NOBODY_SAID)
    assert owners.ended == ["cancelled"]


def test_a_login_that_is_too_long_is_refused_and_not_kept() -> None:
    force = in_force(ScriptedOwners())
    login = force.login(request(login="a" * 60_000 + "@example.com"))
    assert login == RefusedLogin("the login is longer than 255 bytes")
    assert not force._logins
