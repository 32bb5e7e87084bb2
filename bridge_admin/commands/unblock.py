"""`bridgectl unblock LOGIN|ADDRESS`: a block is taken back."""

import argparse
import json
import os

from bridge_admin.block_text import add_whom, moment, whom
from bridge_admin.commands.block import not_kept
from bridge_admin.control_client import ask_daemon


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command and its arguments."""
    parser = subparsers.add_parser(
        "unblock",
        help="take a block back",
        description="Take back the block of exactly this name. Exit code 0; 65 if there is none; "
        "74 if it is taken back, but that could not be written.",
    )
    add_whom(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Ask the daemon, and say what it did."""
    asked = {"what": arguments.what, "match": arguments.match}
    reply = ask_daemon(arguments.settings, "unblock", **asked)
    removed, still = reply["removed"], reply["still"]
    if arguments.json:
        print(json.dumps(reply))
    else:
        subject = whom({"what": reply["what"], "match": arguments.match})
        print(f"{subject} no longer blocked" if removed else f"{subject} not blocked by that name")
        if still:
            print(f"but {whom(still)} blocked: {moment(still['until'])}, by the {still['by']}")
    code = not_kept(reply["kept"])
    return code if removed else os.EX_DATAERR
