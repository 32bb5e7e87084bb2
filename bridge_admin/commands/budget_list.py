"""`bridgectl budget list`: of which accounts wrong passwords count, and who is kept out by that."""

import argparse
import json
import os
from typing import Any

from bridge_admin.control_client import ask_daemon
from bridge_admin.layout import print_table
from bridge_common.shown import shown

_HEADER = ("directory", "account", "wrong", "for", "spent", "tried as")


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command."""
    return subparsers.add_parser(
        "list",
        help="print the accounts of which wrong passwords were sent",
        description="Print the accounts of which wrong passwords were sent to a directory lately, "
        "how many of how many that may be sent, and how long they count if no further one comes. "
        "A budget that is spent for strangers is left to addresses from which the account logged "
        "in lately.",
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask the daemon, and print what it says."""
    budgets = ask_daemon(arguments.settings, "budgets")["budgets"]
    if arguments.json:
        print(json.dumps(budgets))
    elif budgets:
        print_table([_HEADER, *map(_row, budgets)])
    else:
        print("no wrong passwords count")
    return os.EX_OK


def _row(budget: dict[str, Any]) -> tuple[str, ...]:
    logins = [login for login in budget["logins"] if login != budget["account"]]
    return (
        budget["directory"],
        shown(budget["account"].encode(), None),
        f"{budget['wrong']} of {budget['of']}",
        f"{-(-budget['seconds_left'] // 60)} min",
        budget["spent"],
        ", ".join(logins),
    )
