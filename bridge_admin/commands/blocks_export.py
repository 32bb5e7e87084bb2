"""`bridgectl blocks export`: all blocks, one JSON object a line, as `blocks import` reads them."""

import argparse
import json
import os

from bridge_admin.control_client import ask_daemon


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command."""
    return subparsers.add_parser(
        "export",
        help="print all blocks, for import",
        description="Print all blocks, one JSON object a line: for another gateway, or to edit.",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    for block in ask_daemon(arguments.settings, "blocks")["blocks"]:
        print(json.dumps(block))
    return os.EX_OK
