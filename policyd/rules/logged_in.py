"""What the rules about logged-in clients have in common: whose case it is, and who owns the sender.

Texts are for who sends the mail, `why` is for the administrator.
"""

from policyd.action import Code, Refuse
from policyd.ownership.interface import Owned
from policyd.request import PolicyRequest
from policyd.rules.interface import Facts, Finding, RuleSettings

_OUTSIDER = Finding(None, "the client is not logged in")
_NULL = Finding(None, "the null sender is for null_sender to judge")


def nothing_to_judge(request: PolicyRequest, facts: Facts) -> Finding | None:
    """Return why the rules about logged-in clients have nothing to say, if they have not."""
    if not request.is_authenticated:
        return _OUTSIDER
    return _NULL if facts.sender.is_null else None


def by_owner(facts: Facts, settings: RuleSettings) -> Finding | None:
    """Return what comes of the sender's owner; None if it surely is not the login."""
    if not facts.sender.address:
        why = facts.sender.unsure
        return Finding(Refuse(Code.NOT_ALLOWED, f"not a plain address: {why}"), why)
    match facts.owned:
        case Owned.YES:
            return Finding(None, facts.how)
        case Owned.NO:
            return None
        case Owned.UNKNOWN:
            return _nobody_could_say(facts, settings)


def _nobody_could_say(facts: Facts, settings: RuleSettings) -> Finding:
    why = f"{facts.how}; on_lookup_failure is {settings.on_lookup_failure}"
    match settings.on_lookup_failure:
        case "accept":
            return Finding(None, why)
        case "reject":
            return Finding(Refuse(Code.NOT_ALLOWED, "its owner cannot be looked up now"), why)
        case "tempfail":
            return Finding(Refuse(Code.TRY_LATER, "its owner cannot be looked up now"), why)
