"""A login that is blocked sends nothing: sessions that were open before go on otherwise.

Who is blocked, an administrator said, or the guard of sasl-bridge. Always in force.
"""

from policyd.action import Code, Refuse
from policyd.request import PolicyRequest
from policyd.rules.interface import Facts, Finding, RuleSettings

_FREE = Finding(None, "the login is not blocked, if there is one")


def blocked(_request: PolicyRequest, facts: Facts, _settings: RuleSettings) -> Finding:
    """Refuse a login that is blocked."""
    if facts.block is None:
        return _FREE
    return Finding(Refuse(Code.NOT_ALLOWED, "this login is blocked"), facts.block.in_words())
