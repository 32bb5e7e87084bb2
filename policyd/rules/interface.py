"""What every rule has in common: what it is given, and what it may find.

A rule is a pure function. Whether it is off, monitored or enforced, `ruleset` knows.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Literal, NamedTuple

from bridge_common.block import Block
from bridge_common.identity import IdentityRules
from policyd.action import Refuse
from policyd.ownership.interface import Owned, Scope
from policyd.request import PolicyRequest
from policyd.sender import EnvelopeSender

Mode = Literal["off", "monitor", "enforce"]
OnLookupFailure = Literal["tempfail", "accept", "reject"]
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Exempt:
    """An outsider who may use one of our addresses: ``sender`` is an address or ``@domain``."""

    sender: str
    clients: tuple[Network, ...]


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """Section `[sender]` as the rules need it, for one policy_context.

    ``domains`` are ours, as A-labels; None: every domain is. ``identity`` says what may be a login.
    """

    domains: frozenset[str] | None
    match_login: Mode = "off"
    match_scope: Scope = "address"
    fake_sender_control: Mode = "off"
    foreign_sender: Mode = "off"
    null_sender: Mode = "off"
    on_lookup_failure: OnLookupFailure = "tempfail"
    trusted_networks: tuple[Network, ...] = ()
    exceptions: tuple[Exempt, ...] = ()
    recipient_delimiter: str = ""
    help_text: str = ""
    identity: IdentityRules = field(default_factory=lambda: IdentityRules(frozenset()))

    def is_ours(self, domain: str) -> bool:
        """Say whether a domain is one of ours."""
        return self.domains is None or domain in self.domains


class Facts(NamedTuple):
    """What is known of a request when the rules look at it.

    ``owned`` says whether the login owns the sender, if a rule will ask for it; ``how`` says in
    words what that rests on.
    ``block`` is one that holds for the login; then nothing else need be known.
    """

    sender: EnvelopeSender
    owned: Owned = Owned.NO
    how: str = ""
    block: Block | None = None


class Finding(NamedTuple):
    """What a rule finds: a refusal, or none; and why, in words for the administrator."""

    refusal: Refuse | None
    why: str


Rule = Callable[[PolicyRequest, Facts, RuleSettings], Finding]
