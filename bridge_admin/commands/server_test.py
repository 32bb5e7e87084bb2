"""`bridgectl server test NAME`: does a server work, and if not, what is to be done.

The daemon does the looking: it alone has the settings in force, and may reach the servers.
"""

import argparse

from bridge_admin.probe_command import add_login_options, run_probe
from bridge_admin.probe_text import format_probe


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
        "the login is rejected, 75 if the server cannot be used or two tests are running already, "
        "64 if it is not in the settings in force or the login is not tried there.",
    )
    parser.add_argument("name", metavar="NAME", help="the server's name in the settings")
    add_login_options(parser, "a login to try there; each client does once")
    parser.add_argument(
        "--client",
        default="",
        metavar="IP",
        help="the mail client's address to tell the server (setting forward_client)",
    )
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Ask the daemon and print what was found."""
    return run_probe(arguments, "server", 20, format_probe)
