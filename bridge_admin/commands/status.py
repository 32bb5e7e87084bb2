"""`bridgectl status`: how the running daemons are doing; with --watch, again and again."""

import argparse
import json
import time

from bridge_admin.both_daemons import add_daemon_option, ask_daemons, exit_code
from bridge_admin.status_text import View, status_lines
from bridge_admin.terminal import columns, wants_colours
from bridge_admin.watch import watch

_WATCH_SECONDS = 2.0
_LEAST_SECONDS, _MOST_SECONDS = 0.1, 86400.0


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = subparsers.add_parser(
        "status",
        help="say how the running daemons are doing",
        description="Ask the running daemons how they are doing. Exit code 0 if they serve good "
        "settings, 78 if their settings are broken, 69 if one does not run that the settings "
        "switch on. With --watch it is 0, when Ctrl-C ends it.",
    )
    add_daemon_option(parser)
    parser.add_argument(
        "--watch",
        nargs="?",
        type=_seconds,
        const=_WATCH_SECONDS,
        metavar="SECONDS",
        help=f"ask again and again, every {_WATCH_SECONDS:.0f} seconds by default",
    )
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not _LEAST_SECONDS <= seconds <= _MOST_SECONDS:
        bounds = f"{_LEAST_SECONDS} to {_MOST_SECONDS:.0f}"
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from {bounds}")
    return seconds


def run(arguments: argparse.Namespace) -> int:
    """Print the daemons' state."""
    if arguments.watch is not None:
        return watch(arguments, arguments.watch)
    replies = ask_daemons(arguments, "status")
    running = {name: reply for name, reply in replies.items() if reply is not None}
    if arguments.json:
        print(json.dumps(replies))
    elif running:
        view = View(columns(), wants_colours(), time.time())
        print("\n\n".join("\n".join(status_lines(reply, view)) for reply in running.values()))
    good = not any(reply["settings_problems"] for reply in running.values())
    return exit_code(arguments, replies, good=good)
