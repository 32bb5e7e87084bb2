"""`bridgectl block LOGIN|ADDRESS`: who is blocked logs in no more, and sends no more.

The daemon does it, and keeps it over its restarts.
"""

import argparse
import json
import os
import sys

from bridge_admin.block_text import FOR_GOOD, add_whom, counted, lasting, whom
from bridge_admin.control_client import ask_daemon


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command and its arguments."""
    parser = subparsers.add_parser(
        "block",
        help="refuse a login, or a client's address, from now on",
        description="Have sasl-bridge refuse a login, or whoever comes from an address, and "
        "sasl-policyd refuse what the login sends in sessions that are open. Exit code 0; 74 if it "
        "is in force, but could not be written, so that a restart forgets it.",
    )
    add_whom(parser)
    parser.add_argument(
        "--for",
        dest="lasting",
        type=lasting,
        metavar="TIME",
        help="for how long, such as 30m, 12h, 1d or 2w (default: until it is unblocked)",
    )
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the log")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Ask the daemon, and say what it did."""
    lasts = arguments.lasting
    reply = ask_daemon(
        arguments.settings,
        "block",
        what=arguments.what,
        match=arguments.match,
        for_seconds=lasts.seconds if lasts else None,
        reason=arguments.reason,
    )
    if arguments.json:
        print(json.dumps(reply))
    else:
        how_long = f"for {lasts.words}" if lasts else FOR_GOOD
        forgotten = counted(reply["forgotten"], "remembered login")
        print(f"{whom(reply['block'])} blocked {how_long}; {forgotten} forgotten")
        if not reply["ours"]:
            print("that is no login of yours: nobody could log in with it anyway")
    return not_kept(reply["kept"])


def not_kept(trouble: str) -> int:
    """Say that a restart will not know it, if it is so; return the exit code."""
    if not trouble:
        return os.EX_OK
    print(f"bridgectl: a restart will not know of it: {trouble}", file=sys.stderr)
    return os.EX_IOERR
