"""The command line of a daemon: where its settings are; it is the same for both programs."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from bridge_common.runtime.lifecycle import Program, run
from bridge_common.settings.location import DEFAULT_SETTINGS_FILE

B = TypeVar("B")


def run_from_command_line(
    name: str, description: str | None, program: Callable[[Path], Program[B]]
) -> int:
    """Run a daemon with the settings that the command line names; returns its exit code."""
    parser = argparse.ArgumentParser(prog=name, description=description)
    parser.add_argument(
        "--settings",
        type=Path,
        default=DEFAULT_SETTINGS_FILE,
        metavar="FILE",
        help="the settings file (default: %(default)s)",
    )
    return run(partial(program, parser.parse_args().settings))
