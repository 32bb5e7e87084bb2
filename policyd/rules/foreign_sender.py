"""foreign_sender: who is logged in must not use a domain that is not ours, unless it owns it."""

from policyd.action import Code, Refuse
from policyd.request import PolicyRequest
from policyd.rules.interface import Facts, Finding, RuleSettings
from policyd.rules.logged_in import by_owner, nothing_to_judge

_OURS = Finding(None, "the sender's domain is one of ours")


def foreign_sender(request: PolicyRequest, facts: Facts, settings: RuleSettings) -> Finding:
    """Refuse a logged-in client whose sender is of a foreign domain."""
    if passed := nothing_to_judge(request, facts):
        return passed
    domain = facts.sender.domain
    if settings.is_ours(domain):
        return _OURS
    if found := by_owner(facts, settings):
        return found
    text = f"{domain} is not one of our domains"
    return Finding(Refuse(Code.NOT_ALLOWED, text), f"{text}, and {facts.how}")
