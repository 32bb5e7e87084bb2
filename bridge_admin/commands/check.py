"""`bridgectl check`: are the settings good? Reads certificates and aliases; contacts nobody."""

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path

from bridge_common.errors import Problem, SettingsError
from bridge_common.runtime.endpoint import owner_ids
from bridge_common.settings.model import Settings
from bridge_common.settings.sender import Sender
from policyd.daemon import load as load_policy
from policyd.ownership.aliases_file import AliasesFile
from sasl_bridge.daemon import load as load_bridge


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command."""
    return subparsers.add_parser(
        "check",
        help="say whether the settings are good, and what is wrong with them",
        description="Read the settings as the daemons would. Exit code 0 if they are good (there "
        "may be warnings), 78 if they are not.",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print every problem and every warning."""
    found, warnings = _look_at(arguments.settings)
    problems = tuple(dict.fromkeys(found))  # both programs read the same file
    if arguments.json:
        print(json.dumps({"problems": _as_json(problems), "warnings": _as_json(warnings)}))
    else:
        _print_text(str(arguments.settings), problems, warnings)
    return os.EX_CONFIG if problems else os.EX_OK


def _look_at(file: Path) -> tuple[list[Problem], tuple[Problem, ...]]:
    """Return what either program finds wrong with the settings, and the warnings."""
    problems: list[Problem] = []
    try:
        load_bridge(file)
    except SettingsError as error:
        problems += error.problems
    try:
        loaded, policy = load_policy(file)
    except SettingsError as error:
        return problems + list(error.problems), ()
    problems += _unknown_owners(loaded.settings)
    return problems, loaded.warnings + _about_aliases(policy.aliases)


def _about_aliases(aliases: AliasesFile) -> tuple[Problem, ...]:
    """Return what is doubtful about the aliases file; one that somebody named should be there."""
    if aliases.path in {"", Sender().aliases_file} or aliases.reading.stamp:
        return aliases.reading.doubts(aliases.path)
    return (Problem("sender.aliases_file", f"{aliases.path} is not there; nobody owns an alias"),)


def _unknown_owners(settings: Settings) -> Iterator[Problem]:
    """Yield a problem for each program whose sockets could not be given to their owner."""
    owners = {"smtp_auth": settings.smtp_auth.socket_owner, "sender": settings.sender.socket_owner}
    for section, owner in owners.items():
        try:
            owner_ids(owner)
        except KeyError as error:
            yield Problem(f"{section}.socket_owner", f"{owner}: {error.args[0]}")


def _as_json(problems: tuple[Problem, ...]) -> list[dict[str, str]]:
    return [{"path": problem.path, "message": problem.message} for problem in problems]


def _print_text(file: str, problems: tuple[Problem, ...], warnings: tuple[Problem, ...]) -> None:
    for problem in problems:
        print(f"error: {problem}")
    for warning in warnings:
        print(f"warning: {warning}")
    verdict = _counted(problems, "problem") if problems else "the settings are good"
    print(f"{file}: {verdict}" + (f", {_counted(warnings, 'warning')}" if warnings else ""))


def _counted(found: tuple[Problem, ...], noun: str) -> str:
    return f"{len(found)} {noun}" + ("s" if len(found) > 1 else "")
