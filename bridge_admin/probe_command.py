"""What the two commands `test` have in common: the daemon looks, its report is printed.

Knows their options and exit codes; what is looked at, and how the report reads, is theirs to say.
Fails as `ask_daemon` does.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable
from typing import Any, Literal

from bridge_admin.control_client import PROBE_TIMEOUT_SECONDS, ask_daemon
from bridge_admin.password import add_password_option, read_password

_EXIT_CODES = {
    "ready": os.EX_OK,
    "accepted": os.EX_OK,
    "rejected": os.EX_NOPERM,
    "unavailable": os.EX_TEMPFAIL,
}


def add_login_options(parser: argparse.ArgumentParser, help_text: str) -> None:
    """Declare `--login` and `--password-stdin`."""
    parser.add_argument("--login", metavar="LOGIN", help=help_text)
    add_password_option(parser)


def run_probe(
    arguments: argparse.Namespace,
    kind: Literal["server", "profile"],
    seconds: int,
    text_of: Callable[[dict[str, Any]], str],
) -> int:
    """Have the one of this kind and name looked at, which may take so many seconds.

    Prints the report, and returns the exit code.
    """
    if trouble := _trouble(arguments):
        print(f"bridgectl: {trouble}", file=sys.stderr)
        return os.EX_USAGE
    password = read_password(from_stdin=arguments.password_stdin) if arguments.login else ""
    if sys.stderr.isatty():
        print(f"asking {arguments.name}, which may take {seconds} s ...", file=sys.stderr)
    about = {kind: arguments.name, "login": arguments.login or "", "password": password}
    if "client" in arguments:
        about["client"] = arguments.client
    report = ask_daemon(arguments.settings, "probe", seconds=PROBE_TIMEOUT_SECONDS, **about)
    print(json.dumps(report) + "\n" if arguments.json else text_of(report), end="")
    return _EXIT_CODES[report["state"]]


def _trouble(arguments: argparse.Namespace) -> str:
    """Return what makes no sense on the command line."""
    if arguments.login == "":
        return "--login: an empty login is none that could be tried"
    if arguments.login is None:
        for option, given in (
            ("--client", getattr(arguments, "client", "")),
            ("--password-stdin", arguments.password_stdin),
        ):
            if given:
                return f"{option} is of no use without --login"
    return ""
