"""match_login: who is logged in must use a sender that the login owns.

"Envelope sender must match SMTP-AUTH username". The null sender is `null_sender`'s to judge.
"""

from policyd.action import Code, Refuse
from policyd.request import PolicyRequest
from policyd.rules.interface import Facts, Finding, RuleSettings
from policyd.rules.logged_in import by_owner, nothing_to_judge


def match_login(request: PolicyRequest, facts: Facts, settings: RuleSettings) -> Finding:
    """Refuse a logged-in client whose sender is not its login's."""
    if passed := nothing_to_judge(request, facts):
        return passed
    if found := by_owner(facts, settings):
        return found
    # Postfix puts "<sender>: Sender address rejected:" in front, and says it in the same words.
    refusal = Refuse(Code.NOT_ALLOWED, f"not owned by user {request.sasl_username}")
    return Finding(refusal, facts.how)
