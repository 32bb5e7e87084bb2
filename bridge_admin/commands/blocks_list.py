"""`bridgectl blocks list`: who is blocked, for how long, by whom and why."""

import argparse
import json
import os

from bridge_admin.block_text import rows
from bridge_admin.control_client import ask_daemon
from bridge_admin.layout import print_table


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command."""
    return subparsers.add_parser(
        "list",
        help="list who is blocked",
        description="List the logins and addresses that are blocked, the oldest block first.",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    reply = ask_daemon(arguments.settings, "blocks")
    if arguments.json:
        print(json.dumps(reply))
    elif reply["blocks"]:
        print_table(rows(reply["blocks"]))
    else:
        print("nobody is blocked")
    return os.EX_OK
