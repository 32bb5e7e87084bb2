"""The open connections of a daemon."""

import asyncio

from bridge_common.runtime.serve import Connections


class Client:
    """A connection that closes when told to, or only when it must."""

    def __init__(self, connections: Connections, *, stubborn: bool = False) -> None:
        self.connections = connections
        self.stubborn = stubborn
        self.told: list[str] = []
        connections.add(self)

    def drain(self) -> None:
        self.told.append("drain")
        if not self.stubborn:
            asyncio.get_running_loop().call_soon(self.connections.discard, self)

    def abort(self) -> None:
        self.told.append("abort")
        self.connections.discard(self)


async def test_draining_nothing_ends_at_once() -> None:
    await Connections().drain(0.0)


async def test_every_connection_is_drained_and_none_aborted() -> None:
    connections = Connections()
    clients = [Client(connections), Client(connections)]
    assert len(connections) == 2
    await connections.drain(5.0)
    assert [client.told for client in clients] == [["drain"], ["drain"]]
    assert list(connections) == []


async def test_what_does_not_end_in_time_is_aborted() -> None:
    connections = Connections()
    gentle, stubborn = Client(connections), Client(connections, stubborn=True)
    await connections.drain(0.01)
    assert gentle.told == ["drain"]
    assert stubborn.told == ["drain", "abort"]
    assert len(connections) == 0


async def test_a_connection_that_comes_late_is_drained_too() -> None:
    connections = Connections()
    connections.draining = True
    assert Client(connections).told == ["drain"]
