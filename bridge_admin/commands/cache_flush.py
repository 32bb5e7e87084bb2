"""`bridgectl cache flush [LOGIN]`: what sasl-bridge remembers of logins counts no more.

The daemon does it: what it remembers is in its memory alone.
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
        "flush",
        help="forget which passwords were accepted and refused",
        description="Have the running daemon forget which passwords were accepted and refused, so "
        "that the next login is a question to the servers: after a password was changed, or an "
        "account was closed.",
    )
    parser.add_argument(
        "login",
        nargs="?",
        metavar="LOGIN",
        help="the login to forget, as it is typed or as the log has it; without it: all of them",
    )
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Ask the daemon, and say how much was forgotten."""
    request = {} if arguments.login is None else {"login": arguments.login}
    reply = ask_daemon(arguments.settings, "flush", **request)
    if arguments.json:
        print(json.dumps(reply))
    else:
        whose = f" of {reply['login']}" if reply["login"] else ""
        print(f"forgotten{whose}: {reply['accepted']} accepted, {reply['refused']} refused")
    return os.EX_OK
