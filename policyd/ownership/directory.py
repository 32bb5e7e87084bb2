"""The addresses that a directory says a login owns: asked for once, and known for a minute.

Fifty recipients of a mail are fifty questions about one login. Those that come while the first is
being asked wait for the same answer, each until its own deadline. What was answered is known for a
minute; that nobody could say, for two seconds, so that a dead directory is not waited for fifty
times, nor its trouble told for longer than it lasts.
Does not know what is asked of the addresses, nor how a directory is asked. Every trouble is a
value; raises nothing but CancelledError, logs nothing.
"""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal, get_args

from bridge_common.deadline import Clock, Deadline
from bridge_common.directory.directory import Directory
from bridge_common.directory.results import AddressesResult, Fault, NoEntry, OwnAddresses, Trouble
from bridge_common.histogram import Histogram
from bridge_common.identity import Identity
from bridge_common.network.trouble import silence_text

LookUp = Literal["known", "unknown", "failed"]
"""What came of asking the directory about a login."""

_KNOWN_SECONDS = 60.0
_TROUBLE_SECONDS = 2.0
_MOST_LOGINS = 10_000
# Of the time of whoever asks first: then the directory's own words for its silence come in time.
_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Addresses:
    """What a login owns, canonical; with a ``trouble`` there may be more: nobody could say.

    ``send_as``: those of them that are not its own, but of what `send_as_filter` finds.
    """

    addresses: frozenset[str]
    trouble: str = ""
    send_as: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Work:
    """A question that is being asked, and how many wait for its answer."""

    task: asyncio.Task[Addresses]
    waiting: int = 0


class DirectoryAddresses:
    """Asks one directory; an instance belongs to one event loop.

    ``times`` are how long it took to say that it knows a login, or not, or to fail to.
    """

    def __init__(self, directory: Directory, *, clock: Clock = time.monotonic) -> None:
        self.directory = directory
        self._clock = clock
        self.times: dict[LookUp, Histogram] = {kind: Histogram() for kind in get_args(LookUp)}
        self._known: OrderedDict[Identity, tuple[Addresses, float]] = OrderedDict()
        self._work: dict[Identity, _Work] = {}

    def recall(self, login: Identity) -> Addresses | None:
        """Return what is known, a trouble of the last two seconds included; None: look it up."""
        addresses, until = self._known.get(login, (None, 0.0))
        return addresses if self._clock() < until else None

    async def look_up(self, login: Identity, deadline: Deadline) -> Addresses:
        """Answer by the deadline; the directory is asked if nothing is known."""
        known = self.recall(login)
        if known is not None:
            return known
        seconds = deadline.remaining()
        if not seconds:
            return self._silence(seconds)
        work = self._work.get(login) or self._begin(login, deadline)
        work.waiting += 1
        try:
            await asyncio.wait({work.task}, timeout=seconds)
        finally:
            work.waiting -= 1
            if not work.waiting:
                self._end(login, work)
        return work.task.result() if work.task.done() else self._silence(seconds)

    def take_over(self, before: "DirectoryAddresses") -> None:
        """Go on with what is known of the directory's hosts, and of how long it takes."""
        self.directory.take_over(before.directory)
        self.times = before.times

    def close(self) -> None:
        """Forget everything and keep no connection any more; who waits is still answered."""
        self._known.clear()
        self.directory.close()

    def _begin(self, login: Identity, deadline: Deadline) -> _Work:
        """Ask in a task of its own: whoever was first may go before the others."""
        share = Deadline.after(_SHARE * deadline.remaining(), deadline.clock)
        self._work[login] = work = _Work(asyncio.create_task(self._ask(login, share)))
        return work

    def _end(self, login: Identity, work: _Work) -> None:
        """Nobody waits any more: what is not yet answered is not asked any further."""
        if self._work.get(login) is work:
            del self._work[login]
        work.task.cancel()

    async def _ask(self, login: Identity, deadline: Deadline) -> Addresses:
        began = self._clock()
        result = await self.directory.addresses_of(login, deadline)
        addresses = self._addresses(result)
        known: LookUp = "unknown" if isinstance(result, NoEntry) else "known"
        self.times["failed" if addresses.trouble else known].observe(self._clock() - began)
        self._keep(login, addresses)
        return addresses

    def _keep(self, login: Identity, addresses: Addresses) -> None:
        """Keep an answer, and drop what is too old or, of what is oldest, too much."""
        now = self._clock()
        self._known.pop(login, None)
        seconds = _TROUBLE_SECONDS if addresses.trouble else _KNOWN_SECONDS
        self._known[login] = addresses, now + seconds
        while len(self._known) > _MOST_LOGINS or next(iter(self._known.values()))[1] <= now:
            self._known.popitem(last=False)

    def _addresses(self, result: AddressesResult) -> Addresses:
        if isinstance(result, NoEntry):
            return Addresses(frozenset())
        if isinstance(result, OwnAddresses):
            owned = frozenset(result.own + result.send_as)
            trouble = self._worded(result.missing) if result.missing else ""
            return Addresses(owned, trouble, owned.difference(result.own))
        why = result.detail
        if isinstance(result, Trouble) and result.fault is Fault.ACCOUNT:
            why = f"the directory refuses our own account (bind_dn): {why}"
        return Addresses(frozenset(), self._worded(why))

    def _silence(self, seconds: float) -> Addresses:
        return Addresses(frozenset(), self._worded(silence_text("answer", seconds)))

    def _worded(self, trouble: str) -> str:
        return f"ldap_profile {self.directory.profile.name}: {trouble}"
