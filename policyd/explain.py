"""Why a sender is let through or refused, step by step: for `bridgectl explain`.

The rules are walked by the same code as for Postfix, those that are off included. Nothing is
counted or logged: nobody has sent anything.
"""

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from bridge_common.blocks import Blocks
from bridge_common.deadline import Deadline
from bridge_common.identity import Identity
from bridge_common.runtime.control import BadRequest, Reply, text_of
from bridge_common.shown import printable
from policyd.action import Refuse, in_short
from policyd.facts import InForce
from policyd.protocol import printable as reply_text
from policyd.request import PolicyRequest
from policyd.ruleset import Decision, decide, in_words, walk

_PARTS = ("login", "sender", "client", "recipient", "context")


async def explain(in_force: InForce, asked: Mapping[str, Any]) -> Reply:
    """Return what would come of a request, and why.

    ``asked`` holds texts: login, sender, client, recipient, context; each may be left out.
    Raises BadRequest.
    """
    request = _request(asked)
    rules = in_force.rules_for(request.policy_context)
    # Rules that are off are shown too, so what they would need is looked up.
    looking = replace(in_force, blocks=Blocks())  # so that a block does not make it needless
    facts = await looking.facts(request, replace(rules, match_login="monitor"))
    facts = facts._replace(block=in_force.block(request))
    decision = decide(request, facts, rules)
    return {
        "login": request.sasl_username,
        **await _login(in_force, request),
        "sender": facts.sender.typed,
        "resolved": facts.sender.address,
        "unsure": facts.sender.unsure,
        "readings": list(facts.sender.readings),
        "client": request.client_address,
        "context": request.policy_context,
        "context_known": in_force.has_rules_for(request.policy_context),
        "contexts": sorted(filter(None, in_force.rules)),
        "rules": [
            {
                "rule": ruled.rule,
                "mode": in_words(ruled.rule, ruled.mode),
                "in_force": ruled.mode == "enforce",
                "refuses": ruled.finding.refusal is not None,
                "why": ruled.finding.why,
            }
            for ruled in walk(request, facts, rules)
        ],
        **_decided(decision, request),
    }


def _request(asked: Mapping[str, Any]) -> PolicyRequest:
    """Return the request that Postfix would make at RCPT TO. Raises BadRequest.

    Sender and client may be in the brackets that they have in a dialogue and in Postfix's log.
    """
    login, sender, client, recipient, context = (_sendable(asked, part) for part in _PARTS)
    sender, client = _within(sender, "<", ">"), _within(client, "[", "]")
    if client and not _is_address(client):
        raise BadRequest("client must be an IP address")
    return PolicyRequest(
        protocol_state="RCPT",
        sender=sender,
        recipient=recipient,
        client_address=client,
        sasl_method="PLAIN" if login else "",
        sasl_username=login,
        policy_context=context,
    )


def _within(text: str, begin: str, end: str) -> str:
    """Return a text without the pair of brackets around it, if there is one."""
    return text[1:-1] if text.startswith(begin) and text.endswith(end) else text


def _sendable(asked: Mapping[str, Any], part: str) -> str:
    """Return a text that a request could bring. Raises BadRequest."""
    text = text_of(asked, part)
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise BadRequest(f"{part} holds what no bytes can stand for") from None
    if "\n" in text:
        raise BadRequest(f"{part} must be one line")
    return text


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


async def _login(in_force: InForce, request: PolicyRequest) -> Reply:
    """Return who the login is, and what it owns."""
    if not request.is_authenticated:
        return {"identity": "", "login_refused": "", "owns": [], "trouble": ""}
    login = in_force.login(request)
    if not isinstance(login, Identity):
        return {"identity": "", "login_refused": login.reason, "owns": [], "trouble": ""}
    belongings = await in_force.owners.belongings(login, Deadline.after(in_force.lookup_timeout))
    return {
        "identity": login.address,
        "login_refused": "",
        "owns": [{"address": item.address, "how": item.how} for item in belongings.items],
        "trouble": belongings.trouble,
    }


def _decided(decision: Decision, request: PolicyRequest) -> Reply:
    refusal = decision.action if isinstance(decision.action, Refuse) else None
    return {
        "action": in_short(decision.action),
        "rule": decision.rule,
        "why": decision.why,
        "monitored": decision.monitored,
        "smtp_reply": _smtp_reply(request, refusal),
    }


def _smtp_reply(request: PolicyRequest, refusal: Refuse | None) -> str:
    """Return what Postfix would tell its client, from smtpd_sender_restrictions."""
    if refusal is None:
        return ""
    # Postfix's own part is in UTF-8, as the sender was; ours is in ASCII.
    sender, said = printable(request.sender), reply_text(refusal.text)
    return f"{refusal.code.value} <{sender}>: Sender address rejected: {said}"
