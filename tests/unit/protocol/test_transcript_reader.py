"""The reader of transcripts."""

from pathlib import Path

import pytest
from lab.transcript import (
    Direction,
    FromClient,
    FromServer,
    TranscriptError,
    parse_transcript,
    read_transcript,
)


def test_lines_become_steps_with_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text(
        "# comment\n\n! accept 1 a\\x40b\nC: AUTH\\t1\\r\nS: j\u00f6 \\x01\\\\ \\n\nC:\nS: \n",
        encoding="utf-8",
    )
    assert read_transcript(path) == [
        Direction(("accept", "1", "a@b"), 3),
        FromClient(b"AUTH\t1\r", 4),
        FromServer(b"j\xc3\xb6 \x01\\ \n", 5),
        FromClient(b"", 6),
        FromServer(b"", 7),
    ]


@pytest.mark.parametrize("line", ["AUTH", "c: x", "!", "! ", "C:x", " C: x"])
def test_a_line_of_another_kind_is_an_error(line: str) -> None:
    with pytest.raises(TranscriptError, match="line 2: neither"):
        list(parse_transcript(["", line]))


@pytest.mark.parametrize("escape", ["\\q", "\\x1", "\\xgg", "\\"])
def test_an_unknown_escape_is_an_error(escape: str, tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text(f"C: {escape}\n", encoding="utf-8")
    with pytest.raises(TranscriptError, match=r"x\.txt, line 1: unknown escape"):
        read_transcript(path)
