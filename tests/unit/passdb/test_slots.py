"""How many connections there are: as many as were taken and not given back, and no more."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from lab.virtual_time import VirtualTimeLoop

from sasl_bridge.passdb.slots import Slots


async def test_one_that_is_free_is_taken_at_once_even_if_there_is_no_time() -> None:
    slots = Slots(1)
    assert await slots.take(-1.0)
    assert slots.all_taken
    assert not await slots.take(0.0)
    slots.free()
    assert not slots.all_taken
    assert await slots.take(0.0)


async def test_whoever_waits_gets_the_next_one() -> None:
    slots = Slots(1)
    await slots.take(0.0)
    waiting = asyncio.create_task(slots.take(5.0))
    await asyncio.sleep(0)
    slots.free()
    assert slots.all_taken  # it is spoken for
    assert await waiting
    assert slots.taken == 1


async def test_half_free() -> None:
    one, two, three = Slots(1), Slots(2), Slots(3)
    assert [slots.half_free for slots in (one, two, three)] == [False, True, True]
    for slots in (two, three):
        await slots.take(0.0)
    assert [slots.half_free for slots in (two, three)] == [False, False]


takers = st.lists(
    st.tuples(*[st.sampled_from([0.0, 0.1, 0.2, 0.3, 1.0])] * 4), min_size=1, max_size=20
)


@given(st.integers(1, 3), takers)
def test_never_more_than_the_limit_and_none_is_lost(
    limit: int, takers: list[tuple[float, ...]]
) -> None:
    """Whoever takes comes at some time, waits so long, keeps it, and may be cancelled."""
    slots = Slots(limit)

    async def take(begin: float, patience: float, keep: float) -> None:
        await asyncio.sleep(begin)
        if await slots.take(patience):
            try:
                assert slots.taken <= limit
                await asyncio.sleep(keep)
            finally:
                slots.free()

    async def play() -> None:
        tasks = []
        for begin, patience, keep, cancelled in takers:
            task = asyncio.create_task(take(begin, patience, keep))
            asyncio.get_running_loop().call_later(cancelled, task.cancel)
            tasks.append(task)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert slots.taken == 0
        for _ in range(limit):
            assert await slots.take(0.0)
        assert slots.all_taken

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(play())
