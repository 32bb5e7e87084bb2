"""`bridgectl status`: how the running daemon is doing."""

import argparse
import json
import os
import time
from typing import Any

from bridge_admin.control_client import ask_daemon


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command."""
    return subparsers.add_parser(
        "status",
        help="say how the running daemon is doing",
        description="Ask the running daemon how it is doing. Exit code 0 if it serves good "
        "settings, 78 if its settings are broken, 69 if it does not run.",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the daemon's state."""
    reply = ask_daemon(arguments.settings, "status")
    if arguments.json:
        print(json.dumps(reply))
    else:
        _print_text(reply)
    return os.EX_CONFIG if reply["settings_problems"] else os.EX_OK


def _print_text(reply: dict[str, Any]) -> None:
    verdicts = ", ".join(f"{count} {name}" for name, count in reply["verdicts"].items())
    print(f"{reply['program']} {_state(reply)}, process {reply['pid']}, up {_uptime(reply)}")
    print(f"settings: {reply['settings_file']}")
    print(f"listening: {', '.join(reply['listeners'])}")
    print(f"connections: {reply['connections']}")
    print(f"logins: {verdicts}")
    for server in reply["servers"]:
        print(f"server {server['name']}: {_where(server)}")
    for warning in reply["settings_warnings"]:
        print(f"warning: {warning}")
    for problem in reply["settings_problems"]:
        print(f"error: {problem}")


def _where(server: dict[str, Any]) -> str:
    profile = f"profile {server['profile']} at " if server["profile"] else ""
    off = "" if server["enabled"] else " (not enabled)"
    return f"{profile}{', '.join(server['hosts'])} port {server['port']}{off}"


def _state(reply: dict[str, Any]) -> str:
    if not reply["settings_problems"]:
        return "serves" if reply["enabled"] else "is switched off (enabled = false)"
    if reply["settings_applied"]:
        return "serves its last good settings; the file is broken"
    return "answers every login as trouble; the settings are broken"


def _uptime(reply: dict[str, Any]) -> str:
    minutes, seconds = divmod(int(time.time() - reply["started"]), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min {seconds} s"
