"""Who is logged in has a login: Postfix says "authenticated" by the method, and names the login.

Without a name there is nobody to hold the sender to; SMTPD_POLICY_README does not rule it out.
Always in force.
"""

from policyd.action import Code, Refuse
from policyd.request import PolicyRequest
from policyd.rules.interface import Facts, Finding, RuleSettings

_NAMED = Finding(None, "the client is not logged in, or has a login")
_NAMELESS = Finding(
    Refuse(Code.NOT_ALLOWED, "logged in without a login"),
    "sasl_method says that the client is logged in, but sasl_username is empty",
)


def login(request: PolicyRequest, _facts: Facts, _settings: RuleSettings) -> Finding:
    """Refuse a logged-in client without a login."""
    return _NAMELESS if request.is_authenticated and not request.sasl_username else _NAMED
