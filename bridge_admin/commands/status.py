"""`bridgectl status`: how the running daemons are doing."""

import argparse
import json
import time
from collections.abc import Iterator
from typing import Any

from bridge_admin.both_daemons import add_daemon_option, ask_daemons, exit_code


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command."""
    parser = subparsers.add_parser(
        "status",
        help="say how the running daemons are doing",
        description="Ask the running daemons how they are doing. Exit code 0 if they serve good "
        "settings, 78 if their settings are broken, 69 if one does not run that the settings "
        "switch on.",
    )
    add_daemon_option(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Print the daemons' state."""
    replies = ask_daemons(arguments, "status")
    running = {name: reply for name, reply in replies.items() if reply is not None}
    if arguments.json:
        print(json.dumps(replies))
    elif running:
        print("\n\n".join("\n".join(_lines(reply)) for reply in running.values()))
    good = not any(reply["settings_problems"] for reply in running.values())
    return exit_code(arguments, replies, good=good)


def _lines(reply: dict[str, Any]) -> Iterator[str]:
    yield f"{reply['program']} {_state(reply)}, process {reply['pid']}, up {_uptime(reply)}"
    yield f"settings: {reply['settings_file']}"
    yield f"listening: {', '.join(reply['listeners'])}"
    yield f"connections: {reply['connections']}"
    yield from _decisions(reply)
    if lost := reply["log_lines_dropped"]:
        yield f"log: {lost} lines were dropped: standard error did not take them"
    for warning in reply["settings_warnings"]:
        yield f"warning: {warning}"
    for problem in reply["settings_problems"]:
        yield f"error: {problem}"


def _decisions(reply: dict[str, Any]) -> Iterator[str]:
    """Yield what only one of the programs has to say."""
    if "verdicts" in reply:
        yield f"logins: {_counted(reply['verdicts'])}"
        yield f"remembered: {_remembered(reply['remembered'])}"
        for server in reply["servers"]:
            yield f"server {server['name']}: {_where(server)}"
    if "rules" in reply:
        yield f"senders: {_counted(reply['decisions'])}"
        for context, rules in reply["rules"].items():
            modes = ", ".join(f"{rule} {mode}" for rule, mode in rules.items())
            yield f"rules{f' in {context}' if context else ''}: {modes}"
        if reply["aliases"]:
            yield f"aliases: {reply['aliases']}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items()) or "none yet"


def _remembered(counts: dict[str, int]) -> str:
    text = f"{counts['accepted']} accepted, {counts['refused']} refused"
    text += f"; used {counts['accepted_again']} and {counts['refused_again']} times"
    grace = counts["accepted_in_grace"]
    return f"{text}; {grace} accepted in grace" if grace else text


def _where(server: dict[str, Any]) -> str:
    profile = f"profile {server['profile']} at " if server["profile"] else ""
    off = "" if server["enabled"] else " (not enabled)"
    return f"{profile}{', '.join(server['hosts'])} port {server['port']}{off}"


def _state(reply: dict[str, Any]) -> str:
    if not reply["settings_problems"]:
        return "serves" if reply["enabled"] else "is switched off"
    if reply["settings_applied"]:
        return "serves its last good settings; the file is broken"
    return "answers every request as trouble; the settings are broken"


def _uptime(reply: dict[str, Any]) -> str:
    minutes, seconds = divmod(int(time.time() - reply["started"]), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min {seconds} s"
