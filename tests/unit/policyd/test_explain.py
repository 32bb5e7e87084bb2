"""What `explain` tells of a request that nobody has made."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from lab.policy_serving import OURS, ScriptedOwners, in_force

from bridge_common.deadline import Deadline
from bridge_common.identity import Identity
from bridge_common.runtime.control import BadRequest
from policyd.explain import explain
from policyd.ownership.interface import Belonging, Belongings
from policyd.rules.interface import RuleSettings

ALICE = "alice@example.com"


class Owners(ScriptedOwners):
    """Alice owns her address, and perhaps more."""

    async def belongings(self, login: Identity, deadline: Deadline) -> Belongings:
        assert 3.9 < deadline.remaining() <= 4.0
        return Belongings((Belonging(login.address, "hers"),), "the directory is away")


def explained(rules: RuleSettings | None = None, **asked: Any) -> Mapping[str, Any]:
    force = in_force(Owners(), rules or RuleSettings(OURS, match_login="enforce"))
    return asyncio.run(explain(force, asked))


def test_what_a_login_owns_and_that_it_may_be_more() -> None:
    reply = explained(sender=ALICE, login="Alice@example.com")
    assert reply["identity"] == ALICE
    assert reply["owns"] == [{"address": ALICE, "how": "hers"}]
    assert reply["trouble"] == "the directory is away"
    assert reply["login_refused"] == ""


@pytest.mark.parametrize(
    ("login", "refused"),
    [("", ""), ("carol@example.net", "the login's domain is not one of ours")],
)
def test_nobody_owns_nothing(login: str, refused: str) -> None:
    reply = explained(sender=ALICE, login=login)
    assert (reply["identity"], reply["owns"], reply["trouble"]) == ("", [], "")
    assert reply["login_refused"] == refused


def test_rules_that_are_off_are_told_as_if_they_were_on() -> None:
    reply = explained(RuleSettings(OURS), sender="bob@example.com", login=ALICE)
    (found,) = [rule for rule in reply["rules"] if rule["rule"] == "match_login"]
    assert found == {
        "rule": "match_login",
        "mode": "off",
        "in_force": False,
        "refuses": True,
        "why": "the script does not say so",
    }
    assert (reply["action"], reply["rule"], reply["monitored"]) == ("DUNNO", "", False)


def test_what_is_only_monitored_is_no_refusal() -> None:
    rules = RuleSettings(OURS, match_login="monitor")
    reply = explained(rules, sender="bob@example.com", login=ALICE)
    assert (reply["action"], reply["rule"], reply["monitored"]) == ("DUNNO", "match_login", True)
    assert (reply["why"], reply["smtp_reply"]) == ("the script does not say so", "")


@pytest.mark.parametrize(
    ("failure", "action", "smtp_reply"),
    [
        (
            "tempfail",
            "451 4.3.0",
            "451 4.3.0 <away@example.com>: Sender address rejected: {}",
        ),
        (
            "reject",
            "553 5.7.1",
            "553 5.7.1 <away@example.com>: Sender address rejected: {}",
        ),
        ("accept", "DUNNO", ""),
    ],
)
def test_a_directory_that_is_away(failure: Any, action: str, smtp_reply: str) -> None:
    rules = RuleSettings(OURS, match_login="enforce", on_lookup_failure=failure)
    reply = explained(rules, sender="away@example.com", login=ALICE)
    said = smtp_reply.format("its owner cannot be looked up now")
    assert (reply["action"], reply["smtp_reply"]) == (action, said)


def test_a_context_that_there_is_not_has_the_rules_of_the_section() -> None:
    own = RuleSettings(OURS, match_login="off")
    force = in_force(Owners())
    force = replace(force, rules={**force.rules, "relay": own})

    def told(context: str) -> tuple[str, bool, str]:
        asked = {"sender": "bob@example.com", "login": ALICE, "context": context}
        reply = asyncio.run(explain(force, asked))
        return reply["context"], reply["context_known"], reply["action"]

    assert told("relay") == ("relay", True, "DUNNO")
    assert told("relais") == ("relais", False, "553 5.7.1")
    assert told("") == ("", True, "553 5.7.1")


def test_what_postfix_would_say_is_printable_and_one_line() -> None:
    reply = explained(sender="x\u00fc\x1b\udcff@example.net", login=ALICE)
    assert reply["smtp_reply"] == (
        "553 5.7.1 <x\u00fc??@example.net>: Sender address rejected: "
        "not a plain address: it is not UTF-8"
    )


@pytest.mark.parametrize(
    ("setting", "words", "refuses"),
    [("off", "allow", "DUNNO"), ("enforce", "reject", "553 5.7.1")],
)
def test_the_null_sender_s_rule_is_told_in_the_words_of_its_setting(
    setting: Any, words: str, refuses: str
) -> None:
    reply = explained(RuleSettings(OURS, null_sender=setting), sender="<>", login=ALICE)
    (found,) = [rule for rule in reply["rules"] if rule["rule"] == "null_sender"]
    assert (found["mode"], found["in_force"]) == (words, setting == "enforce")
    assert reply["action"] == refuses


def test_brackets_as_in_a_dialogue_are_taken_off_once() -> None:
    reply = explained(sender="<bob@example.com>", client="[::1]")
    assert (reply["sender"], reply["client"]) == ("bob@example.com", "::1")
    assert explained(sender="<<a@example.com>>")["sender"] == "<a@example.com>"
    assert explained(sender="<a@example.com")["sender"] == "<a@example.com"
    assert explained(sender="<>")["sender"] == ""


def test_the_contexts_that_there_are_are_told() -> None:
    assert explained(sender=ALICE)["contexts"] == ["submission"]


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"sender": "a\nb"}, "sender must be one line"),
        ({"login": "a\nb"}, "login must be one line"),
        ({"recipient": "a\n"}, "recipient must be one line"),
        ({"context": "\n"}, "context must be one line"),
        ({"sender": "\ud800"}, "sender holds what no bytes can stand for"),
        ({"login": "\udfff"}, "login holds what no bytes can stand for"),
        ({"sender": 5}, "sender must be a string"),
        ({"client": "client.example.net"}, "client must be an IP address"),
        ({"client": "192.0.2.0/24"}, "client must be an IP address"),
    ],
)
def test_what_no_request_could_bring(asked: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadRequest, match=f"^{problem}$"):
        explained(**asked)
