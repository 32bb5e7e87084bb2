"""What must be known of a request before the rules look at it: the sender's readings, its owner.

Knows which of that can be known at once, and what must be looked up. Does not know what the rules
make of it. Raises nothing but CancelledError; a fault of ours is logged, and then nobody could say.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bridge_common.block import Block, canonical_part
from bridge_common.blocks import Blocks
from bridge_common.deadline import Deadline
from bridge_common.identity import (
    MAX_LOGIN_BYTES,
    Identity,
    IdentityRules,
    RefusedLogin,
    canonical_identity,
)
from policyd.ownership.interface import Belongings, Owned, Ownership, Scope
from policyd.request import PolicyRequest
from policyd.rules.interface import Facts, RuleSettings
from policyd.ruleset import needs_owner
from policyd.sender import SenderRules, resolve_sender

_logger = logging.getLogger(__name__)

# Owners who overstay their deadline have a fault.
_OVERTIME_SECONDS = 0.2
_MOST_LOGINS = 10_000


class Owners(Protocol):
    """Says whether a login owns an address."""

    def recall(self, login: Identity, address: str, scope: Scope) -> Ownership | None:
        """Answer at once, or return None: then it must be looked up."""

    async def look_up(
        self, login: Identity, address: str, scope: Scope, deadline: Deadline
    ) -> Ownership:
        """Answer by the deadline; raises only CancelledError."""

    async def belongings(self, login: Identity, deadline: Deadline) -> Belongings:
        """Return what a login owns, for who wants to understand; raises only CancelledError."""


@dataclass(frozen=True, slots=True)
class InForce:
    """The settings in force, who knows what a login owns, and who is blocked.

    ``rules`` are those of each policy_context, by its name; "" are the section's own.
    ``lookup_timeout`` is in seconds.
    """

    rules: Mapping[str, RuleSettings]
    reading: SenderRules
    identity: IdentityRules
    owners: Owners
    lookup_timeout: float
    blocks: Blocks = field(default_factory=Blocks)
    _logins: dict[str, Identity | RefusedLogin] = field(default_factory=dict)

    def rules_for(self, context: str) -> RuleSettings:
        """Return the rules of a policy_context."""
        return self.rules.get(context) or self.rules[""]

    def has_rules_for(self, context: str) -> bool:
        """Say whether a policy_context is one of those that the settings know; "" always is."""
        return context in self.rules

    def facts_at_once(self, request: PolicyRequest, rules: RuleSettings) -> Facts | None:
        """Return what these rules need to know, or None: then it must be looked up."""
        sender = resolve_sender(request.sender, self.reading)
        if block := self.block(request):
            return Facts(sender, block=block)
        if not needs_owner(request, sender, rules):
            return Facts(sender)
        login = self.login(request)
        if isinstance(login, RefusedLogin):
            return Facts(sender, how=f"the login is none of ours: {login.reason}")
        ownership = self.owners.recall(login, sender.address, rules.match_scope)
        return Facts(sender, ownership.owned, ownership.how) if ownership else None

    async def facts(self, request: PolicyRequest, rules: RuleSettings) -> Facts:
        """Return what these rules need to know, within ``lookup_timeout``."""
        if known := self.facts_at_once(request, rules):
            return known
        sender = resolve_sender(request.sender, self.reading)
        login = self.login(request)
        assert isinstance(login, Identity)  # noqa: S101  # for the type checker: else it is known
        ownership = await self._look_up(login, sender.address, rules.match_scope)
        return Facts(sender, ownership.owned, ownership.how)

    def block(self, request: PolicyRequest) -> Block | None:
        """Return a block that holds for the login."""
        if not len(self.blocks) or not request.is_authenticated:
            return None
        login = self.login(request)
        if isinstance(login, RefusedLogin):  # none of ours, but Postfix may ask others too
            return self.blocks.find(canonical_part(request.sasl_username))
        return self.blocks.find(login.address)

    def login(self, request: PolicyRequest) -> Identity | RefusedLogin:
        """Return the identity of a login; remembered, since each mail of a login brings it."""
        text = request.sasl_username
        known = self._logins.get(text)
        if known is None:
            known = canonical_identity(text.encode("utf-8", "surrogateescape"), self.identity)
            if len(text) > MAX_LOGIN_BYTES:  # refused, and too long to be kept
                return known
            if len(self._logins) >= _MOST_LOGINS:
                self._logins.clear()
            self._logins[text] = known
        return known

    async def _look_up(self, login: Identity, address: str, scope: Scope) -> Ownership:
        deadline = Deadline.after(self.lookup_timeout)
        try:
            async with asyncio.timeout(deadline.remaining() + _OVERTIME_SECONDS):
                return await self.owners.look_up(login, address, scope, deadline)
        except TimeoutError:
            _logger.error("a look-up overstayed its deadline")  # noqa: TRY400  # no traceback helps
        except Exception:
            _logger.exception("looking up the sender's owner failed")
        return Ownership(Owned.UNKNOWN, "an error of our own; see the log")
