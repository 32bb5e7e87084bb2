"""The carrier and logins that nobody wants to know about any more: nothing is left of them."""

import asyncio
import contextlib
import itertools
import threading

import pytest
from lab.asking import ASKING, ASKING_FROM_AFAR, Channel, Contexts, remote, serving
from lab.fake_server import Peer, hang, script
from lab.leftovers import settled
from lab.stages import Stage

from bridge_common.deadline import Deadline
from sasl_bridge.verdict import Verdict

ACCEPTED = Verdict.ACCEPTED


async def test_at_each_stage(channel: Channel) -> None:
    """Leave is taken where it would be understood; nobody waits for the server or for TLS."""
    leaves = {
        stage: channel.took_leave(await cancelled_at(stage, channel)) for stage in channel.stages
    }
    assert leaves == {stage: stage.leave_due for stage in channel.stages}


async def cancelled_at(stage: Stage, channel: Channel) -> Peer:
    """Cancel a login when the server has heard what begins this stage, and says nothing."""
    arrived = threading.Event()
    behave = channel.failing_at(stage, lambda _: arrived.set(), hang)
    async with channel.serving(behave) as server:
        passdb = channel.remote(server.port, forward_client=True)
        task = asyncio.create_task(passdb.verify(ASKING_FROM_AFAR, Deadline.after(5.0)))
        await settled(arrived.is_set)
        task.cancel()
        await asyncio.wait({task}, timeout=0.5)
        assert task.cancelled()
    (peer,) = server.peers
    return peer


async def test_in_the_handshake(contexts: Contexts) -> None:
    """With TLS from the start that comes before all stages."""
    async with serving(script(hang)) as server:
        passdb = remote(server.port, contexts.client)
        task = asyncio.create_task(passdb.verify(ASKING, Deadline.after(5.0)))
        await settled(lambda: server.heard.startswith(b"\x16\x03"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_at_any_moment(channel: Channel) -> None:
    """A little later each time, from the first turn of the loop to the answer."""
    async with channel.serving(channel.good()) as server:
        passdb = channel.remote(server.port, in_use_is_success=True)
        for turns in itertools.count():
            task = asyncio.create_task(passdb.verify(ASKING, Deadline.after(5.0)))
            for turn in range(turns):
                await asyncio.sleep(0.0005 if turn % 2 else 0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                assert (await task).verdict is ACCEPTED
                break
        passdb.close()
    assert turns > 2
