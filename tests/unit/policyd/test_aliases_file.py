"""What comes of the aliases file when it is read: at the start, and at a reload."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge_common.identity import IdentityRules
from policyd.ownership.aliases import Aliases, AliasRules
from policyd.ownership.aliases_file import NO_FILE, AliasesFile, Reading

RULES = AliasRules("example.com", IdentityRules(frozenset({"example.com"})))
SALES = "sales@example.com: alice@example.com\n"
SALES_IS_ALICES = {"sales@example.com": {"alice@example.com": 1}}
STAY = "; its aliases of before stay in force"
NOBODY_KNOWS = "; what it allows is not known"


def read(path: Path | str, before: Reading = NO_FILE) -> Reading:
    file = AliasesFile(str(path), RULES, before)
    file.read()
    return file.reading


def doubts(reading: Reading) -> list[str]:
    return [str(doubt) for doubt in reading.doubts("/etc/aliases")]


@pytest.fixture
def aliases(tmp_path: Path) -> Path:
    file = tmp_path / "aliases"
    file.write_text(SALES)
    return file


def test_a_file_is_what_its_lines_say(aliases: Path) -> None:
    reading = read(aliases)
    assert reading.aliases == Aliases(SALES_IS_ALICES)
    assert reading.summary() == "1 address"
    assert doubts(reading) == []


def test_broken_lines_are_told_with_their_number_and_the_rest_is_used(aliases: Path) -> None:
    aliases.write_bytes(b"caf\xe9: alice@example.com\n@example.net\talice@example.com\n*.x y\n")
    reading = read(aliases)
    assert reading.aliases is not None
    assert reading.aliases.owners == {"@example.net": {"alice@example.com": 2}}
    assert reading.summary() == "1 address, 2 broken lines"
    assert doubts(reading) == [
        "sender.aliases_file: /etc/aliases: line 1: is not UTF-8",
        (
            'sender.aliases_file: /etc/aliases: line 3: "*.x" is no pattern; '
            "write @domain for all of a domain"
        ),
    ]


def test_of_many_broken_lines_twenty_are_told_and_the_others_counted(aliases: Path) -> None:
    aliases.write_text("nonsense\n" * 21)
    assert len(doubts(read(aliases))) == 21
    assert doubts(read(aliases))[-1].endswith("/etc/aliases: 1 more line is broken")
    aliases.write_text("nonsense\n" * 50)
    assert doubts(read(aliases))[-1].endswith("/etc/aliases: 30 more lines are broken")


def test_a_byte_order_mark_belongs_to_no_address(aliases: Path) -> None:
    aliases.write_bytes(b"\xef\xbb\xbf" + SALES.replace("\n", "\r\n").encode())
    assert read(aliases).aliases == Aliases(SALES_IS_ALICES)


def test_without_a_file_there_are_no_aliases_and_no_trouble(aliases: Path) -> None:
    aliases.unlink()
    for reading in (read(aliases), read(aliases, read("")), read("")):
        assert reading == NO_FILE
        assert reading.summary() == "no file"


@pytest.mark.expect_warnings("is gone")
def test_one_that_was_read_and_is_gone_takes_its_aliases_along_and_is_missed(
    aliases: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = read(aliases)
    aliases.unlink()
    assert read(aliases, before) == NO_FILE
    assert caplog.messages == [f"aliases: {aliases} is gone; nobody owns its aliases any more"]
    assert caplog.records[0].levelname == "WARNING"


Make = Callable[[Path], None]


def make_folder(path: Path) -> None:
    path.mkdir()


def make_fifo(path: Path) -> None:
    """Of which nobody writes into the other end."""
    os.mkfifo(path)


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_loop(path: Path) -> None:
    path.symlink_to(path)


def make_dangling(path: Path) -> None:
    path.symlink_to(path.with_name("nothing"))


def make_large(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(16 * 1024 * 1024 + 1)


UNREADABLE = [
    (make_folder, "is no regular file"),
    (make_fifo, "is no regular file"),
    (make_device, "is no regular file"),
    (make_loop, "cannot be read: Too many levels of symbolic links"),
    (make_dangling, "cannot be read: No such file or directory"),
    (make_large, "is larger than 16777216 bytes"),
]


@pytest.mark.parametrize(("make", "why"), UNREADABLE)
def test_what_cannot_be_read_leaves_unknown_what_it_allows(
    tmp_path: Path, make: Make, why: str
) -> None:
    """And nobody waits for it."""
    make(tmp_path / "aliases")
    reading = read(tmp_path / "aliases")
    assert reading.aliases is None
    assert reading.summary() == why + NOBODY_KNOWS
    assert doubts(reading) == [f"sender.aliases_file: /etc/aliases: {why}{NOBODY_KNOWS}"]


@pytest.mark.parametrize(("make", "why"), UNREADABLE)
def test_what_could_be_read_before_stays_in_force(aliases: Path, make: Make, why: str) -> None:
    """However often it is tried again."""
    reading = read(aliases)
    aliases.unlink()
    make(aliases)
    for _ in range(3):
        reading = read(aliases, reading)
        assert reading.aliases == Aliases(SALES_IS_ALICES)
        assert reading.trouble == why + STAY
        assert reading.summary() == f"1 address; {why}{STAY}"


def test_that_there_was_no_file_says_nothing_of_one_that_cannot_be_read(tmp_path: Path) -> None:
    before = read(tmp_path / "aliases")
    (tmp_path / "aliases").mkdir()
    assert read(tmp_path / "aliases", before).aliases is None


def test_a_file_of_the_most_bytes_is_read(aliases: Path) -> None:
    with aliases.open("ab") as file:
        file.write(b"#" * (16 * 1024 * 1024 - len(SALES)))
    assert read(aliases).aliases == Aliases(SALES_IS_ALICES)


def test_it_can_be_read_again_after_trouble(aliases: Path) -> None:
    aliases.unlink()
    aliases.mkdir()
    reading = read(aliases)
    aliases.rmdir()
    aliases.write_text(SALES)
    reading = read(aliases, reading)
    assert (reading.aliases, reading.trouble) == (Aliases(SALES_IS_ALICES), "")
