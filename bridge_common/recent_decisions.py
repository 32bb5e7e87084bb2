"""The decisions made last, for `bridgectl decisions`: whether or not the log holds them.

Knows their numbers and times, and which of them a request asks for; so many are kept, no more.
Knows nothing of what a decision is about, beyond the names of the fields that one may ask by.
It is on the hot path: to keep a decision is to keep a reference; text is made for who asks.
Fails with `BadRequest`; logs nothing.
"""

import ipaddress
import itertools
import secrets
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bridge_common.deadline import Clock
from bridge_common.decision_line import Field
from bridge_common.runtime.control import BadRequest, Reply, text_of
from bridge_common.settings.networks import Network, network_of, network_text

MOST = 250
"""Of one reply: to make its text takes some two milliseconds, in which no login is answered."""

_KEPT = 1000
_FEW = 5


class Decision(Protocol):
    """What is kept; its fields are short, and nobody changes them any more."""

    fields: Mapping[str, Field]
    refused: bool


class RecentDecisions:
    """The decisions of one process, numbered from 1; ``clock`` tells seconds since the epoch."""

    def __init__(self, size: int = _KEPT, clock: Clock = time.time) -> None:
        self._run = secrets.token_hex(8)
        self._clock = clock
        self._numbers = itertools.count(1)
        self._kept: deque[tuple[int, float, Decision]] = deque(maxlen=size)

    def append(self, decision: Decision) -> None:
        """Keep a decision, in place of the oldest one."""
        self._kept.append((next(self._numbers), self._clock(), decision))

    def latest(self) -> list[Reply]:
        """Return the last few, the newest last, for the control command `status`."""
        first = max(0, len(self._kept) - _FEW)
        return [_told(*kept) for kept in itertools.islice(self._kept, first, None)]

    async def answer(self, request: Mapping[str, Any]) -> Reply:
        """Answer the control command `decisions`. Raises BadRequest.

        ``most`` bounds how many; ``login``, ``client``, ``verdict``, ``action`` and ``refused`` say
        which. Without ``after`` they are the last ones, with it the first ones behind that number;
        the numbers are those of one process, which ``run`` names.
        ``last`` is up to where was looked: the next ``after``. ``missed`` are those behind
        ``after`` that are not kept any more, whatever they were about.
        """
        wanted = _wanted(request)
        most = min(MOST, _number_of(request, "most", MOST))
        if "after" not in request:
            return self._reply(self._newest(), 0, self._last_ones(wanted, most))
        after = _number_of(request, "after", 0)
        if text_of(request, "run") != self._run:
            after = 0  # they are numbers of another process
        return self._behind(after, wanted, most)

    def _last_ones(self, wanted: "_Wanted", most: int) -> list[Reply]:
        found = (_told(*kept) for kept in reversed(self._kept) if wanted.matches(kept[2]))
        return list(itertools.islice(found, most))[::-1]

    def _behind(self, after: int, wanted: "_Wanted", most: int) -> Reply:
        last = max(after, self._newest() - len(self._kept))
        missed = last - after
        found: list[Reply] = []
        for number, moment, decision in self._kept_behind(last):
            if len(found) == most:
                break
            last = number
            if wanted.matches(decision):
                found.append(_told(number, moment, decision))
        return self._reply(last, missed, found)

    def _kept_behind(self, number: int) -> Iterator[tuple[int, float, Decision]]:
        first = len(self._kept) - (self._newest() - number)
        return itertools.islice(self._kept, first, None)

    def _newest(self) -> int:
        return self._kept[-1][0] if self._kept else 0

    def _reply(self, last: int, missed: int, found: list[Reply]) -> Reply:
        return {"run": self._run, "last": last, "missed": missed, "decisions": found}


def _told(number: int, moment: float, decision: Decision) -> Reply:
    return {
        "number": number,
        "time": moment,
        "refused": decision.refused,
        "fields": dict(decision.fields),
    }


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which decisions are asked for; what is empty asks for nothing in particular."""

    login: str
    client: Network | None
    verdict: str
    action: str
    only_refused: bool

    def matches(self, decision: Decision) -> bool:
        fields = decision.fields
        return (
            (decision.refused or not self.only_refused)
            and _begins(fields, "verdict", self.verdict)
            and _begins(fields, "action", self.action)
            and (not self.login or self._is_of_login(fields))
            and (self.client is None or self._is_of_client(str(fields.get("client", ""))))
        )

    def _is_of_login(self, fields: Mapping[str, Field]) -> bool:
        names = (str(fields.get(name, "")) for name in ("login", "typed"))
        return any(self.login in name.casefold() for name in names)

    def _is_of_client(self, client: str) -> bool:
        try:
            address = ipaddress.ip_address(client)
        except ValueError:
            return False
        return (getattr(address, "ipv4_mapped", None) or address) in (self.client or ())


def _begins(fields: Mapping[str, Field], name: str, beginning: str) -> bool:
    return not beginning or str(fields.get(name, "")).casefold().startswith(beginning)


def _wanted(request: Mapping[str, Any]) -> _Wanted:
    client = text_of(request, "client")
    try:
        network = network_of(network_text(client)) if client else None
    except ValueError as error:
        raise BadRequest(f"client: {error}") from None
    return _Wanted(
        login=text_of(request, "login").casefold(),
        client=network,
        verdict=text_of(request, "verdict").casefold(),
        action=text_of(request, "action").casefold(),
        only_refused=request.get("refused") is True,
    )


def _number_of(request: Mapping[str, Any], key: str, default: int) -> int:
    value = request.get(key, default)
    if not isinstance(value, int) or value < 0:
        raise BadRequest(f"{key} must be a whole number, at least 0")
    return value
