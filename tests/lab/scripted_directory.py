"""A directory in virtual time that says of each login what the test tells it to.

For what is kept of answers, and for how long: exact times, no socket, no real sleep.
"""

import asyncio
from collections.abc import Awaitable, Callable

from bridge_common.deadline import Deadline
from bridge_common.directory.directory import Directory
from bridge_common.directory.results import AddressesResult, OwnAddresses
from bridge_common.identity import Identity
from lab.asking_directory import ALICE, profile
from lab.virtual_time import BEGIN, VirtualTimeLoop
from policyd.ownership.directory import Addresses, DirectoryAddresses


class ScriptedDirectory(Directory):
    """Answers with ``says`` after so many ``seconds``; ``asked`` are the logins, in order.

    ``stopped`` are those that nobody wanted to hear about any more, ``granted`` is the time that it
    had each time.
    """

    def __init__(self, says: AddressesResult, seconds: float = 0.0) -> None:
        super().__init__(profile(), ())
        self.says, self.seconds = says, seconds
        self.asked: list[Identity] = []
        self.stopped: list[Identity] = []
        self.granted: list[float] = []
        self.closed = False

    async def addresses_of(self, identity: Identity, deadline: Deadline) -> AddressesResult:
        self.asked.append(identity)
        self.granted.append(round(deadline.remaining(), 3))
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.stopped.append(identity)
            raise
        return self.says

    def close(self) -> None:
        self.closed = True


def own(*addresses: str) -> OwnAddresses:
    """Return the answer that these are all."""
    return OwnAddresses(addresses, ())


class Asked:
    """What asks a scripted directory, on the loop's clock."""

    def __init__(self, directory: ScriptedDirectory) -> None:
        self.directory = directory
        self.clock = asyncio.get_running_loop().time
        self.known = DirectoryAddresses(directory, clock=self.clock)

    async def look_up(self, seconds: float = 4.0, who: Identity = ALICE) -> Addresses:
        return await self.known.look_up(who, Deadline.after(seconds, self.clock))

    def now(self) -> float:
        """Return how many seconds have passed."""
        return round(self.clock() - BEGIN, 3)


def run(
    directory: ScriptedDirectory, test: Callable[[Asked], Awaitable[None]]
) -> ScriptedDirectory:
    """Run the test in virtual time; no task is left behind."""

    async def whole() -> None:
        await test(Asked(directory))
        await asyncio.sleep(0)  # what was stopped in the last moment
        assert len(asyncio.all_tasks()) == 1

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(whole())
    return directory
