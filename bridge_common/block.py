"""One block: who is blocked, for good or for a time, and why; and how it is written as JSON.

Knows what is plainly an address or a network, and what is a login: one is compared in canonical
form, in any case of letters, the other holds addresses of clients.
Does not know who is blocked at the moment, that is `blocks`'. Pure but for the local time zone.
Fails with ValueError, which completes a sentence about what is no block; logs nothing.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Literal, cast, get_args

from bridge_common.address import canonical_local, domain_to_a_label
from bridge_common.settings.networks import Network, network_of, network_text
from bridge_common.shown import printable

Match = Literal["equals", "starts-with", "contains"]
By = Literal["administrator", "guard"]

MATCHES: tuple[Match, ...] = get_args(Match)

MAX_TEXT = 255
"""Characters, of a login and of a reason: no login of ours is longer."""

_NETWORK_SIGNS = frozenset("0123456789abcdefABCDEF:.[]/")


@dataclass(frozen=True, slots=True)
class Block:
    """One block. ``what``: a login, or part of one, or a network, each in canonical form.

    ``since`` and ``until`` are whole seconds since the epoch; ``until`` None: for good.
    """

    what: str
    match: Match = "equals"
    until: int | None = None
    reason: str = ""
    since: int = 0
    by: By = "administrator"

    @property
    def network(self) -> Network | None:
        """The network that is blocked; None: it is about logins."""
        return network_in(self.what) if self.match == "equals" else None

    def concerns(self, login: str) -> bool:
        """Say whether it is about this canonical login."""
        match self.match:
            case "equals":
                return login == self.what
            case "starts-with":
                return login.startswith(self.what)
            case "contains":
                return self.what in login

    def in_words(self) -> str:
        """Return what it is about, and who says so why, for the log."""
        how = {"equals": "", "starts-with": "what starts with ", "contains": "what contains "}
        why = f": {self.reason}" if self.reason else ""
        return f"{how[self.match]}{self.what}, by the {self.by}{why}"

    def holds_at(self, now: float) -> bool:
        """Say whether it is not over, at this time since the epoch."""
        return self.until is None or now < self.until


def network_in(text: str) -> Network | None:
    """Return the network or address that a text plainly is, or None: then it is a login.

    Raises ValueError where it is meant to be a network and is none.
    """
    if "/" not in text and not _is_address(text.strip("[]")):
        return None
    return network_of(network_text(text)) if _NETWORK_SIGNS.issuperset(text) else None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def canonical_part(text: str) -> str:
    """Return a login, or a part of one, as it is compared; a domain in it as A-label."""
    local, at, domain = canonical_local(text).rpartition("@")
    if not at:  # a name, or a part of one
        return domain
    return f"{local}@{domain_to_a_label(domain) or domain}"


def format_block(block: Block) -> dict[str, Any]:
    """Return a block as JSON has it; times are in UTC."""
    return {
        "what": block.what,
        "match": block.match,
        "until": None if block.until is None else _format_time(block.until),
        "reason": block.reason,
        "since": _format_time(block.since),
        "by": block.by,
    }


def parse_block(found: Any, since: int = 0) -> Block:
    """Return the block that JSON holds; only ``what`` is required. Raises ValueError.

    ``since`` is for one that does not say since when.
    """
    if not isinstance(found, dict):
        raise ValueError("is no JSON object")  # noqa: TRY004  # of what a file holds
    if unknown := found.keys() - {"what", "match", "until", "reason", "since", "by"}:
        raise ValueError(f"holds {min(map(repr, unknown))}, which is no key of a block")
    match = _one_of(found, "match", MATCHES)
    until, began = found.get("until"), found.get("since")
    block = Block(
        what=_text(found, "what"),
        match=cast("Match", match),
        until=None if until is None else _parse_time(until, "until"),
        reason=_text(found, "reason", "") if found.get("reason") else "",
        since=since if began is None else _parse_time(began, "since"),
        by=cast("By", _one_of(found, "by", get_args(By))),
    )
    return canonical_block(block)


def canonical_block(block: Block) -> Block:
    """Return it with ``what`` in canonical form. Raises ValueError where it cannot be matched."""
    network = network_in(block.what)
    if network is None:
        return replace(block, what=canonical_part(block.what))
    if block.match != "equals":
        raise ValueError(f"{block.what} is an address: it can only be matched by equals")
    return replace(block, what=_network_text(network))


def _network_text(network: Network) -> str:
    single = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if single else str(network)


def blocks_in(snapshot: Any) -> tuple[Block, ...]:
    """Return the blocks that a snapshot holds, those of them that can be read.

    Raises ValueError if it is no snapshot of blocks.
    """
    found = snapshot.get("blocks") if isinstance(snapshot, dict) else None
    if not isinstance(found, list):
        raise ValueError("holds no blocks")  # noqa: TRY004  # of what a file holds
    return tuple(_readable(found))


def _readable(found: list[Any]) -> Iterator[Block]:
    for one in found:
        try:
            yield parse_block(one)
        except ValueError:
            continue


def _text(found: dict[str, Any], key: str, default: str | None = None) -> str:
    text = found.get(key, default)
    if not isinstance(text, str) or not text:
        raise ValueError(f"needs {key}, a text")
    if len(text) > MAX_TEXT or text != printable(text):
        raise ValueError(f"holds a {key} that is longer than {MAX_TEXT} characters or unprintable")
    return text


def _one_of(found: dict[str, Any], key: str, words: tuple[str, ...]) -> str:
    word = found.get(key, words[0])
    if word not in words:
        raise ValueError(f"holds a {key} that is none of {', '.join(words)}")
    return str(word)


def _format_time(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _parse_time(text: Any, key: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
        seconds = math.ceil((moment if moment.tzinfo else moment.astimezone()).timestamp())
        _format_time(seconds)  # at an end of the calendar, UTC may have no such year
    except (TypeError, ValueError, OverflowError, OSError):
        raise ValueError(f"holds a {key} that is no time as 2026-11-25T10:00:00Z") from None
    return seconds
