"""`bridgectl blocks import FILE`: blocks are added, all of the file's or none of them.

What is wrong is said by line. Empty lines, and those that begin with #, say nothing.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bridge_admin.block_text import counted
from bridge_admin.commands.block import not_kept
from bridge_admin.control_client import ask_daemon
from bridge_common.block import Block, format_block, parse_block
from bridge_common.runtime.control import MAX_LINE_BYTES

# So that a request is no longer than a daemon takes.
_CHARACTERS_AT_ONCE = MAX_LINE_BYTES - 1000


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command and its argument."""
    parser = subparsers.add_parser(
        "import",
        help="add the blocks of a file",
        description="Add the blocks of a file: one JSON object a line, as export prints them, of "
        'which only "what" is required. Exit code 0; 65 if a line is wrong, then nothing is added; '
        "66 if the file cannot be read; 74 if they are in force, but could not be written.",
    )
    parser.add_argument("file", metavar="FILE", help="the file; - is standard input")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Read the file, ask the daemon, and say what it did."""
    try:
        text = _text(arguments.file)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        print(f"bridgectl: {arguments.file}: {why}", file=sys.stderr)
        return os.EX_NOINPUT
    blocks, problems = _read(text)
    for number, problem in problems:
        print(f"{arguments.file}:{number}: {problem}", file=sys.stderr)
    if problems:
        print("bridgectl: nothing is imported", file=sys.stderr)
        return os.EX_DATAERR
    reply: dict[str, Any] = {"added": 0, "forgotten": 0, "kept": ""}
    for part in _parts(blocks):
        done = ask_daemon(arguments.settings, "import_blocks", blocks=part)
        reply = {
            "added": reply["added"] + done["added"],
            "forgotten": reply["forgotten"] + done["forgotten"],
            "kept": done["kept"],
        }
    if arguments.json:
        print(json.dumps(reply))
    else:
        forgotten = counted(reply["forgotten"], "remembered login")
        print(f"{counted(reply['added'], 'block')} imported; {forgotten} forgotten")
    return not_kept(reply["kept"])


def _text(file: str) -> str:
    content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    return content.decode("utf-8-sig")


def _read(text: str) -> tuple[list[Block], list[tuple[int, str]]]:
    """Return the blocks, and what is wrong, with the number of its line."""
    now = int(time.time())
    blocks: list[Block] = []
    problems: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                blocks.append(parse_block(json.loads(line), now))
            except RecursionError:
                problems.append((number, "is nested too deep"))
            except ValueError as error:
                unread = isinstance(error, json.JSONDecodeError)
                problems.append((number, f"is no JSON: {error}" if unread else str(error)))
    return blocks, problems


def _parts(blocks: list[Block]) -> Iterator[list[dict[str, Any]]]:
    part: list[dict[str, Any]] = []
    size = 0
    for block in map(format_block, blocks):
        size += len(json.dumps(block)) + 2
        if size > _CHARACTERS_AT_ONCE:
            yield part
            part, size = [], len(json.dumps(block)) + 2
        part.append(block)
    if part:
        yield part
