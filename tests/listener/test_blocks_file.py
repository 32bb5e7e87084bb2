"""What sasl-policyd knows of blocks: what the file said last, whatever becomes of it."""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lab.leftovers import settled

from bridge_common.block import Block
from bridge_common.blocks import Blocks
from policyd.blocks_file import BlocksFile

ALICE, BOB = "alice@example.com", "bob@example.com"


def write(folder: Path, *logins: str) -> None:
    """Write the file as sasl-bridge does."""
    blocks = Blocks()
    blocks.add(*map(Block, logins))
    new = folder / "new"
    new.write_text(json.dumps({"written": 1.0, "state": blocks.snapshot()}))
    new.replace(folder / "blocks.json")


@contextlib.asynccontextmanager
async def watched(folder: Path, patience: float = 10.0) -> AsyncIterator[BlocksFile]:
    file = BlocksFile(Blocks(), look_seconds=0.002, patience=patience)
    file.use(str(folder))
    await file.ready()
    try:
        yield file
    finally:
        await file.end()


def blocked(file: BlocksFile) -> list[str]:
    return [block.what for block in file.blocks.all()]


async def test_what_is_there_is_known_when_it_is_ready(tmp_path: Path) -> None:
    write(tmp_path, ALICE)
    async with watched(tmp_path) as file:
        assert blocked(file) == [ALICE]


async def test_a_folder_that_is_missing_blocks_nobody(tmp_path: Path) -> None:
    async with watched(tmp_path / "missing") as file:
        assert (blocked(file), file.trouble) == ([], "")


async def test_each_change_is_seen(tmp_path: Path) -> None:
    async with watched(tmp_path) as file:
        for logins in ([ALICE], [ALICE, BOB], [BOB], []):
            write(tmp_path, *logins)
            await settled(lambda logins=logins: blocked(file) == logins)  # type: ignore[misc]


@pytest.mark.expect_warnings("^blocks: .* is gone; those known before stay in force$")
async def test_a_file_that_is_gone_leaves_the_blocks_of_before(tmp_path: Path) -> None:
    """Where the last block was taken back, sasl-bridge leaves a file that says so."""
    write(tmp_path, ALICE)
    async with watched(tmp_path) as file:
        (tmp_path / "blocks.json").unlink()
        await settled(lambda: file.trouble.endswith(" is gone"))
        assert blocked(file) == [ALICE]
        write(tmp_path)
        await settled(lambda: blocked(file) == [])
        assert file.trouble == ""


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "is not JSON"),
        ('{"written": 1.0}', "holds no state"),
        ('{"written": 1.0, "state": {}}', "holds no blocks"),
    ],
)
@pytest.mark.expect_warnings("^blocks: .*; those known before stay in force$")
async def test_a_broken_file_leaves_the_blocks_of_before_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str, why: str
) -> None:
    write(tmp_path, ALICE)
    path = tmp_path / "blocks.json"
    async with watched(tmp_path) as file:
        path.write_text(content)
        await settled(lambda: file.trouble == f"{path} {why}")
        path.write_text(content)
        await asyncio.sleep(0.05)  # time for many looks
        assert blocked(file) == [ALICE]
        assert [record.getMessage() for record in caplog.records] == [
            f"blocks: {path} {why}; those known before stay in force"
        ]
        write(tmp_path, BOB)
        await settled(lambda: blocked(file) == [BOB])
        assert file.trouble == ""


@pytest.mark.expect_warnings("blocks.json cannot be read: Is a directory|is no regular file")
async def test_what_is_no_file_blocks_nobody_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "blocks.json").mkdir()
    async with watched(tmp_path) as file:
        assert blocked(file) == []
        assert file.trouble == f"{tmp_path}/blocks.json is no regular file"


@pytest.mark.expect_warnings("blocks.json cannot be read: Too many levels of symbolic links")
async def test_what_cannot_be_looked_at_is_read_once_it_can(tmp_path: Path) -> None:
    (tmp_path / "blocks.json").symlink_to("blocks.json")
    async with watched(tmp_path) as file:
        assert "symbolic links" in file.trouble
        write(tmp_path, ALICE)
        await settled(lambda: blocked(file) == [ALICE])


async def test_another_folder_s_blocks_come_in_place_of_the_first_one_s(tmp_path: Path) -> None:
    for name, login in (("one", ALICE), ("two", BOB)):
        (tmp_path / name).mkdir()
        write(tmp_path / name, login)
    async with watched(tmp_path / "one") as file:
        file.use(str(tmp_path / "two"))
        await settled(lambda: blocked(file) == [BOB])


@pytest.mark.expect_warnings("blocks.json does not answer; those known before stay in force")
async def test_a_file_system_that_hangs_keeps_nobody_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits in the kernel is a thread that reads a FIFO, in place of a dead server's file."""
    write(tmp_path, ALICE)
    os.mkfifo(tmp_path / "fifo")

    def stamp_of(path: Path) -> tuple[int, ...]:
        (path.parent / "fifo").read_bytes()
        return (1,)

    monkeypatch.setattr("policyd.blocks_file.stamp_of", stamp_of)
    async with watched(tmp_path, patience=0.02) as file:
        await settled(lambda: file.trouble == f"{tmp_path}/blocks.json does not answer")
        monkeypatch.undo()
        (tmp_path / "fifo").open("wb").close()
        await settled(lambda: blocked(file) == [ALICE])
        assert file.trouble == ""
