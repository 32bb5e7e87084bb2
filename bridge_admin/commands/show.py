"""`bridgectl show`: what the settings file amounts to, defaults included, secrets not."""

import argparse
import json
import os

from bridge_common.settings.read import read_settings
from bridge_common.settings.write import format_settings, settings_as_json


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command."""
    return subparsers.add_parser(
        "show",
        help="print the effective settings, defaults included, without secrets",
        description="Print what the settings file amounts to: every key, with its default where "
        "the file says nothing. Secrets are not shown.",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the effective settings."""
    settings = read_settings(arguments.settings).settings
    if arguments.json:
        print(json.dumps(settings_as_json(settings)))
    else:
        print(format_settings(settings), end="")
    return os.EX_OK
