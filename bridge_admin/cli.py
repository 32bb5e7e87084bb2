"""bridgectl: the administrator's hand tool.

One file a command in `bridge_admin.commands`; each has `add_parser` and `run`. Commands about one
thing form a group, as in `bridgectl server test`.
Exit codes are those of sysexits.h.
"""

import argparse
import io
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn, Protocol

from bridge_admin.commands import (
    block,
    blocks_export,
    blocks_import,
    blocks_list,
    budget_clear,
    budget_list,
    cache_flush,
    check,
    decisions,
    explain,
    login,
    profile_list,
    profile_test,
    reload,
    server_list,
    server_test,
    show,
    status,
    unblock,
)
from bridge_admin.control_client import NotRunning, RequestFailed, TooLong
from bridge_common.errors import SettingsError
from bridge_common.settings.location import DEFAULT_SETTINGS_FILE


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(os.EX_USAGE, f"{self.prog}: {message}\n")


class _CommandModule(Protocol):
    @property
    def add_parser(
        self,
    ) -> "Callable[[argparse._SubParsersAction[argparse.ArgumentParser]], argparse.ArgumentParser]":
        """Declare the command and its arguments."""

    @property
    def run(self) -> Callable[[argparse.Namespace], int]:
        """Do it; returns the exit code."""


_EXIT_INTERRUPTED = 128 + signal.SIGINT  # as shells have it

# What the daemon's word for whose fault it is amounts to.
_EXIT_CODES_OF_FAILURES = {"request": os.EX_USAGE, "busy": os.EX_TEMPFAIL}

_COMMANDS: tuple[_CommandModule, ...] = (
    check,
    show,
    login,
    explain,
    status,
    decisions,
    block,
    unblock,
    reload,
)
_GROUPS: Mapping[str, tuple[str, tuple[_CommandModule, ...]]] = {
    "server": ("list the servers, or test one of them", (server_list, server_test)),
    "profile": ("list the LDAP profiles, or test one of them", (profile_list, profile_test)),
    "blocks": (
        "list who is blocked, or carry it to another gateway",
        (blocks_list, blocks_export, blocks_import),
    ),
    "cache": ("forget what is remembered of logins", (cache_flush,)),
    "budget": (
        "list the lock-out budgets that are used, or make one whole",
        (budget_list, budget_clear),
    ),
}


def build_parser() -> argparse.ArgumentParser:
    """Return the whole command line."""
    parser: argparse.ArgumentParser = _Parser(
        prog="bridgectl", description="Look after sasl-bridge and sasl-policyd.", allow_abbrev=False
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_commands(subparsers, _COMMANDS)
    for name, (help_text, commands) in _GROUPS.items():
        group = subparsers.add_parser(name, help=help_text)
        _add_commands(group.add_subparsers(metavar="COMMAND", required=True), commands)
    return parser


def _add_commands(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
    commands: tuple[_CommandModule, ...],
) -> None:
    for command in commands:
        subparser = command.add_parser(subparsers)
        subparser.add_argument(
            "--settings",
            type=Path,
            default=DEFAULT_SETTINGS_FILE,
            metavar="FILE",
            help="the settings file (default: %(default)s)",
        )
        subparser.add_argument(
            "--json", action="store_true", help="print facts as JSON, for programs"
        )
        subparser.set_defaults(run=command.run)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a server's words may be beyond the terminal's
    parsed = build_parser().parse_args(arguments)
    try:
        code: int = parsed.run(parsed)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return os.EX_CONFIG
    except (NotRunning, TooLong) as error:
        print(f"bridgectl: {error}", file=sys.stderr)
        return os.EX_USAGE if isinstance(error, TooLong) else os.EX_UNAVAILABLE
    except RequestFailed as error:
        print(f"bridgectl: the daemon said: {error}", file=sys.stderr)
        return _EXIT_CODES_OF_FAILURES.get(error.kind, os.EX_SOFTWARE)
    except (KeyboardInterrupt, EOFError):
        print("bridgectl: stopped", file=sys.stderr)
        return _EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (head, less) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return os.EX_OK
    return code


if __name__ == "__main__":
    sys.exit(main())
