"""Where a server's name leads: its addresses, the one that worked last first.

Knows the resolver, and that it may stall: a lookup runs in a daemon thread of its own, one at
a time for each server, so that it holds up neither other servers nor the end of the program.
What was found is kept when a later lookup fails.
Knows nothing of connections. Fails with `UnreachableError`; logs nothing.
"""

import asyncio
import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from bridge_common.deadline import Clock
from sasl_bridge.passdb.trouble import UnreachableError, lookup_text

# getaddrinfo does not tell the record's time to live; this is short beside any real one.
_FRESH_SECONDS = 30.0
# How long a stalled resolver may hold up a login when older addresses are known.
_PATIENCE_SECONDS = 0.5

Lookup = Callable[..., list[Any]]
"""Has the interface of socket.getaddrinfo."""

_LookupTrouble = str
"""Why a lookup failed; empty when it did not."""


class Addresses:
    """The addresses of one host."""

    def __init__(
        self, host: str, *, lookup: Lookup = socket.getaddrinfo, clock: Clock = time.monotonic
    ) -> None:
        self._host = host
        self._getaddrinfo = lookup
        self._clock = clock
        self._known: tuple[str, ...] = ()
        self._fresh_until = 0.0
        self._lookup: asyncio.Future[_LookupTrouble] | None = None
        self._patient_until = 0.0

    async def find(self) -> tuple[str, ...]:
        """Return the addresses, at least one. Raises UnreachableError."""
        if _is_address(self._host):
            return (self._host,)
        if self._known and self._clock() < self._fresh_until:
            return self._known
        lookup = self._lookup or self._begin_lookup()
        patience = max(0.0, self._patient_until - self._clock()) if self._known else None
        await asyncio.wait({lookup}, timeout=patience)
        if not self._known:
            raise UnreachableError(lookup.result())
        return self._known

    def prefer(self, address: str) -> None:
        """Note that this address answers: it comes first from now on."""
        if self._known and self._known[0] != address:
            others = (known for known in self._known if known != address)
            self._known = (address, *others)

    def _begin_lookup(self) -> asyncio.Future[_LookupTrouble]:
        loop = asyncio.get_running_loop()
        self._lookup = loop.create_future()
        self._patient_until = self._clock() + _PATIENCE_SECONDS
        work = threading.Thread(target=self._look_up, args=(loop, self._lookup), daemon=True)
        work.start()
        return self._lookup

    def _look_up(
        self, loop: asyncio.AbstractEventLoop, lookup: asyncio.Future[_LookupTrouble]
    ) -> None:
        found: tuple[str, ...] = ()
        trouble = ""
        try:
            entries = self._getaddrinfo(self._host, None, type=socket.SOCK_STREAM)
            found = tuple(dict.fromkeys(entry[4][0] for entry in entries))
        except (OSError, UnicodeError) as error:  # UnicodeError: not encodable as a host name
            trouble = lookup_text(error, self._host)
        with contextlib.suppress(RuntimeError):  # the program has ended meanwhile
            loop.call_soon_threadsafe(self._keep, lookup, found, trouble)

    def _keep(
        self, lookup: asyncio.Future[_LookupTrouble], found: tuple[str, ...], trouble: str
    ) -> None:
        if found:
            last_good = self._known[:1]
            self._known = found
            self._fresh_until = self._clock() + _FRESH_SECONDS
            if set(last_good) & set(found):
                self.prefer(*last_good)
        self._lookup = None
        lookup.set_result(trouble)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
