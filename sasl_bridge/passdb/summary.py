"""How those are doing who are asked, for `bridgectl status`.

Knows where that is known; changes nothing, waits for nothing, raises nothing.
"""

import time
from typing import Any

from bridge_common.directory.directory import Directory
from bridge_common.settings.model import Settings
from bridge_common.settings.served import profile_named, servers_asked
from bridge_common.settings.server import Server
from sasl_bridge.passdb.build import Parts
from sasl_bridge.passdb.remote import RemotePassdb


def server_summaries(settings: Settings, parts: Parts) -> list[dict[str, Any]]:
    """Return each server that the settings name to be asked, in their order, as JSON has it.

    ``in_use`` of ``most`` connections are at work, ``warm`` others wait for a login.
    ``avoided_hosts`` of a directory had trouble a moment ago and are asked last.
    ``breaker`` is what is known of its health; None: it is not to be asked.
    """
    return [
        {
            **_settings_of(server, settings),
            **_connections(server, parts),
            "breaker": _health(parts, server.name),
        }
        for server in servers_asked(settings)
    ]


def _settings_of(server: Server, settings: Settings) -> dict[str, Any]:
    profile = profile_named(server.ldap_profile, settings)
    return {
        "name": server.name,
        "profile": server.ldap_profile,
        "hosts": list(profile.hosts) if profile else [server.host],
        "port": profile.port if profile else server.port,
        "enabled": server.enabled,
    }


def _connections(server: Server, parts: Parts) -> dict[str, Any]:
    """Return nothing if there is nobody who could ask it."""
    for built in parts.servers:
        if built.settings.name == server.name and isinstance(built.remote, RemotePassdb):
            return _of_remote(built.remote)
    for profile in parts.profiles:
        named = profile.settings.name == server.ldap_profile
        if named and isinstance(profile.directory, Directory):
            return _of_directory(profile.directory)
    return {}


def _of_remote(remote: RemotePassdb) -> dict[str, Any]:
    warm = len(remote.warm)
    return {
        "in_use": remote.slots.taken - warm,
        "most": remote.slots.limit,
        "warm": warm,
        "warm_used": remote.warm.used,
        "warm_unused": remote.warm.unused,
    }


def _of_directory(directory: Directory) -> dict[str, Any]:
    now = time.monotonic()
    return {
        "in_use": sum(host.in_use for host in directory.hosts),
        "most": sum(host.most for host in directory.hosts),
        "warm": sum(host.idle for host in directory.hosts),
        "avoided_hosts": [host.place.host for host in directory.hosts if host.avoided_until > now],
    }


def _health(parts: Parts, name: str) -> dict[str, Any] | None:
    watched = parts.watched.get(name)
    return watched.lookout.breaker.summary() if watched else None
