"""Who is blocked: logins, and addresses of clients.

Finds the block that holds for a login or a client, quickly: what is blocked exactly costs a look
into a table, only what is blocked by a part of its name costs more.
Does not know who obeys: sasl-bridge keeps the blocks and refuses AUTH, sasl-policyd reads them and
refuses MAIL FROM. Raises nothing; logs nothing.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

from bridge_common.block import (
    Block,
    By,
    Match,
    blocks_in,
    canonical_block,
    format_block,
)
from bridge_common.settings.networks import Network

_MAX_BY_GUARD = 10_000
"""Strangers have any number of addresses: beyond it, the guard's oldest block goes."""

_LAST_MOMENT = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


class Blocks:
    """All blocks there are. ``version`` changes with each change; a `Kept` thing.

    That one is over changes nothing: who was not blocked still is not.
    """

    name = "blocks"

    def __init__(self, wall_clock: Callable[[], float] = time.time) -> None:
        self.version = 0
        self._wall_clock = wall_clock
        self._blocks: dict[tuple[str, Match], Block] = {}  # the oldest first
        self._logins: dict[str, Block] = {}
        self._patterns: list[Block] = []
        # By version of IP, length of the prefix, and the prefix itself.
        self._networks: dict[tuple[int, int, int], Block] = {}
        self._lengths: set[tuple[int, int]] = set()
        self._guards = 0

    def __len__(self) -> int:
        return len(self._blocks)

    def find(self, login: str, address: str = "") -> Block | None:
        """Return a block that holds for a canonical login, or for a client's address, or None."""
        if not self._blocks:
            return None
        now = self._wall_clock()
        candidates = (block for block in self._candidates(login, address) if block.holds_at(now))
        return next(candidates, None)

    def _candidates(self, login: str, address: str) -> Iterator[Block]:
        if exactly := self._logins.get(login):
            yield exactly
        yield from (block for block in self._patterns if login and block.concerns(login))
        if self._lengths and address:
            yield from self._those_of(address)

    def _those_of(self, address: str) -> Iterator[Block]:
        try:
            client = ip_address(address)
        except ValueError:
            return
        client = getattr(client, "ipv4_mapped", None) or client
        for version, length in self._lengths:
            if version == client.version:
                prefix = int(client) >> (client.max_prefixlen - length)
                if block := self._networks.get((version, length, prefix)):
                    yield block

    def impose(
        self, what: str, seconds: float | None, reason: str, by: By, match: Match = "equals"
    ) -> Block:
        """Block a login or a network for so many seconds, or for good (None).

        Return the block that holds now: the guard does not shorten what an administrator said.
        Raises ValueError if ``what`` is written as a network and is none.
        """
        now = self._wall_clock()
        until = None if seconds is None else math.ceil(min(now + seconds, _LAST_MOMENT))
        block = canonical_block(Block(what, match, until, reason, int(now), by))
        before = self._blocks.get((block.what, match))
        if by == "guard" and before and before.by == "administrator" and before.holds_at(now):
            return before
        self.add(block)
        return block

    def add(self, *blocks: Block) -> int:
        """Add blocks, each in place of the one that is about the same; those that are over go.

        Return how many were added: one that is over already takes nobody's place.
        """
        now = self._wall_clock()
        added = [block for block in blocks if block.holds_at(now)]
        for block in added:
            self._drop(block.what, block.match)
            self._put(block)
        for block in [block for block in self._blocks.values() if not block.holds_at(now)]:
            self._drop(block.what, block.match)
        self.version += 1
        return len(added)

    def remove(self, what: str, match: Match = "equals") -> Block | None:
        """Remove a block; return it, if there was one that was not over."""
        block = self._drop(what, match)
        if block is None:
            return None
        self.version += 1
        return block if block.holds_at(self._wall_clock()) else None

    def all(self) -> tuple[Block, ...]:
        """Return every block that is not over, the oldest first."""
        now = self._wall_clock()
        return tuple(block for block in self._blocks.values() if block.holds_at(now))

    def replace_all(self, blocks: tuple[Block, ...]) -> None:
        """Let these be all there are."""
        for block in tuple(self._blocks.values()):
            self._drop(block.what, block.match)
        self.add(*blocks)

    def _put(self, block: Block) -> None:
        self._blocks[block.what, block.match] = block
        if block.match != "equals":
            self._patterns.append(block)
        elif network := block.network:
            key = _key_of(network)
            self._networks[key] = block
            self._lengths.add(key[:2])
        else:
            self._logins[block.what] = block
        if block.by == "guard":
            self._guards += 1
            if self._guards > _MAX_BY_GUARD:
                oldest = next(one for one in self._blocks.values() if one.by == "guard")
                self._drop(oldest.what, oldest.match)

    def _drop(self, what: str, match: Match) -> Block | None:
        block = self._blocks.pop((what, match), None)
        if block is None:
            return None
        self._guards -= block.by == "guard"
        if match != "equals":
            self._patterns.remove(block)
        elif network := block.network:
            del self._networks[_key_of(network)]
            if not self._networks:
                self._lengths.clear()
        else:
            del self._logins[what]
        return block

    # Over a restart

    def snapshot(self) -> dict[str, Any]:
        """Return every block that is not over."""
        return {"blocks": [format_block(block) for block in self.all()]}

    def restore(self, data: Any, _elapsed: float) -> None:
        """Take over the blocks of a snapshot, besides those that came since."""
        came_since = self.all()
        with contextlib.suppress(ValueError):
            self.add(*blocks_in(data), *came_since)


def _key_of(network: Network) -> tuple[int, int, int]:
    bits = network.max_prefixlen - network.prefixlen
    return network.version, network.prefixlen, int(network.network_address) >> bits
