"""Who had the last word about a login: one of a few, so that logins can be counted by it.

Reads it from the answer. Raises nothing; logs nothing.
"""

from typing import Literal, get_args

from sasl_bridge.passdb import success_cache
from sasl_bridge.verdict import Answer, Cause, Verdict

Origin = Literal[
    "servers",
    "cache",
    "grace",
    "shared",
    "admission",
    "blocks",
    "list",
    "restraint",
    "client",
    "pipe",
]
ORIGINS: tuple[Origin, ...] = get_args(Origin)

# What answers without a server.
_SOURCES: dict[str, Origin] = {
    success_cache.SOURCE: "cache",
    "admission": "admission",
    "blocks": "blocks",
    "list": "list",
    "client": "client",
    "pipe": "pipe",
}


def origin_of(answer: Answer) -> Origin:
    """Return it; ``shared``: by the answer to another login of the same, at the same time."""
    if not answer.steps:
        origin = _SOURCES.get(answer.source, "shared")
        said = origin != "cache" or answer.verdict is Verdict.ACCEPTED
        return origin if said else "shared"
    if answer.cause is Cause.RESTRAINT:
        return "restraint"
    if answer.source == success_cache.SOURCE and _is_in_grace(answer):
        return "grace"
    return "servers"


def _is_in_grace(answer: Answer) -> bool:
    """Say whether it is; a server may be called as the cache is."""
    return answer.verdict is Verdict.ACCEPTED and all(
        step.verdict is not Verdict.ACCEPTED for step in answer.steps
    )
