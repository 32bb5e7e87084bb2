"""A password for a command: asked for at the terminal, or a line of standard input."""

import argparse
import getpass
import sys


def add_password_option(parser: argparse.ArgumentParser) -> None:
    """Declare `--password-stdin`."""
    parser.add_argument(
        "--password-stdin",
        action="store_true",
        help="read the password from standard input (one line) instead of asking for it",
    )


def read_password(*, from_stdin: bool) -> str:
    """Return it. Raises EOFError or KeyboardInterrupt if nobody types one."""
    if from_stdin:
        return sys.stdin.readline().removesuffix("\n")
    return getpass.getpass("Password: ")
