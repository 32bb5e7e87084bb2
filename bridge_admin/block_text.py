"""How blocks read, and how an administrator writes for how long.

Knows what the replies to the control commands about blocks mean. Fails with argparse's own error
where a duration cannot be read.
"""

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge_common.block import MATCHES

Reply = Mapping[str, Any]

_UNITS = {
    "w": ("week", 604800),
    "d": ("day", 86400),
    "h": ("hour", 3600),
    "m": ("minute", 60),
    "s": ("second", 1),
}
_DURATION = re.compile(r"([1-9][0-9]{0,8})([wdhms])")
_WHOM = {
    "equals": "{} is",
    "starts-with": "logins that start with {} are",
    "contains": "logins that contain {} are",
}
FOR_GOOD = "until unblocked"


def add_whom(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that name a block."""
    parser.add_argument(
        "what",
        metavar="LOGIN|ADDRESS",
        help="a login, or the address or network of clients, such as 203.0.113.7 or 2001:db8::/64",
    )
    parser.add_argument(
        "--match",
        choices=MATCHES,
        default="equals",
        help="which logins are meant: the one of this name (the default), or all whose name starts "
        "with or contains this text",
    )


@dataclass(frozen=True, slots=True)
class Lasting:
    """For how long, in seconds and in words."""

    seconds: int
    words: str


def lasting(text: str) -> Lasting:
    """Return what `30m`, `1d` or `2w` says. Raises ArgumentTypeError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration such as 30m, 12h, 1d or 2w")
    name, seconds = _UNITS[match[2]]
    return Lasting(int(match[1]) * seconds, counted(int(match[1]), name))


def whom(block: Reply) -> str:
    """Return who is blocked, with the verb."""
    return _WHOM[block["match"]].format(block["what"])


def counted(count: int, what: str) -> str:
    """Return a number of things."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def moment(text: str | None) -> str:
    """Return a time of this time zone; None: there is no end."""
    return f"{datetime.fromisoformat(text).astimezone():%Y-%m-%d %H:%M}" if text else FOR_GOOD


def rows(blocks: list[Reply]) -> list[tuple[str, ...]]:
    """Return a table of blocks, with its heading."""
    heading = ("BLOCKED", "MATCH", "UNTIL", "SINCE", "BY", "REASON")
    return [
        heading,
        *(
            (
                block["what"],
                block["match"],
                moment(block["until"]),
                moment(block["since"]),
                block["by"],
                block["reason"],
            )
            for block in blocks
        ),
    ]
