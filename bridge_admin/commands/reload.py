"""`bridgectl reload`: make the running daemon read its settings again, and say how that went."""

import argparse
import json
import os

from bridge_admin.control_client import ask_daemon


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command."""
    return subparsers.add_parser(
        "reload",
        help="make the running daemon read its settings again",
        description="Make the running daemon read its settings again. Exit code 0 if the new "
        "settings are in force, 78 if they are broken and the last good ones stay.",
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask for a reload and print its outcome."""
    reply = ask_daemon(arguments.settings, "reload")
    if arguments.json:
        print(json.dumps(reply))
    else:
        for problem in reply["problems"]:
            print(f"error: {problem}")
        for warning in reply["warnings"]:
            print(f"warning: {warning}")
        print("reloaded" if reply["applied"] else "not reloaded: the settings are broken")
    return os.EX_OK if reply["applied"] else os.EX_CONFIG
