"""An aliases file that changes while the daemon runs is read again, by itself."""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from lab.leftovers import settled

from bridge_common.identity import IdentityRules
from policyd.ownership.aliases import AliasRules
from policyd.ownership.aliases_file import AliasesFile, Reading

RULES = AliasRules("example.com", IdentityRules(frozenset({"example.com"})))
ONE = "sales@example.com: alice@example.com\n"
TWO = f"{ONE}info@example.com: alice@example.com\n"

LOG = logging.getLogger("policyd.ownership.aliases_file")
TROUBLE = "is no regular file"


class Watched(logging.Handler):
    """A file that is looked at all the time; ``said`` are the summaries that the log tells."""

    def __init__(self, file: AliasesFile) -> None:
        super().__init__(logging.INFO)
        self.file = file
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if message.startswith(begin := f"aliases: {self.file.path}: "):
            self.said.append(message.removeprefix(begin))

    async def says(self, *summaries: str) -> None:
        await settled(lambda: len(self.said) >= len(summaries))
        assert self.said == list(summaries)


@contextlib.contextmanager
def read(file: AliasesFile) -> Iterator[Watched]:
    watched = Watched(file)
    LOG.addHandler(watched)
    level = LOG.level
    LOG.setLevel(logging.INFO)
    file.read()
    try:
        yield watched
    finally:
        LOG.setLevel(level)
        LOG.removeHandler(watched)


@contextlib.asynccontextmanager
async def watching(path: Path, file: AliasesFile | None = None) -> AsyncIterator[Watched]:
    with read(file or AliasesFile(str(path), RULES)) as watched:
        task = asyncio.create_task(watched.file.watch(0.02))
        try:
            yield watched
        finally:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.expect_warnings("is gone")
async def test_a_file_that_comes_changes_and_goes_is_told_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    path = tmp_path / "aliases"
    async with watching(path) as watched:
        path.write_text(ONE)
        await watched.says("1 address")
        path.write_text(TWO)
        await watched.says("1 address", "2 addresses")
        path.unlink()
        await watched.says("1 address", "2 addresses", "no file")
    assert caplog.messages == [
        f"aliases: {path}: 1 address",
        f"aliases: {path}: 2 addresses",
        f"aliases: {path} is gone; nobody owns its aliases any more",
        f"aliases: {path}: no file",
    ]
    assert warnings(caplog) == [caplog.messages[2]]


async def test_another_file_in_its_place_is_seen(tmp_path: Path) -> None:
    """As `cp -p` and `mv` may put it there: of the same size, and from the same moment."""
    path, other = tmp_path / "aliases", tmp_path / "other"
    path.write_text(ONE)
    async with watching(path) as watched:
        other.write_text(ONE.replace("alice", "carol"))
        when = path.stat().st_mtime_ns
        os.utime(other, ns=(when, when))
        other.rename(path)
        await watched.says("1 address")
        assert watched.file.reading.aliases is not None
        owners = watched.file.reading.aliases.owners
    assert owners == {"sales@example.com": {"carol@example.com": 1}}


@pytest.mark.expect_warnings("line 2: ")
async def test_its_broken_lines_are_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "aliases"
    async with watching(path) as watched:
        path.write_text(f"{ONE}nonsense\n")
        await watched.says("2 addresses, 1 broken line")
    assert warnings(caplog) == [
        (
            f'settings: sender.aliases_file: {path}: line 2: "nonsense@" has no login; '
            "write ADDRESS: LOGIN, LOGIN"
        )
    ]


@pytest.mark.expect_warnings(TROUBLE)
async def test_trouble_is_told_once_and_when_it_is_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What was read before stays in force meanwhile."""
    path = tmp_path / "aliases"
    path.write_text(ONE)
    trouble = f"{TROUBLE}; its aliases of before stay in force"
    async with watching(path) as watched:
        path.unlink()
        path.mkdir()
        await watched.says(f"1 address; {trouble}")
        told = watched.file.reading
        await settled(lambda: watched.file.reading is not told)  # it was tried again
        path.rmdir()
        path.write_text(TWO)
        await watched.says(f"1 address; {trouble}", "2 addresses")
    assert warnings(caplog) == [f"settings: sender.aliases_file: {path}: {trouble}"]


async def test_a_file_that_is_being_written_is_not_read_by_halves(tmp_path: Path) -> None:
    """Nor is one that is away for a moment, while an editor puts another there."""
    path = tmp_path / "aliases"
    path.write_text(TWO)
    with read(AliasesFile(str(path), RULES)) as watched:
        for whole in (ONE, TWO):
            path.unlink()
            await watched.file._look()
            path.write_text(whole[:25])
            await watched.file._look()
            path.write_text(whole)
            await watched.file._look()
        assert watched.said == []
        await watched.file._look()
        await watched.file._look()
        assert watched.said == ["2 addresses"]


class Hanging(AliasesFile):
    """Of a file system that does not answer any more, once it is to be read again."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), RULES)
        self.hangs, self.answers = threading.Event(), threading.Event()

    def _read(self) -> Reading:
        if self.reading.stamp:
            self.hangs.set()
            self.answers.wait(20)
        return super()._read()


async def test_a_file_system_that_hangs_holds_up_nothing(tmp_path: Path) -> None:
    """Neither the loop nor the end; what was read before is in force."""
    path = tmp_path / "aliases"
    path.write_text(ONE)
    file = Hanging(path)
    async with watching(path, file) as watched:
        path.write_text(TWO)
        await settled(file.hangs.is_set)
        assert file.reading.summary() == "1 address"
    assert not file.answers.is_set()
    assert watched.said == []
    file.answers.set()


class Faulty(AliasesFile):
    """One that fails the second time that it is to be read."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), RULES)
        self.faults = 0

    def _read(self) -> Reading:
        if self.reading.stamp and not self.faults:
            self.faults += 1
            raise LookupError
        return super()._read()


@pytest.mark.expect_warnings("aliases: looking at .* failed")
async def test_a_fault_of_ours_does_not_end_the_watch(tmp_path: Path) -> None:
    path = tmp_path / "aliases"
    path.write_text(ONE)
    file = Faulty(path)
    async with watching(path, file) as watched:
        path.write_text(TWO)
        await settled(lambda: file.faults == 1)
        await watched.says("2 addresses")


async def test_where_no_file_is_named_there_is_nothing_to_watch() -> None:
    file = AliasesFile("", RULES)
    await file.watch()
    assert file.reading.summary() == "no file"
