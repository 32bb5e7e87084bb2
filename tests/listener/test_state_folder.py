"""The state folder: what survives a restart, and that no trouble with it does any harm."""

import asyncio
import contextlib
import json
import os
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bridge_common.runtime.files import content_of
from bridge_common.runtime.state_folder import Kept, StateFolder, parse_state

NOW = 1_000_000.0


@dataclass
class Thing:
    """Something that is kept: one value."""

    name: str = "thing"
    value: Any = 0
    version: int = 0
    restored: list[tuple[Any, float]] = field(default_factory=list)

    def change(self, value: Any) -> None:
        self.value = value
        self.version += 1

    def snapshot(self) -> dict[str, Any]:
        return {"value": self.value}

    def restore(self, data: Any, elapsed: float) -> None:
        self.restored.append((data, elapsed))


@contextlib.asynccontextmanager
async def used(
    folder: Path,
    *things: Kept,
    write_seconds: float = 60.0,
    patience: float = 10.0,
    now: float = NOW,
) -> AsyncIterator[StateFolder]:
    state = StateFolder(
        things, write_seconds=write_seconds, patience=patience, wall_clock=lambda: now
    )
    state.use(str(folder))
    await state.ready()
    try:
        yield state
    finally:
        await state.end()


def kept_in(folder: Path, name: str = "thing") -> Any:
    return json.loads((folder / f"{name}.json").read_bytes())


async def until_kept(file: Path, value: Any) -> None:
    async with asyncio.timeout(20):
        while not file.exists() or json.loads(file.read_bytes())["state"] != {"value": value}:
            await asyncio.sleep(0.005)


async def test_what_one_run_keeps_the_next_one_gets_with_the_time_between(tmp_path: Path) -> None:
    first, second = Thing(), Thing()
    async with used(tmp_path, first):
        first.change([1, "ä\udc80"])
    assert kept_in(tmp_path) == {"written": NOW, "state": {"value": [1, "ä\udc80"]}}
    async with used(tmp_path, second, now=NOW + 90):
        assert second.restored == [({"value": [1, "ä\udc80"]}, 90.0)]


async def test_a_clock_that_went_back_makes_nothing_younger_than_it_is(tmp_path: Path) -> None:
    thing = Thing()
    async with used(tmp_path, thing):
        thing.change(1)
    again = Thing()
    async with used(tmp_path, again, now=NOW - 5000):
        assert again.restored == [({"value": 1}, 0.0)]


async def test_what_did_not_change_is_not_written(tmp_path: Path) -> None:
    thing = Thing()
    async with used(tmp_path, thing, write_seconds=0.001) as state:
        assert await state.write(thing) == ""
        await asyncio.sleep(0.05)  # time for many writings
    assert list(tmp_path.iterdir()) == []
    async with used(tmp_path, thing):
        thing.change(1)
    stamp = (tmp_path / "thing.json").stat().st_mtime_ns
    async with used(tmp_path, Thing()) as state:
        assert await state.write(thing) == ""
    assert (tmp_path / "thing.json").stat().st_mtime_ns == stamp


async def test_what_changed_before_there_was_a_folder_is_written_too(tmp_path: Path) -> None:
    thing = Thing()
    state = StateFolder([thing])
    await state.ready()
    thing.change(1)
    state.use(str(tmp_path))
    assert await state.write(thing) == ""
    await state.end()
    assert kept_in(tmp_path)["state"] == {"value": 1}


@pytest.mark.expect_warnings("thing.json cannot be read: ")
async def test_what_cannot_be_read_now_is_read_later_and_not_replaced(tmp_path: Path) -> None:
    file, thing = tmp_path / "thing.json", Thing()
    file.symlink_to(file)
    async with used(tmp_path, thing, write_seconds=0.005) as state:
        thing.change(1)
        assert "cannot be read: " in await state.write(thing)
        (tmp_path / "new").write_text('{"written": 999990.0, "state": "kept"}')
        (tmp_path / "new").rename(file)
        async with asyncio.timeout(20):
            while not thing.restored:
                await asyncio.sleep(0.005)
        assert thing.restored == [("kept", 10.0)]
        await until_kept(file, 1)
        assert state.trouble == ""


@pytest.mark.expect_warnings("a fault of ours keeps .*thing.json from being written")
async def test_a_fault_of_ours_is_not_taken_for_kept(tmp_path: Path) -> None:
    thing = Thing()
    async with used(tmp_path, thing) as state:
        thing.change(object())
        assert "a fault of ours" in await state.write(thing)
    assert list(tmp_path.iterdir()) == []


async def test_a_change_is_written_by_itself_before_the_end(tmp_path: Path) -> None:
    thing = Thing()
    async with used(tmp_path, thing, write_seconds=0.005):
        for value in (1, 2):
            thing.change(value)
            await until_kept(tmp_path / "thing.json", value)


async def test_each_thing_has_a_file_of_its_own_for_the_group_to_read(tmp_path: Path) -> None:
    things = Thing("one"), Thing("two")
    before = os.umask(0o077)
    try:
        async with used(tmp_path, *things) as state:
            for thing in things:
                thing.change(thing.name)
                assert await state.write(thing) == ""
    finally:
        os.umask(before)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["one.json", "two.json"]
    assert kept_in(tmp_path, "two")["state"] == {"value": "two"}
    assert stat.S_IMODE((tmp_path / "one.json").stat().st_mode) == 0o640


async def test_another_folder_gets_everything_and_nothing_is_read_there(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
    (other / "thing.json").write_text('{"written": 1.0, "state": {"value": 7}}')
    thing = Thing()
    async with used(one, thing) as state:
        thing.change(1)
        assert await state.write(thing) == ""
        state.use(str(other))
        assert await state.write(thing) == ""
    assert kept_in(other)["state"] == {"value": 1}
    assert thing.restored == []


# Trouble


@pytest.mark.expect_warnings("^state: .*/thing.json cannot be written: No such file or directory")
async def test_a_folder_that_is_missing_is_said_once_and_once_more_after_it_worked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, thing = tmp_path / "state", Thing()
    async with used(folder, thing) as state:
        for value in range(1, 4):
            thing.change(value)
            assert await state.write(thing) == state.trouble != ""
        assert len(caplog.records) == 1
        folder.mkdir()
        assert await state.write(thing) == state.trouble == ""
        assert kept_in(folder)["state"] == {"value": 3}
        (folder / "thing.json").unlink()
        folder.rmdir()
        thing.change(4)
        assert await state.write(thing) != ""
    assert len(caplog.records) == 2


@pytest.mark.expect_warnings("^state: .*/thing.json cannot be written: Not a directory")
async def test_a_file_in_the_folder_s_place(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    thing = Thing()
    async with used(tmp_path / "state", thing) as state:
        thing.change(1)
        assert "Not a directory" in await state.write(thing)


@pytest.mark.expect_warnings("^state: .*/thing.json cannot be written: No space left on device")
async def test_a_full_disk_leaves_what_was_written_before(tmp_path: Path) -> None:
    thing = Thing()
    async with used(tmp_path, thing) as state:
        thing.change(1)
        assert await state.write(thing) == ""
        (tmp_path / ".thing.json.new").symlink_to("/dev/full")
        thing.change(2)
        assert "No space left on device" in await state.write(thing)
        assert kept_in(tmp_path)["state"] == {"value": 1}
        assert await state.write(thing) == ""  # what was in the way is gone
    assert kept_in(tmp_path)["state"] == {"value": 2}


@pytest.mark.expect_warnings(
    "^state: .*/one.json (cannot be written: Is a directory|is no regular file)"
)
async def test_trouble_with_one_file_is_none_of_the_others(tmp_path: Path) -> None:
    things = Thing("one"), Thing("two")
    (tmp_path / "one.json" / "x").mkdir(parents=True)
    async with used(tmp_path, *things) as state:
        (tmp_path / "one.json").mkdir(exist_ok=True)
        for thing in things:
            thing.change(1)
        assert await state.write(things[1]) == ""
        assert kept_in(tmp_path, "two")["state"] == {"value": 1}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is not JSON"),
        (b'{"written": 1.0, "state"', "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[]", "holds no state"),
        (b'{"state": 1}', "holds no state"),
        (b'{"written": NaN, "state": 1}', "holds no state"),
        (b'{"written": "today", "state": 1}', "holds no state"),
    ],
)
@pytest.mark.expect_warnings("^state: ")
async def test_a_broken_file_is_said_moved_aside_and_ignored(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes, why: str
) -> None:
    (tmp_path / "thing.json").write_bytes(content)
    thing = Thing()
    async with used(tmp_path, thing):
        assert thing.restored == []
    [record] = caplog.records
    path = tmp_path / "thing.json"
    assert record.getMessage() == (
        f"state: {path} {why}; it is moved to thing.json.broken and ignored"
    )
    assert (tmp_path / "thing.json.broken").read_bytes() == content
    assert not path.exists()


@pytest.mark.expect_warnings("^state: .* is no regular file; it is moved to thing.json.broken")
async def test_a_fifo_in_a_file_s_place_keeps_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "thing.json")
    thing = Thing()
    async with used(tmp_path, thing):
        thing.change(1)
    assert kept_in(tmp_path)["state"] == {"value": 1}


@pytest.mark.expect_warnings("^state: .*/thing.json is not JSON; it is ignored$")
async def test_a_broken_file_that_cannot_be_moved_aside_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "thing.json.broken" / "x").mkdir(parents=True)
    (tmp_path / "thing.json").write_text("broken")
    thing = Thing()
    async with used(tmp_path, thing):
        thing.change(1)
    assert kept_in(tmp_path)["state"] == {"value": 1}


class Faulty(Thing):
    def snapshot(self) -> dict[str, Any]:
        raise RuntimeError("a fault of ours")

    def restore(self, data: Any, elapsed: float) -> None:
        raise RuntimeError("another fault of ours")


@pytest.mark.expect_warnings("^state: a fault of ours keeps .*/faulty.json from being")
async def test_a_fault_of_one_thing_costs_the_others_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "faulty.json").write_text('{"written": 1.0, "state": 1}')
    faulty, thing = Faulty("faulty"), Thing()
    async with used(tmp_path, faulty, thing, write_seconds=0.005):
        faulty.change(1)
        thing.change(1)
        await until_kept(tmp_path / "thing.json", 1)
        thing.change(2)
        await until_kept(tmp_path / "thing.json", 2)
    assert len(caplog.records) == 2  # not once more each time


async def test_without_settings_there_is_no_folder_yet() -> None:
    thing = Thing()
    state = StateFolder([thing])
    await state.ready()
    assert await state.write(thing) == "there are no good settings yet, which would say where"
    await state.end()


def test_whole_seconds_are_no_time_that_we_wrote() -> None:
    with pytest.raises(ValueError, match="holds no state"):
        parse_state(b'{"written": 1' + b"0" * 400 + b', "state": 1}')


# A file system that hangs


class Hanging:
    """A folder on a file system that does not answer, until it is let go.

    A thread of ours that opens the FIFO for writing waits in the kernel, as on a dead NFS server.
    """

    def __init__(self, folder: Path) -> None:
        self.fifo = folder / ".thing.json.new"
        os.mkfifo(self.fifo)

    async def let_go(self) -> None:
        """Let the thread open it: what it writes is lost, and then the place is free."""
        descriptor = os.open(self.fifo, os.O_RDONLY | os.O_NONBLOCK)
        async with asyncio.timeout(20):
            while self.fifo.is_fifo():
                await asyncio.sleep(0.005)
        os.close(descriptor)


@pytest.mark.expect_warnings("^state: .* does not answer|cannot be written")
async def test_a_folder_that_hangs_holds_up_nobody_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    thing = Thing()
    async with used(tmp_path, thing, patience=0.05) as state:
        hanging = Hanging(tmp_path)
        for value in (1, 2, 3):
            thing.change(value)
            assert await state.write(thing) == f"{tmp_path} does not answer"
        assert len(caplog.records) == 1
        await hanging.let_go()
        await until_kept(tmp_path / "thing.json", 3)


@pytest.mark.expect_warnings("^state: .* does not answer")
async def test_a_start_does_not_wait_for_a_folder_that_hangs_nor_write_over_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "thing.json").write_text('{"written": 1.0, "state": {"value": "kept"}}')
    os.mkfifo(tmp_path / "fifo")

    def slowly(path: Path, max_bytes: int) -> bytes:
        (tmp_path / "fifo").read_bytes()
        return content_of(path, max_bytes)

    monkeypatch.setattr("bridge_common.runtime.state_folder.content_of", slowly)
    thing = Thing()
    async with used(tmp_path, thing, patience=0.02) as state:
        assert thing.restored == []
        thing.change("new")
        assert await state.write(thing) == f"{tmp_path} does not answer"
        assert kept_in(tmp_path)["state"] == {"value": "kept"}
        (tmp_path / "fifo").open("wb").close()
        await until_kept(tmp_path / "thing.json", "new")
        assert thing.restored == [({"value": "kept"}, NOW - 1.0)]
        assert state.trouble == ""


@pytest.mark.expect_warnings("^state: .* does not answer")
async def test_an_end_does_not_wait_for_a_folder_that_hangs(tmp_path: Path) -> None:
    thing = Thing()
    async with used(tmp_path, thing, patience=0.05):
        hanging = Hanging(tmp_path)
        thing.change(1)
    descriptor = os.open(hanging.fifo, os.O_RDONLY | os.O_NONBLOCK)  # lets the thread end
    async with asyncio.timeout(20):
        while hanging.fifo.exists():
            await asyncio.sleep(0.005)
    os.close(descriptor)
