"""The guard: who guesses passwords, or uses a stolen one, is blocked for a while.

Counts, within a sliding interval: wrong passwords and failing logins of each client address, and
the addresses from which each login succeeds. Knows what counts, and as what: an address only if the
mail server gave one that is not exempt; IPv6 by /64, the network of one customer (RFC 6177);
the same wrong password of the same login once. Does not know how a block is kept and obeyed
(`bridge_common.blocks`), nor how to count (`tally`).
What it does is one warning in the log. Raises nothing.
"""

import logging
import time
from collections import Counter, OrderedDict
from functools import lru_cache, partial
from ipaddress import ip_address, ip_network
from typing import Any

from bridge_common.blocks import Blocks
from bridge_common.deadline import Clock
from bridge_common.settings.kinds import format_duration
from bridge_common.settings.networks import Network
from bridge_common.settings.networks import network_of as network_in_settings
from bridge_common.settings.restraint import Restraint
from sasl_bridge.credentials import Claim
from sasl_bridge.passdb.keys import keyed_digest
from sasl_bridge.passdb.known_addresses import network_of
from sasl_bridge.passdb.success_cache import Successes
from sasl_bridge.passdb.tally import Tally
from sasl_bridge.verdict import Answer, Cause, Verdict

_logger = logging.getLogger(__name__)

FAILURES = "failures_per_address"
LOGINS = "failing_logins_per_address"
ADDRESSES = "addresses_per_login"

RULES = {
    FAILURES: "wrong passwords came from it",
    LOGINS: "logins failed from it",
    ADDRESSES: "addresses logged in as it",
}
"""The counts, by the keys of their limits."""

# A digest of which only equality matters, and only here, need not be long.
_DIGEST_BYTES = 8

# Writing more would hold up logins for milliseconds.
_MOST_KEPT = 10_000
_MOST_TOLD = 10_000


class Guard:
    """Counts answers, and blocks who passes a limit. It outlives a reload."""

    name = "guard"

    def __init__(self, blocks: Blocks, successes: Successes, clock: Clock = time.monotonic) -> None:
        self.version = 0
        self.blocked: Counter[str] = Counter()
        self.would_have_blocked: Counter[str] = Counter()
        self._blocks = blocks
        self._successes = successes
        self._clock = clock
        self._tallies = {rule: Tally(clock) for rule in RULES}
        self._told: OrderedDict[tuple[str, str], float] = OrderedDict()
        self.obey(Restraint(mode="off"))

    def obey(self, restraint: Restraint) -> None:
        """Keep to these settings from now on."""
        self._settings = restraint
        for rule, tally in self._tallies.items():
            limit = 0 if restraint.mode == "off" else getattr(restraint, rule)
            tally.obey(limit, restraint.interval)
        self._exempt = tuple(map(network_in_settings, restraint.exempt_networks))
        # The same addresses come again and again.
        self._counted_as = lru_cache(maxsize=1024)(partial(counted_address, exempt=self._exempt))
        self._let_go_of_exempt()

    def _let_go_of_exempt(self) -> None:
        """Take back what was blocked before it was exempt."""
        for block in self._blocks.all():
            network = block.network
            if block.by == "guard" and network and any(map(network.overlaps, self._exempt)):
                self._blocks.remove(block.what)

    def note(self, claim: Claim, client: str, answer: Answer) -> None:
        """Count the answer to a claim from this client address.

        A refusal that admission gave counts like a server's: who tries logins of other domains
        guesses too. One that is about the account's state does not, nor one by a block, nor any
        to a client that is blocked: a block is over when its time is, even if its client goes on.
        """
        is_off = self._settings.mode == "off"
        if is_off or answer.verdict is Verdict.UNAVAILABLE or answer.cause is Cause.RESTRAINT:
            return
        address = self._counted_as(client)
        if not address:
            return
        self.version += 1
        if answer.verdict is Verdict.ACCEPTED:
            self._count(ADDRESSES, answer.identity, address)
        elif not answer.account_state and self._blocks.find("", client) is None:
            self._count_failure(address, claim, answer.identity)

    def _count_failure(self, address: str, claim: Claim, identity: str) -> None:
        typed = identity.encode() or claim.login
        # What never was a login of ours may be a password in the wrong place: no text of it.
        self._count(LOGINS, address, identity or _digest(typed))
        self._count(FAILURES, address, _digest(typed, claim.password.reveal()))

    def _count(self, rule: str, subject: str, thing: str | bytes) -> None:
        if not self._tallies[rule].passes(subject, thing):
            return
        restraint = self._settings
        passed = f"more than {getattr(restraint, rule)} {RULES[rule]}"
        why = f"{passed} within {format_duration(restraint.interval)} ({rule})"
        if restraint.mode == "enforce":
            self._block(rule, subject, why)
        elif self._is_news(rule, subject):
            self.would_have_blocked[rule] += 1
            long = format_duration(restraint.block_for)
            how = 'by mode = "enforce"'
            _logger.warning("guard: %s would be blocked for %s %s: %s", subject, long, how, why)

    def _block(self, rule: str, subject: str, why: str) -> None:
        for tally in self._tallies.values():
            tally.forget(subject)
        self.blocked[rule] += 1
        seconds = self._settings.block_for
        block = self._blocks.impose(subject, seconds, why, "guard")
        if not block.network:
            self._successes.forget(block.concerns)
        _logger.warning("guard: %s is blocked for %s: %s", subject, format_duration(seconds), why)

    def _is_news(self, rule: str, subject: str) -> bool:
        """Say whether it was not told yet within the interval; it is then."""
        now, told = self._clock(), self._told
        while told and told[next(iter(told))] <= now - self._settings.interval:
            told.popitem(last=False)
        if (rule, subject) in told:
            return False
        told[rule, subject] = now
        if len(told) > _MOST_TOLD:
            told.popitem(last=False)
        return True

    def summary(self) -> dict[str, Any]:
        """Return what there is to say of it: each count by its rule, the keys of the limits."""
        return {
            "mode": self._settings.mode,
            "counted": {rule: len(tally) for rule, tally in self._tallies.items()},
            "blocked": {rule: self.blocked[rule] for rule in RULES},
            "would_have_blocked": {rule: self.would_have_blocked[rule] for rule in RULES},
        }

    # Over a restart

    def snapshot(self) -> dict[str, Any]:
        """Return the counts; a restart forgets what was already told."""
        return {rule: tally.snapshot(_MOST_KEPT) for rule, tally in self._tallies.items()}

    def restore(self, data: Any, elapsed: float) -> None:
        """Take over what a snapshot held ``elapsed`` seconds ago; what is no such thing is not."""
        for rule, tally in self._tallies.items():
            tally.restore(data.get(rule) if isinstance(data, dict) else None, elapsed)
        self._let_go_of_exempt()


def counted_address(client: str, exempt: tuple[Network, ...]) -> str:
    """Return as what a client's address is counted and blocked; empty: it is not counted.

    In a network with an exempt address, each of the others is by itself.
    """
    try:
        address = ip_address(client)
    except ValueError:
        return ""
    address = getattr(address, "ipv4_mapped", None) or address
    if any(address in network for network in exempt):
        return ""
    whole = network_of(str(address))
    return str(address) if any(map(ip_network(whole).overlaps, exempt)) else whole


def _digest(*parts: bytes) -> bytes:
    return keyed_digest(*parts)[:_DIGEST_BYTES]
