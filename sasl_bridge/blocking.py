"""What an administrator says about blocks, over the control socket: block, unblock, list, import.

A block is in force as soon as it is made, and is on the disk when the answer comes; if it cannot be
written, the answer says so. What is remembered of a login that is blocked is forgotten, so that
nothing of it is left when the block ends.
Knows how commands are written; what a block is, `bridge_common.block` knows. Fails with BadRequest.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bridge_common.block import (
    MATCHES,
    MAX_TEXT,
    Block,
    Match,
    canonical_block,
    format_block,
    network_in,
    parse_block,
)
from bridge_common.blocks import Blocks
from bridge_common.identity import Identity, IdentityRules, canonical_identity
from bridge_common.runtime.control import BadRequest, Command, Reply, text_of
from bridge_common.runtime.state_folder import StateFolder, is_age
from bridge_common.shown import printable
from sasl_bridge.passdb.success_cache import Successes


class Blocking:
    """The commands; ``identity`` returns the rules by which a login is read now."""

    def __init__(
        self,
        blocks: Blocks,
        state: StateFolder,
        successes: Successes,
        identity: Callable[[], IdentityRules],
    ) -> None:
        self._blocks = blocks
        self._state = state
        self._successes = successes
        self._identity = identity
        self.commands: Mapping[str, Command] = {
            "block": self._block,
            "unblock": self._unblock,
            "blocks": self._list,
            "import_blocks": self._import,
        }

    async def _block(self, request: Mapping[str, Any]) -> Reply:
        """Block ``what`` ``for_seconds``, or for good; ``ours``: it may be a login, or an address.

        ``kept`` is empty, or why a restart would forget it.
        """
        what, match = _named(request)
        reason, seconds = _short(request, "reason"), request.get("for_seconds")
        if seconds is not None and not (is_age(seconds) and seconds > 0):
            raise BadRequest("for_seconds must be a positive number")
        try:
            meant = self._as_meant(Block(what, match))
            block = self._blocks.impose(meant.what, seconds, reason, "administrator", match)
        except ValueError as error:
            raise BadRequest(str(error)) from None
        forgotten = self._successes.forget(block.concerns)
        return {
            "block": format_block(block),
            "ours": self._may_log_in(block),
            "forgotten": forgotten,
            "kept": await self._state.write(self._blocks),
        }

    async def _unblock(self, request: Mapping[str, Any]) -> Reply:
        """Take a block back; null is ``removed`` if there was none, ``still`` if no other holds."""
        what, match = _named(request)
        try:
            meant = self._as_meant(Block(what, match))
        except ValueError as error:
            raise BadRequest(str(error)) from None
        removed = self._blocks.remove(meant.what, match)
        still = None if match != "equals" else self._blocks.find(*_who(meant))
        return {
            "what": meant.what,
            "removed": format_block(removed) if removed else None,
            "still": format_block(still) if still else None,
            "kept": await self._state.write(self._blocks),
        }

    async def _list(self, _request: Mapping[str, Any]) -> Reply:
        return {"blocks": [format_block(block) for block in self._blocks.all()]}

    async def _import(self, request: Mapping[str, Any]) -> Reply:
        """Add all of ``blocks``, or none if one cannot be read."""
        found = request.get("blocks")
        if not isinstance(found, list):
            raise BadRequest("blocks must be a list")
        try:
            blocks = [self._as_meant(parse_block(one)) for one in found]
        except ValueError as error:
            raise BadRequest(f"a block {error}") from None
        added = self._blocks.add(*blocks)
        logins = {block.what for block in blocks if block.match == "equals"}
        parts = [block for block in blocks if block.match != "equals"]
        forgotten = self._successes.forget(
            lambda login: login in logins or any(part.concerns(login) for part in parts)
        )
        return {
            "added": added,
            "forgotten": forgotten,
            "kept": await self._state.write(self._blocks),
        }

    def _as_meant(self, block: Block) -> Block:
        """Return it in canonical form; a login by the rules for logins. Raises ValueError."""
        if block.match == "equals" and network_in(block.what) is None:
            login = block.what.encode("utf-8", "surrogateescape")
            identity = canonical_identity(login, self._identity())
            if isinstance(identity, Identity):
                block = replace(block, what=identity.address)
        return canonical_block(block)

    def _may_log_in(self, block: Block) -> bool:
        """Say whether somebody could log in whom the block is about."""
        if block.match != "equals" or block.network:
            return True
        return isinstance(canonical_identity(block.what.encode(), self._identity()), Identity)


def _named(request: Mapping[str, Any]) -> tuple[str, Match]:
    what, match = _short(request, "what"), text_of(request, "match", "equals")
    if not what:
        raise BadRequest("what must name a login or an address")
    if match not in MATCHES:
        raise BadRequest(f"match must be one of {', '.join(MATCHES)}")
    return what, match


def _short(request: Mapping[str, Any], key: str) -> str:
    text = text_of(request, key)
    if len(text) > MAX_TEXT or text != printable(text):
        raise BadRequest(f"{key} must be at most {MAX_TEXT} printable characters")
    return text


def _who(block: Block) -> tuple[str, str]:
    """Return the login, and the client's address, that a block by equals is about."""
    network = block.network
    return ("", str(network.network_address)) if network else (block.what, "")
