"""`bridgectl profile test NAME`: does a directory work, and if not, what is to be done.

The daemon does the looking: it alone has the settings in force, and may reach the directory.
"""

import argparse

from bridge_admin.probe_command import add_login_options, run_probe
from bridge_admin.profile_text import format_profile_probe


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command and its arguments."""
    parser = subparsers.add_parser(
        "test",
        help="say whether a directory works, and what to do if it does not",
        description="Have the running daemon look at each host of an LDAP profile, and show what "
        "it sees: addresses, TLS and certificate, whether our own account is let in, whether "
        "base_dn is there. With --login, the host where such a login ends is asked about it, and "
        "the password is tried once. A profile that nobody uses can be tested too. Exit code 0 if "
        "that host is ready or the login accepted, 77 if the login is rejected, 75 if the "
        "directory cannot be used or two tests are running already, 64 if the profile is not in "
        "the settings in force or the login is not tried there.",
    )
    parser.add_argument("name", metavar="NAME", help="the profile's name in the settings")
    add_login_options(parser, "a login to try there, once")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Ask the daemon and print what was found."""
    return run_probe(arguments, "profile", 30, format_profile_probe)
