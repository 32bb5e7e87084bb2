"""`bridgectl check`: are the settings good? Reads certificates too; contacts nobody."""

import argparse
import json
import os
from collections.abc import Iterator

from bridge_common.errors import Problem, SettingsError
from bridge_common.runtime.endpoint import owner_ids
from sasl_bridge.daemon import load


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command."""
    return subparsers.add_parser(
        "check",
        help="say whether the settings are good, and what is wrong with them",
        description="Read the settings as the daemon would. Exit code 0 if they are good (there "
        "may be warnings), 78 if they are not.",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print every problem and every warning."""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    try:
        loaded, _ = load(arguments.settings)
        warnings = loaded.warnings
        problems = tuple(_unknown_owner(loaded.settings.smtp_auth.socket_owner))
    except SettingsError as error:
        problems = error.problems
    if arguments.json:
        print(json.dumps({"problems": _as_json(problems), "warnings": _as_json(warnings)}))
    else:
        _print_text(str(arguments.settings), problems, warnings)
    return os.EX_CONFIG if problems else os.EX_OK


def _unknown_owner(owner: str) -> Iterator[Problem]:
    """Yield a problem if the socket could not be given to its owner."""
    try:
        owner_ids(owner)
    except KeyError as error:
        yield Problem("smtp_auth.socket_owner", f"{owner}: {error.args[0]}")


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
