"""Section `[restraint]`: who is kept from guessing passwords, and from using stolen ones.

Knows its keys, and what is doubtful about them; networks are in their canonical text. Pure; yields
findings.
"""

# ruff: noqa: RUF009  # a declaration makes a dataclass field, which is a call

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from bridge_common.settings.declaration import key
from bridge_common.settings.findings import Finding
from bridge_common.settings.kinds import Choice, Duration, Integer, TextList
from bridge_common.settings.networks import holds_everything, network_text
from bridge_common.settings.sender import Mode

COUNTS = ("failures_per_address", "failing_logins_per_address", "addresses_per_login")
"""The keys that are limits of a count; 0 switches that count off."""

# Each address or login that is counted takes room for as many of them.
_HIGHEST_LIMIT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Restraint:
    """`[restraint]`. Durations are in seconds."""

    mode: Mode = key(
        Choice(get_args(Mode)),
        default="monitor",
        prose="What happens to an address or a login that passes one of the three limits below.\n"
        "`enforce`: it is blocked for `block_for`.\n"
        "`monitor`: it goes on, and the log says who would have been blocked.\n"
        "`off`: nothing is counted.\n"
        "Blocks that are there, and `lockout_budget`, hold in every mode.",
        example='"enforce"',
    )
    interval: float = key(
        Duration(zero_allowed=False),
        default=1800.0,
        prose="How far back the counts reach, at every moment.",
        example='"30m"',
    )
    failures_per_address: int = key(
        Integer(0, _HIGHEST_LIMIT),
        default=100,
        prose="How many wrong passwords may come from one client address within `interval`.\n"
        "The same wrong password of the same login counts once, "
        "so that a telephone with an old password is not a guesser.\n"
        "`0`: it is not limited.",
        example="100",
    )
    failing_logins_per_address: int = key(
        Integer(0, _HIGHEST_LIMIT),
        default=20,
        prose="How many logins may fail from one client address within `interval`.\n"
        "`0`: it is not limited.",
        example="20",
    )
    addresses_per_login: int = key(
        Integer(0, _HIGHEST_LIMIT),
        default=30,
        prose="From how many client addresses one login may succeed within `interval`: "
        "a stolen password is used from many at once.\n"
        "Only right passwords count, so that nobody can get another's login blocked by guessing."
        "\n`0`: it is not limited.",
        example="30",
    )
    block_for: float = key(
        Duration(zero_allowed=False),
        default=3600.0,
        prose="How long who passed a limit is blocked; "
        "`bridgectl unblock` ends it earlier, and counting begins anew.",
        example='"1h"',
    )
    lockout_budget: int = key(
        Integer(0, _HIGHEST_LIMIT),
        default=4,
        prose="How many wrong passwords of one account are sent to one directory, "
        "until `interval` passes without one.\n"
        "It must be below the number with which that directory locks an account; "
        "beyond it, the directory is not asked, and the mail program tries again later (454).\n"
        "It is kept in every `mode`; `0`: there is none.",
        example="4",
    )
    exempt_networks: tuple[str, ...] = key(
        TextList("addresses and networks", network_text),
        default=("127.0.0.0/8", "::1/128"),
        prose="Client addresses that are neither counted nor blocked by the limits: "
        "your webmail server, where everybody's login comes from one address.\n"
        "They are written as in `[sender] trusted_networks`.",
        example='["127.0.0.0/8", "::1/128", "10.0.0.25/32"]',
    )


def doubts_about_restraint(restraint: Restraint) -> Iterator[Finding]:
    """Yield what leaves the counts without effect."""
    if restraint.mode == "off":
        return
    if not any(getattr(restraint, limit) for limit in COUNTS):
        message = f"has no effect: {', '.join(COUNTS[:-1])} and {COUNTS[-1]} are 0"
        yield Finding("restraint.mode", message)
    for network in filter(holds_everything, restraint.exempt_networks):
        message = f"{network} is every address: none of them is counted"
        yield Finding("restraint.exempt_networks", message)
