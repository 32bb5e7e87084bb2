"""`bridgectl login LOGIN`: try a login as Postfix would, and show who was asked and what they said.

The daemon does the asking: it alone has the settings in force, and may reach the servers.
"""

import argparse
import json
import os
from typing import Any

from bridge_admin.control_client import ask_daemon
from bridge_admin.password import add_password_option, read_password

_EXIT_CODES = {
    "accepted": os.EX_OK,
    "rejected": os.EX_NOPERM,
    "unavailable": os.EX_TEMPFAIL,
}


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command and its arguments."""
    parser = subparsers.add_parser(
        "login",
        help="try a login and show what each server answered",
        description="Ask the running daemon to verify a login. Exit code 0 if it is accepted, "
        "77 if it is rejected, 75 if nobody could say.",
    )
    parser.add_argument("login", metavar="LOGIN", help="the login, as a mail program sends it")
    add_password_option(parser)
    parser.add_argument(
        "--client", default="", metavar="IP", help="the mail client's address, for the log"
    )
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Ask the daemon and print the answer."""
    password = read_password(from_stdin=arguments.password_stdin)
    reply = ask_daemon(
        arguments.settings,
        "verify",
        login=arguments.login,
        password=password,
        client=arguments.client,
    )
    if arguments.json:
        print(json.dumps(reply))
    else:
        _print_text(reply)
    return _EXIT_CODES[reply["verdict"]]


def _print_text(reply: dict[str, Any]) -> None:
    for step in reply["asked"]:
        print(f"{step['server']}: {step['verdict']} in {step['seconds']:.3f} s: {step['detail']}")
    if not reply["asked"]:
        print("no server was asked")
    identity = f" as {reply['identity']}" if reply["identity"] else ""
    print(f"{reply['verdict']}{identity} by {reply['server']}: {reply['reason']}")
    print(f"Postfix would tell the mail program: {reply['smtp_reply']}")
