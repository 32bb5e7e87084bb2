"""`bridgectl profile list`: the LDAP profiles of the settings file, and who uses them."""

import argparse
import json
import os
from collections.abc import Iterator

from bridge_admin.layout import print_table
from bridge_common.settings.endpoint import host_and_port
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.model import Settings
from bridge_common.settings.read import read_settings
from bridge_common.settings.write import section_as_json

_COLUMNS = ("name", "kind", "security", "hosts", "auth", "used by")


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command."""
    return subparsers.add_parser(
        "list",
        help="print the LDAP profiles of the settings file",
        description="Print the LDAP profiles of the settings file, and who uses them: smtp_auth, "
        "or servers of the list. Remarks are where they differ from the defaults; --json prints "
        "all of their settings. The daemon need not run.",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the list."""
    settings = read_settings(arguments.settings).settings
    profiles = settings.ldap_profiles
    if arguments.json:
        made = [{**section_as_json(one), "used_by": [*_users(one, settings)]} for one in profiles]
        print(json.dumps(made))
    elif profiles:
        rows = [_row(profile, settings) for profile in profiles]
        header = (*_COLUMNS, "remarks" if any(row[-1] for row in rows) else "")
        print_table([header, *rows])
    else:
        print("there are no LDAP profiles in the settings")
    return os.EX_OK


def _row(profile: LdapProfile, settings: Settings) -> tuple[str, ...]:
    return (
        profile.name,
        profile.kind,
        profile.security,
        "\n".join(host_and_port(host, profile.port) for host in profile.hosts),
        profile.auth,
        "\n".join(_users(profile, settings)) or "nobody",
        "; ".join(_remarks(profile)),
    )


def _users(profile: LdapProfile, settings: Settings) -> Iterator[str]:
    """Yield who has this directory asked."""
    if settings.smtp_auth.method == "ldap":
        if settings.smtp_auth.ldap_profile == profile.name:
            yield "smtp_auth"
    else:
        for server in settings.servers:
            if server.enabled and server.ldap_profile == profile.name:
                yield f"server {server.name}"
    if settings.sender.ldap_profile == profile.name:
        yield "sender"


def _remarks(profile: LdapProfile) -> Iterator[str]:
    """Yield what about it is not as by default."""
    chosen = {key: getattr(profile, key) for key in ("name", "hosts", "kind", "security", "auth")}
    usual = LdapProfile(**chosen)
    if profile.domains:
        yield f"only for {', '.join(profile.domains)}"
    yield from _remarks_on_searches(profile, usual)
    if profile.max_connections != usual.max_connections:
        yield f"at most {profile.max_connections} logins at a time"
    if profile.security != "plain" and not profile.verify:
        yield "certificate not checked"
    elif profile.tls_name:
        yield f"certificate for {profile.tls_name}"


def _remarks_on_searches(profile: LdapProfile, usual: LdapProfile) -> Iterator[str]:
    if profile.auth == "search" and not profile.bind_dn:
        yield "searched without an account"
    if profile.scope != usual.scope:
        yield f"scope {profile.scope}"
    for key in ("login_filter", "bare_login_filter"):
        if getattr(profile, key) != getattr(usual, key):
            yield f"{key} of its own"
    if profile.identity_attribute:
        yield f"identity is {profile.identity_attribute}"
    if profile.address_attributes != usual.address_attributes:
        yield f"addresses are {', '.join(profile.address_attributes)}"
    if profile.send_as_filter:
        yield "with send_as_filter"
