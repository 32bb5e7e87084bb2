"""`bridgectl reload`: make the daemons read their settings again, and say how that went."""

import argparse
import json

from bridge_admin.both_daemons import add_daemon_option, ask_daemons, exit_code


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = subparsers.add_parser(
        "reload",
        help="make the daemons read their settings again",
        description="Make the running daemons read their settings again. Exit code 0 if the new "
        "settings are in force, 78 if they are broken and the last good ones stay, 69 if a daemon "
        "that they switch on does not run.",
    )
    add_daemon_option(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Ask for a reload and print its outcome."""
    replies = ask_daemons(arguments, "reload")
    running = {name: reply for name, reply in replies.items() if reply is not None}
    if arguments.json:
        print(json.dumps(replies))
    else:
        # Both read one file, and say the same of it.
        for line in dict.fromkeys(line for reply in running.values() for line in _findings(reply)):
            print(line)
        for name, reply in running.items():
            outcome = "reloaded" if reply["applied"] else "not reloaded: the settings are broken"
            print(f"{name}: {outcome}")
    good = all(reply["applied"] for reply in running.values())
    return exit_code(arguments, replies, good=good)


def _findings(reply: dict[str, list[str]]) -> list[str]:
    problems = [f"error: {problem}" for problem in reply["problems"]]
    return problems + [f"warning: {warning}" for warning in reply["warnings"]]
