"""Dovecot's auth process alone, asked as Postfix asks it; the configuration of 2.3 and of 2.4.

Its delay after a wrong password is off, and so are the growing ones (anvil's penalties): the bench
tries wrong passwords before it measures right ones.
"""

from collections.abc import Callable
from pathlib import Path

from lab import directory_entries as entries
from lab.ports import LOOPBACK
from lab.processes import kill_group, program, run

from bench.contestant import Backend, Contestant

_CACHE = "auth_cache_size = 100M\n"

_COMMON = """\
listen = {host}
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
ssl = no
auth_mechanisms = plain
auth_failure_delay = 0
{cache}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener {folder}/socket {{
    mode = 0666
  }}
}}
{passdb}
"""

_VERSION_2_3 = """\
protocols =
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/nonexistent
}}
"""

_VERSION_2_4 = """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols =
userdb static {{
  fields {{
    uid = nobody
    gid = nogroup
    home = /nonexistent
  }}
}}
"""

_IMAP_2_3 = """\
passdb {{
  driver = imap
  args = host={host} port={port}{tls}
}}
"""

_IMAP_2_4 = """\
passdb imap {{
  imapc_host = {host}
  imapc_port = {port}
  imapc_user = %{{user}}
{tls}
}}
"""

_LDAP_2_3 = """\
passdb {{
  driver = ldap
  args = {folder}/ldap.conf
}}
"""

_LDAP_FILE_2_3 = """\
uris = ldap://{host}:{port}
dn = {entries.GATEWAY}
dnpass = {entries.GATEWAY_PASSWORD}
auth_bind = yes
ldap_version = 3
base = {entries.BASE}
scope = subtree
pass_filter = (&(objectClass=person)(mail=%u))
pass_attrs = mail=user
"""

_LDAP_2_4 = """\
ldap_uris = ldap://{host}:{port}
ldap_auth_dn = {entries.GATEWAY}
ldap_auth_dn_password = {entries.GATEWAY_PASSWORD}
ldap_base = {entries.BASE}
passdb ldap {{
  passdb_ldap_bind = yes
  passdb_ldap_filter = (&(objectClass=person)(mail=%{{user}}))
  fields {{
    user = %{{ldap:mail}}
  }}
}}
"""

_Passdb = Callable[["DovecotAuth", Backend], str]


class DovecotAuth(Contestant):
    """Dovecot with one passdb, and its cache if ``cached``."""

    kind = "auth"

    def __init__(
        self, folder: Path, backend: Backend, name: str, passdb: _Passdb, *, cached: bool = False
    ) -> None:
        super().__init__(folder)
        self.name = name
        self._program = program("dovecot", "dovecot-core")
        self._configuration = folder / "dovecot.conf"
        text = (_VERSION_2_3 if self.is_old else _VERSION_2_4) + _COMMON
        self._configuration.write_text(
            text.format(
                host=LOOPBACK,
                folder=folder,
                cache=_CACHE if cached else "",
                passdb=passdb(self, backend),
            )
        )

    @property
    def version(self) -> str:
        """Dovecot's version."""
        return f"Dovecot {run(self._program, '--version').split()[0]}"

    @property
    def is_old(self) -> bool:
        """Whether it is Dovecot 2.3."""
        return self.version.startswith("Dovecot 2.3.")

    def start(self) -> None:
        """Return once it is ready."""
        self._launch_notified([self._program, "-F", "-c", str(self._configuration)])

    def stop(self) -> None:
        """End all of its processes at once: its orderly end waits for some of them."""
        if self.group:
            kill_group(self.group)
        self._forget_processes()


def remembering(folder: Path, backend: Backend) -> DovecotAuth:
    """Return one that asks a directory once for each login: passdb imap is never cached by 2.3."""
    return DovecotAuth(folder, backend, "Dovecot auth, cache", _ldap_passdb, cached=True)


def asking_imap(folder: Path, backend: Backend) -> DovecotAuth:
    """Return one that asks an IMAP server, over TLS if there is an authority to trust."""
    return DovecotAuth(folder, backend, "Dovecot passdb imap", _imap_passdb)


def asking_ldap(folder: Path, backend: Backend) -> DovecotAuth:
    """Return one that searches and binds at a directory."""
    return DovecotAuth(folder, backend, "Dovecot passdb ldap", _ldap_passdb)


def _imap_passdb(dovecot: DovecotAuth, backend: Backend) -> str:
    if dovecot.is_old:
        tls = f" ssl=imaps ssl_ca_file={backend.authority}" if backend.authority else ""
        return _IMAP_2_3.format(host=LOOPBACK, port=backend.port, tls=tls)
    tls = f"  imapc_ssl = imaps\n  ssl_client_ca_file = {backend.authority}"
    return _IMAP_2_4.format(
        host=LOOPBACK, port=backend.port, tls=tls if backend.authority else "  imapc_ssl = no"
    )


def _ldap_passdb(dovecot: DovecotAuth, backend: Backend) -> str:
    words = {"host": LOOPBACK, "port": backend.port, "entries": entries}
    if not dovecot.is_old:
        return _LDAP_2_4.format(**words)
    (dovecot.folder / "ldap.conf").write_text(_LDAP_FILE_2_3.format(**words))
    return _LDAP_2_3.format(folder=dovecot.folder)
