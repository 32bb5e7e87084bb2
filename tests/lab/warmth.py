"""Connections that wait for a login, brought about at once: on loopback none would be worth it."""

import itertools
from dataclasses import dataclass

from lab.asking import Channel
from lab.fake_server import Behaviour, Peer, Step, script
from lab.leftovers import settled
from sasl_bridge.passdb.remote import RemotePassdb
from sasl_bridge.passdb.warm import Pace


@dataclass(slots=True)
class Keeping(Pace):
    """Wants so many, however logins come and however near the server is."""

    number: int = 1

    def wanted(self, now: float) -> int:
        """Return the number."""
        return self.number


async def warmed(passdb: RemotePassdb, number: int = 1, *, then: int = 0) -> Keeping:
    """Have so many wait; return the pace, which wants ``then`` many from now on."""
    passdb.warm.pace = pace = Keeping(number=number)
    assert passdb.warm.take() is None
    await settled(lambda: len(passdb.warm) == number)
    pace.number = then
    return pace


def at_rest(channel: Channel, *then: Step) -> Behaviour:
    """Return a server that is good until it waits for the login, and then does this."""
    good: list[Step] = []
    for stage in channel.stages:
        if stage.in_opening:
            good += [*stage.hears, stage.says]
    return script(*good, *then)


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Return a server that treats each connection in the next way, and all others in the last."""
    numbers = itertools.count()

    def behave(peer: Peer) -> None:
        behaviours[min(next(numbers), len(behaviours) - 1)](peer)

    return behave
