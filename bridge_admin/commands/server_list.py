"""`bridgectl server list`: the servers of the settings file, in the order of asking."""

import argparse
import json
import os
import shutil
import textwrap
from collections.abc import Iterator

from bridge_common.settings.endpoint import host_and_port
from bridge_common.settings.model import Server
from bridge_common.settings.read import read_settings
from bridge_common.settings.write import settings_as_json

_COLUMNS = ("", "name", "protocol", "security", "server")
_LEAST_REMARKS_COLUMNS = 20


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command."""
    return subparsers.add_parser(
        "list",
        help="print the server list of the settings file",
        description="Print the servers of the settings file, in the order in which they are "
        "asked. Remarks are where they differ from the defaults; --json prints all of their "
        "settings. The daemon need not run.",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the list."""
    settings = read_settings(arguments.settings).settings
    if arguments.json:
        print(json.dumps(settings_as_json(settings)["server"]))
    elif settings.servers:
        rows = [_row(number, server) for number, server in enumerate(settings.servers, start=1)]
        header = (*_COLUMNS, "remarks" if any(row[-1] for row in rows) else "")
        _print_table([header, *rows], shutil.get_terminal_size().columns)
    else:
        print("there are no servers in the settings")
    return os.EX_OK


def _row(number: int, server: Server) -> tuple[str, ...]:
    return (
        str(number),
        server.name,
        server.protocol,
        server.security,
        host_and_port(server.host, server.port),
        "; ".join(_remarks(server)),
    )


def _remarks(server: Server) -> Iterator[str]:
    """Yield what about its being asked is not as by default."""
    if not server.enabled:
        yield "not enabled"
    if server.domains:
        yield f"only for {', '.join(server.domains)}"
    if server.on_reject == "stop":
        yield "its no ends the list"
    if not server.required:
        yield "not required"
    if not server.verify and server.security != "plain":
        yield "certificate not checked"


def _print_table(rows: list[tuple[str, ...]], columns: int) -> None:
    """Print the rows; the last cell is wrapped where the terminal ends."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    indent = sum(width + 2 for width in widths[:-1])
    last_width = max(columns - indent, _LEAST_REMARKS_COLUMNS)
    for *cells, last in rows:
        padded = (f"{cell:{width}}  " for cell, width in zip(cells, widths, strict=False))
        first, *more = textwrap.wrap(last, last_width, break_on_hyphens=False) or [""]
        print(("".join(padded) + first).rstrip())
        for line in more:
            print(" " * indent + line)
