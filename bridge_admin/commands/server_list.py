"""`bridgectl server list`: the servers of the settings file, in the order of asking."""

import argparse
import json
import os
from collections.abc import Iterator

from bridge_admin.layout import print_table
from bridge_common.settings.endpoint import host_and_port
from bridge_common.settings.model import SmtpAuth
from bridge_common.settings.read import read_settings
from bridge_common.settings.server import Server
from bridge_common.settings.write import settings_as_json

_COLUMNS = ("", "name", "protocol", "security", "server")


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
        return os.EX_OK
    if settings.servers:
        rows = [_row(number, server) for number, server in enumerate(settings.servers, start=1)]
        header = (*_COLUMNS, "remarks" if any(row[-1] for row in rows) else "")
        print_table([header, *rows])
    else:
        print("there are no servers in the settings")
    _print_who_is_asked(settings.smtp_auth)
    return os.EX_OK


def _row(number: int, server: Server) -> tuple[str, ...]:
    return (
        str(number),
        server.name,
        server.protocol,
        *_where(server),
        "; ".join(_remarks(server)),
    )


def _where(server: Server) -> tuple[str, str]:
    """Return how the connection is encrypted, and who is at its end."""
    if server.protocol == "ldap":
        return "", f"profile {server.ldap_profile}"
    return server.security, host_and_port(server.host, server.port)


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


def _print_who_is_asked(smtp_auth: SmtpAuth) -> None:
    if smtp_auth.method == "ldap":
        print(f'none of them is asked: method = "ldap" asks profile {smtp_auth.ldap_profile} only')
