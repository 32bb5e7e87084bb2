"""Section `[cache]`: the passwords that are remembered, keyed and never as they are.

Knows its keys, what must hold between them, and what is doubtful. Pure; yields findings.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from bridge_common.settings.declaration import key
from bridge_common.settings.findings import Finding
from bridge_common.settings.kinds import Duration, Integer, format_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """`[cache]`. Durations are in seconds."""

    success_ttl: float = key(
        Duration(),
        default=300.0,
        prose="How long a password that a server accepted is accepted again without asking.\n"
        "A password that was changed, or an account that was closed, works for so long after it "
        "was last accepted; `bridgectl cache flush LOGIN` ends that at once.\n"
        "`0s`: each login is asked about.",
        example='"5m"',
    )
    failure_ttl: float = key(
        Duration(),
        default=30.0,
        prose="How long a password that a server refused is refused again without asking that "
        "server, so that a telephone with an old password does not lock its owner's account.\n"
        "Refusals that are about the account, because it is disabled or its password has expired, "
        "are not remembered.\n"
        "`0s`: each login is asked about.",
        example='"30s"',
    )
    size: int = key(
        Integer(1, 1_000_000),
        default=10_000,
        prose="How many logins are remembered as accepted, and how many as refused; "
        "the oldest goes first.\n"
        "A thousand of them take about two megabytes.",
        example="10000",
    )
    grace: float = key(
        Duration(),
        default=0.0,
        prose="How long a password that a server accepted is accepted again "
        "while every server is unavailable: it bridges an outage for those who logged in shortly "
        "before.\n"
        "It counts from the last time that a server accepted it, and must be longer than "
        "`success_ttl` to have an effect; the log tells when it was used.\n"
        "`0s`: an outage is an outage.",
        example='"8h"',
    )


def doubts_about_cache(cache: CacheSettings) -> Iterator[Finding]:
    """Yield what is without effect there."""
    if 0 < cache.grace <= cache.success_ttl:
        message = (
            f"{format_duration(cache.grace)} is not longer than success_ttl "
            f"({format_duration(cache.success_ttl)}), so that it has no effect"
        )
        yield Finding("cache.grace", message)
