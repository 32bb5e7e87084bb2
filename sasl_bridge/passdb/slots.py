"""How many connections to a server there may be at a time, and how many there are.

Knows nothing of connections. Raises nothing; logs nothing.
"""

import asyncio


class Slots:
    """``limit`` is how many there may be, ``taken`` how many there are."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken = 0
        self._semaphore = asyncio.Semaphore(limit)

    @property
    def all_taken(self) -> bool:
        """Whether whoever wants one has to wait."""
        return self._semaphore.locked()

    @property
    def half_free(self) -> bool:
        """Whether half of them would still be free if one more were taken."""
        return 2 * (self.taken + 1) <= self.limit

    async def take(self, seconds: float) -> bool:
        """Take one, at once if one is free; False if none becomes free within so many seconds."""
        if not self._semaphore.locked():
            await self._semaphore.acquire()
        else:
            try:
                async with asyncio.timeout(seconds):
                    await self._semaphore.acquire()
            except TimeoutError:
                return False
        self.taken += 1
        return True

    def free(self) -> None:
        """Give one back."""
        self.taken -= 1
        self._semaphore.release()
