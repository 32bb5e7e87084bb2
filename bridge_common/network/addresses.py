"""Where a server's name leads: its addresses, those that failed last.

Knows the resolver, and that it may stall: a lookup runs in a daemon thread of its own, one at
a time for each server, so that it holds up neither other servers nor the end of the program.
What was found is kept when a later lookup fails.
Knows nothing of connections. Fails with `UnreachableError`; logs nothing.
"""

import asyncio
import contextlib
import ipaddress
import itertools
import math
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from bridge_common.deadline import Clock
from bridge_common.network.trouble import UnreachableError, lookup_text, silence_text

# getaddrinfo does not tell the record's time to live; this is short beside any real one.
_FRESH_SECONDS = 30.0
# How long a stalled resolver may hold up a login when older addresses are known.
_PATIENCE_SECONDS = 0.5

# So that each has time for a handshake; the others come first next time, if all of these fail.
_MOST_TRIED = 4

Lookup = Callable[..., list[Any]]
"""Has the interface of socket.getaddrinfo."""

_LookupTrouble = str
"""Why a lookup found nothing; of no meaning when it found something."""


class Addresses:
    """The addresses of one host."""

    def __init__(
        self, host: str, *, lookup: Lookup = socket.getaddrinfo, clock: Clock = time.monotonic
    ) -> None:
        self._host = host
        self._getaddrinfo = lookup
        self._clock = clock
        known = is_address(host)
        self._known: tuple[str, ...] = (host,) if known else ()
        self._fresh_until = math.inf if known else -math.inf
        self._lookup: asyncio.Future[_LookupTrouble] | None = None
        self._patient_until = 0.0

    async def find(self, seconds: float) -> tuple[str, ...]:
        """Return one to four addresses within so many seconds. Raises UnreachableError."""
        if self._clock() < self._fresh_until:
            return self._known[:_MOST_TRIED]
        lookup = self._lookup or self._begin_lookup()
        patience = seconds
        if self._known:
            patience = min(seconds, max(0.0, self._patient_until - self._clock()))
        await asyncio.wait({lookup}, timeout=patience)
        if self._known:
            return self._known[:_MOST_TRIED]
        silence = silence_text(f"address for {self._host}", seconds)
        raise UnreachableError(lookup.result() if lookup.done() else silence)

    def avoid(self, address: str) -> None:
        """Note that this address failed: it comes last from now on."""
        if address in self._known:
            others = (known for known in self._known if known != address)
            self._known = (*others, address)

    def _begin_lookup(self) -> asyncio.Future[_LookupTrouble]:
        loop = asyncio.get_running_loop()
        self._lookup = lookup = loop.create_future()
        self._patient_until = self._clock() + _PATIENCE_SECONDS
        work = threading.Thread(target=self._look_up, args=(loop, lookup), daemon=True)
        try:
            work.start()
        except RuntimeError:  # the system grants no more threads, as with systemd's TasksMax
            self._keep(lookup, (), f"no address for {self._host}: no thread to look it up")
        return lookup

    def _look_up(
        self, loop: asyncio.AbstractEventLoop, lookup: asyncio.Future[_LookupTrouble]
    ) -> None:
        found: tuple[str, ...] = ()
        trouble = f"no address for {self._host}"
        try:
            entries = self._getaddrinfo(self._host, None, type=socket.SOCK_STREAM)
            found = _in_turn(dict.fromkeys(entry[4][0] for entry in entries))
        except Exception as error:  # noqa: BLE001 - a thread ends here, and many may wait for it
            trouble = lookup_text(error, self._host)
        with contextlib.suppress(RuntimeError):  # the program has ended meanwhile
            loop.call_soon_threadsafe(self._keep, lookup, found, trouble)

    def _keep(
        self, lookup: asyncio.Future[_LookupTrouble], found: tuple[str, ...], trouble: str
    ) -> None:
        if found:
            last_good = self._known[:1]
            self._known = tuple(sorted(found, key=lambda address: address not in last_good))
            self._fresh_until = self._clock() + _FRESH_SECONDS
        self._lookup = None
        lookup.set_result(trouble)


def _in_turn(addresses: Iterable[str]) -> tuple[str, ...]:
    """Return IPv6 and IPv4 in turn, as one of them may lead nowhere (RFC 8305 section 4)."""
    families: dict[bool, list[str]] = {}
    for address in addresses:
        families.setdefault(":" in address, []).append(address)
    turns = itertools.zip_longest(*families.values())
    return tuple(address for turn in turns for address in turn if address)


def is_address(host: str) -> bool:
    """Say whether it is an address, so that there is nothing to look up."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
