"""Commands for both daemons at once: each is asked, and who is missed is told.

A daemon that the settings have no use for need not run.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from bridge_admin.control_client import BRIDGE, POLICYD, Daemon, NotRunning, ask_daemon
from bridge_common.errors import SettingsError
from bridge_common.settings.read import read_settings
from bridge_common.settings.sender import any_rule_on

DAEMONS = {daemon.name: daemon for daemon in (BRIDGE, POLICYD)}

Replies = dict[str, dict[str, Any] | None]
"""What each daemon replied, by its name; None if it does not run."""


def add_daemon_option(parser: argparse.ArgumentParser) -> None:
    """Let the administrator ask one of them alone."""
    parser.add_argument(
        "--program", choices=tuple(DAEMONS), help="ask only this program (default: both)"
    )


def ask_daemons(arguments: argparse.Namespace, command: str, **request: Any) -> Replies:
    """Ask those that are meant, and say on standard error which of them are missed.

    Raises RequestFailed.
    """
    replies, away = ask_each(arguments, command, **request)
    for name in missed(arguments, replies):
        print(f"bridgectl: {away[name]}", file=sys.stderr)
    return replies


def ask_each(
    arguments: argparse.Namespace, command: str, **request: Any
) -> tuple[Replies, dict[str, NotRunning]]:
    """Ask those that are meant; return what they replied, and why some did not.

    Raises RequestFailed.
    """
    replies: Replies = {}
    away: dict[str, NotRunning] = {}
    for daemon in _meant(arguments):
        try:
            reply = ask_daemon(arguments.settings, command, daemon=daemon, **request)
        except NotRunning as error:
            replies[daemon.name], away[daemon.name] = None, error
        else:
            replies[daemon.name] = reply
    return replies, away


def _meant(arguments: argparse.Namespace) -> list[Daemon]:
    return [DAEMONS[arguments.program]] if arguments.program else list(DAEMONS.values())


def exit_code(arguments: argparse.Namespace, replies: Replies, *, good: bool) -> int:
    """Return 0; 78 if the settings are not good; 69 if a daemon is missed."""
    if not good:
        return os.EX_CONFIG
    return os.EX_UNAVAILABLE if missed(arguments, replies) else os.EX_OK


def missed(arguments: argparse.Namespace, replies: Replies) -> list[str]:
    """Return those that should run and do not; where none runs and none should, all of them."""
    away = [name for name, reply in replies.items() if reply is None]
    needed = _needed(arguments.settings) if away else set()
    needed_and_away = [name for name in away if name in needed]
    return needed_and_away or (away if len(away) == len(replies) else [])


def _needed(settings_file: Path) -> set[str]:
    """Return the daemons that the settings switch on; none, if they are broken."""
    try:
        settings = read_settings(settings_file).settings
    except SettingsError:
        return set()
    needed: dict[Daemon, bool] = {
        BRIDGE: settings.smtp_auth.enabled,
        POLICYD: any_rule_on(settings.sender),
    }
    return {daemon.name for daemon, wanted in needed.items() if wanted}
