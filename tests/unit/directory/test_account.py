"""How long our own account is not tried again after it was refused."""

import asyncio

import pytest
from lab.virtual_time import VirtualTimeLoop

from bridge_common.directory.codec import Done
from bridge_common.directory.connection import Connection
from bridge_common.directory.host import Account, AccountRefusedError
from bridge_common.secret import Secret


class Slow(Connection):
    """A connection to a directory that takes fifteen seconds to refuse."""

    asked = 0

    async def bind(self, name: str, password: Secret) -> Done:
        self.asked += 1
        await asyncio.sleep(15)
        return Done(49, "Invalid credentials")


async def refused(account: Account, connection: Connection) -> None:
    with pytest.raises(AccountRefusedError, match=r"^Invalid credentials \(49\)$"):
        await account.bind(connection)


def test_ten_seconds_from_the_refusal_however_long_that_took() -> None:
    async def asking() -> list[int]:
        account = Account("cn=gateway", Secret(b"secret"))
        connection = Slow("127.0.0.1", 389, None)
        counts = []
        for wait in (0.0, 0.0, 9.0, 2.0):
            await asyncio.sleep(wait)
            await refused(account, connection)
            counts.append(connection.asked)
        connection.close()
        return counts

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        assert runner.run(asking()) == [1, 1, 1, 2]
