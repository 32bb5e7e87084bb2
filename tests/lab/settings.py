"""Settings files for the daemon of the lab, from the few keys that a test is about."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.certificates import Certificates
from lab.dovecot import Dovecot
from lab.ports import LOOPBACK


def settings_text(
    folder: Path,
    auth_socket: Path,
    servers: list[str],
    *,
    domains: Sequence[str] = ("example.com",),
    **smtp_auth: Any,
) -> str:
    """Return a settings file for logins of these domains; ``smtp_auth`` overrides that section."""
    section = {
        "enabled": True,
        "failure_delay": "0s",
        "listen": [f"unix:{auth_socket}"],
        "control": f"unix:{folder}/control",
        **smtp_auth,
    }
    identity = {"domains": list(domains)}
    return "\n".join([_table("[smtp_auth]", section), _table("[identity]", identity), *servers])


def server(name: str, port: int, **keys: Any) -> str:
    """Return a `[[server]]` at this port of loopback, in the clear unless ``keys`` say more."""
    where = {"name": name, "protocol": "imap", "security": "plain", "host": LOOPBACK, "port": port}
    return _table("[[server]]", where | keys)


def tls_server(name: str, dovecot: Dovecot, tls: Certificates, **keys: Any) -> str:
    """Return a `[[server]]` that is asked over TLS and verified by the lab's authority."""
    return server(name, dovecot.port, security="ssl", ca_file=str(tls.authority), **keys)


def _table(header: str, keys: dict[str, Any]) -> str:
    # Strings, numbers, booleans and lists of them are written alike in JSON and in TOML.
    return "\n".join([header, *(f"{key} = {json.dumps(value)}" for key, value in keys.items()), ""])
