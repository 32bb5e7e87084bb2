"""`bridgectl budget clear LOGIN|--all`: an owner whom a guesser keeps out may log in at once.

The daemon does it. The directory's own count is not changed by it.
"""

import argparse
import json
import os

from bridge_admin.control_client import ask_daemon


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command and its argument."""
    parser = subparsers.add_parser(
        "clear",
        help="let an account be asked about again",
        description="Have the running daemon forget the wrong passwords of an account that were "
        "sent, so that its owner may log in at once. The directory still counts them: unlock the "
        "account there too, or it may be locked by the next ones.",
    )
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument(
        "login",
        nargs="?",
        metavar="LOGIN",
        help="a login of the account, or its name as `bridgectl budget list` has it",
    )
    whose.add_argument("--all", action="store_true", help="all accounts")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Ask the daemon, and say how many budgets are whole again."""
    request = {} if arguments.all else {"login": arguments.login}
    reply = ask_daemon(arguments.settings, "clear_budgets", **request)
    if arguments.json:
        print(json.dumps(reply))
    elif reply["login"] and not reply["cleared"]:
        print(f"{reply['login']} has used none up; see `bridgectl budget list` for its other names")
    else:
        whose = f" of {reply['login']}" if reply["login"] else ""
        budgets = "budget is" if reply["cleared"] == 1 else "budgets are"
        print(f"{reply['cleared']} {budgets} whole again{whose}")
    return os.EX_OK
