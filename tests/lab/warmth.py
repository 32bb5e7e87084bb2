"""Connections that wait for a login, brought about at once: on loopback none would be worth it."""

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from bridge_common.deadline import Deadline
from bridge_common.secret import Secret
from lab.asking import ASKING, Channel
from lab.fake_server import Behaviour, Peer, Step, script
from lab.leftovers import bounded_memory, settled
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.remote import RemotePassdb
from sasl_bridge.passdb.warm import Pace
from sasl_bridge.verdict import Answer

WRONG = Credentials(ASKING.identity, Secret(b"wrong"))


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


async def ask(
    passdb: RemotePassdb, credentials: Credentials = ASKING, seconds: float = 5.0
) -> Answer:
    """Ask; no server makes that take much memory."""
    with bounded_memory():
        return await passdb.verify(credentials, Deadline.after(seconds))


def all_given_back(passdb: RemotePassdb) -> bool:
    """Say whether no connection is taken, and none waits."""
    return passdb.slots.taken == len(passdb.warm) == 0


def until(event: threading.Event, seconds: float = 10.0) -> Behaviour:
    """Return what does nothing until the test wants it to go on."""

    def behave(_: Peer) -> None:
        event.wait(seconds)

    return behave


def blocked_until(condition: Callable[[], bool]) -> None:
    """Let the event loop notice nothing of it."""
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)
