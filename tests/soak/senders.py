"""The load on sasl-policyd: senders at a steady rate, on one connection, and each action judged.

Who owns an alias is in the directory alone, so the daemon must ask it, well or not.
"""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from lab.policy_client import OUTSIDER, PolicyCaller

from soak.laws import OVERTIME_SECONDS, broken_sender_law
from soak.people import User
from soak.record import Record
from soak.servers import DIRECTORY
from soak.weather import Weather

_LOOKUP_SECONDS = 4.0  # the default of lookup_timeout


@dataclass(frozen=True, slots=True)
class Envelope:
    """A sender as somebody uses it, and whether it is theirs; ``by_heart``: nobody is asked."""

    attributes: dict[str, str]
    owned: bool
    by_heart: bool = False


class Senders:
    """Asks at the policy socket."""

    def __init__(
        self, where: Path, users: Sequence[User], weather: Weather, record: Record, random: Random
    ) -> None:
        self._where = where
        self._in_directory = [user for user in users if DIRECTORY in user.homes]
        self._weather = weather
        self._record = record
        self._random = random
        self._numbers = itertools.count(1)

    async def flow(self, rate: float) -> None:
        """Ask so often a second at most, until cancelled."""
        caller = await PolicyCaller.at(self._where)
        try:
            while True:
                await self._ask(caller, self._envelope())
                await asyncio.sleep(1 / rate)
        finally:
            caller.writer.close()

    def _envelope(self) -> Envelope:
        user, other = self._random.sample(self._in_directory, 2)
        own = {"sasl_username": user.login, "instance": f"soak.{next(self._numbers)}"}
        share = self._random.random()
        if share < 0.3:
            return Envelope(own | {"sender": user.login}, owned=True, by_heart=True)
        if share < 0.6:
            return Envelope(own | {"sender": user.alias}, owned=True)
        if share < 0.9:
            return Envelope(own | {"sender": other.alias}, owned=False)
        return Envelope(own | {"sender": user.login, **OUTSIDER}, owned=False, by_heart=True)

    async def _ask(self, caller: PolicyCaller, envelope: Envelope) -> None:
        begun = self._record.now()
        action = await caller.ask(**envelope.attributes)
        seconds = self._record.now() - begun
        self._record.senders[action[:3] if action[0].isdigit() else action] += 1
        sure = envelope.by_heart or self._weather.was_settled(DIRECTORY, begun)
        law = broken_sender_law(action, owned=envelope.owned, sure=sure)
        if seconds > _LOOKUP_SECONDS + OVERTIME_SECONDS:
            law = law or f"a sender was decided after {seconds:.1f} s only"
        if law:
            self._record.violation(f"{law}: {envelope} {action}")
