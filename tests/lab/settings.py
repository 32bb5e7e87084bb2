"""Settings files for the daemons of the lab, from the few keys that a test is about."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lab import directory_entries as entries
from lab import domain_controller as domain
from lab.certificates import Certificates
from lab.domain_controller import DomainController
from lab.dovecot import Dovecot
from lab.ports import LOOPBACK
from lab.slapd import Slapd


def settings_text(
    folder: Path,
    auth_socket: Path,
    servers: list[str],
    *,
    domains: Sequence[str] = ("example.com",),
    identity: Mapping[str, Any] | None = None,
    cache: Mapping[str, Any] | None = None,
    restraint: Mapping[str, Any] | None = None,
    **smtp_auth: Any,
) -> str:
    """Return a settings file for logins of these domains; ``smtp_auth`` overrides that section.

    ``identity`` are further keys of `[identity]`, ``cache`` those of `[cache]`: without them
    nothing is remembered, and each login is asked about. ``restraint`` are those of
    `[restraint]`: without them there is no lock-out budget.
    """
    section = {
        "enabled": True,
        "failure_delay": "0s",
        "listen": [f"unix:{auth_socket}"],
        "control": f"unix:{folder}/control",
        "state_dir": str(folder),
        **smtp_auth,
    }
    whose = {"domains": list(domains), **(identity or {})}
    restraining = []
    if not any("[restraint]" in text for text in servers):  # some tests bring their own
        restraining = [_table("[restraint]", {"lockout_budget": 0, **(restraint or {})})]
    remembering = {"success_ttl": "0s", "failure_ttl": "0s", **(cache or {})}
    return "\n".join(
        [
            _table("[smtp_auth]", section),
            _table("[identity]", whose),
            _table("[cache]", remembering),
            *restraining,
            *servers,
        ]
    )


def sender_settings_text(
    folder: Path,
    policy_socket: Path,
    tables: Sequence[str],
    *,
    domains: Sequence[str] = ("example.com",),
    identity: Mapping[str, Any] | None = None,
    state_dir: Path | None = None,
    **sender: Any,
) -> str:
    """Return a settings file for sasl-policyd alone; ``sender`` are keys of `[sender]`.

    ``state_dir``: where sasl-bridge says who is blocked.
    ``tables`` are further ones, `sender_exception`, `sender_context`, `ldap_profile`.
    """
    section = {
        "aliases_file": "",
        "listen": [f"unix:{policy_socket}"],
        "control": f"unix:{folder}/policy-control",
        **sender,
    }
    whose = {"domains": list(domains), **(identity or {})}
    return "\n".join(
        [
            _table("[smtp_auth]", {"state_dir": str(state_dir or folder)}),
            _table("[identity]", whose),
            _table("[sender]", section),
            *tables,
        ]
    )


def sender_exception(sender: str, *clients: str) -> str:
    """Return a `[[sender.exception]]`."""
    return _table("[[sender.exception]]", {"sender": sender, "clients": list(clients)})


def sender_context(name: str, **keys: Any) -> str:
    """Return a `[[sender.context]]`."""
    return _table("[[sender.context]]", {"name": name, **keys})


def server(name: str, port: int, **keys: Any) -> str:
    """Return a `[[server]]` at this port of loopback, in the clear unless ``keys`` say more."""
    where = {"name": name, "protocol": "imap", "security": "plain", "host": LOOPBACK, "port": port}
    return _table("[[server]]", where | keys)


def tls_server(name: str, dovecot: Dovecot, tls: Certificates, **keys: Any) -> str:
    """Return a `[[server]]` that is asked over TLS and verified by the lab's authority."""
    return server(name, dovecot.port, security="ssl", ca_file=str(tls.authority), **keys)


def ldap_profile(name: str, directory: Slapd | DomainController, **keys: Any) -> str:
    """Return a `[[ldap_profile]]` of this directory, over verified TLS unless ``keys`` say more."""
    security = keys.get("security", "ssl")
    ports = directory.ports["ldap"]
    if isinstance(directory, Slapd):
        usual = {"kind": "openldap", "hosts": [LOOPBACK], "port": ports[security]}
        usual |= {"bind_dn": entries.GATEWAY, "bind_password": entries.GATEWAY_PASSWORD}
        usual |= {"base_dn": entries.BASE}
    else:
        usual = {"kind": "active-directory", "hosts": [directory.address], "port": ports[security]}
        usual |= {"bind_dn": domain.GATEWAY, "bind_password": domain.GATEWAY_PASSWORD}
        usual |= {"base_dn": domain.BASE}
    if security != "plain" and directory.tls is not None:
        usual["ca_file"] = str(directory.tls.authority)
    if keys.get("auth") == "direct":
        for key in ("bind_dn", "bind_password", "base_dn"):
            del usual[key]
    return _table("[[ldap_profile]]", {"name": name} | usual | keys)


def profile_at(port: int, name: str = "corp", **keys: Any) -> str:
    """Return a `[[ldap_profile]]` at this port of loopback, in the clear by default."""
    usual: dict[str, Any] = {"kind": "openldap", "security": "plain"}
    usual |= {"hosts": [LOOPBACK], "port": port}
    if keys.get("auth") != "direct":
        usual |= {"bind_dn": entries.GATEWAY, "bind_password": entries.GATEWAY_PASSWORD}
        usual |= {"base_dn": entries.BASE}
    return _table("[[ldap_profile]]", {"name": name} | usual | keys)


def listed_profile(profile: str, **keys: Any) -> str:
    """Return the `[[server]]` that puts a profile into the list, by the profile's name."""
    return _table(
        "[[server]]", {"name": profile, "protocol": "ldap", "ldap_profile": profile} | keys
    )


def _table(header: str, keys: dict[str, Any]) -> str:
    # Strings, numbers, booleans and lists of them are written alike in JSON and in TOML.
    return "\n".join([header, *(f"{key} = {json.dumps(value)}" for key, value in keys.items()), ""])
