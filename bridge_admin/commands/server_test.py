"""`bridgectl server test NAME`: does a server work, and if not, what is to be done.

The daemon does the looking: it alone has the settings in force, and may reach the servers.
"""

import argparse
import json
import os
import sys

from bridge_admin.control_client import PROBE_TIMEOUT_SECONDS, ask_daemon
from bridge_admin.password import add_password_option, read_password
from bridge_admin.probe_text import format_probe

_EXIT_CODES = {
    "ready": os.EX_OK,
    "accepted": os.EX_OK,
    "rejected": os.EX_NOPERM,
    "unavailable": os.EX_TEMPFAIL,
}


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command and its arguments."""
    parser = subparsers.add_parser(
        "test",
        help="say whether a server works, and what to do if it does not",
        description="Have the running daemon connect to a server as for a login, then have "
        "another client library do the same, and show what both saw. With --login, each of them "
        "tries the login once. Exit code 0 if the server is ready or the login accepted, 77 if "
        "the login is rejected, 75 if the server cannot be used, 64 if it is not in the list.",
    )
    parser.add_argument("name", metavar="NAME", help="the server's name in the settings")
    parser.add_argument(
        "--login", default="", metavar="LOGIN", help="a login to try there; each client does once"
    )
    add_password_option(parser)
    parser.add_argument(
        "--client",
        default="",
        metavar="IP",
        help="the mail client's address to tell the server (setting forward_client)",
    )
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Ask the daemon and print what was found."""
    if not arguments.login and (arguments.client or arguments.password_stdin):
        option = "--client" if arguments.client else "--password-stdin"
        print(f"bridgectl: {option} is of no use without --login", file=sys.stderr)
        return os.EX_USAGE
    password = read_password(from_stdin=arguments.password_stdin) if arguments.login else ""
    if sys.stderr.isatty():
        print(f"asking {arguments.name}, which may take 20 s ...", file=sys.stderr)
    report = ask_daemon(
        arguments.settings,
        "probe",
        seconds=PROBE_TIMEOUT_SECONDS,
        server=arguments.name,
        login=arguments.login,
        password=password,
        client=arguments.client,
    )
    if arguments.json:
        print(json.dumps(report))
    else:
        print(format_probe(report), end="")
    return _EXIT_CODES[report["state"]]
