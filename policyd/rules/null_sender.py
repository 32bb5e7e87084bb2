"""null_sender: whether who is logged in may use the null sender, `<>`, as bounces do."""

from policyd.action import Code, Refuse
from policyd.request import PolicyRequest
from policyd.rules.interface import Facts, Finding, RuleSettings

_OTHER = Finding(None, "the sender is not the null sender")
_OUTSIDER = Finding(None, "the client is not logged in, and bounces have the null sender")
_REFUSED = Finding(
    Refuse(Code.NOT_ALLOWED, "the null sender is not for users"),
    "a logged-in client uses the null sender, which belongs to nobody",
)


def null_sender(request: PolicyRequest, facts: Facts, _settings: RuleSettings) -> Finding:
    """Refuse the null sender of a logged-in client."""
    if not facts.sender.is_null:
        return _OTHER
    return _REFUSED if request.is_authenticated else _OUTSIDER
