"""A real Active Directory domain controller: Samba's, with nothing but its LDAP server.

Samba's LDAP ports are fixed in its source (source4/ldap_server/ldap_server.c, add_socket()), so
it listens on a loopback address of its own: the standard ports of 127.0.0.1 belong to whatever
runs on the machine, and in a network namespace nobody could reach it. Needs root, as Samba does.

Provisioning takes five seconds and start half a second: one domain for many tests, each with users
of its own. What applies to one user only is a password settings object for that user, so that
no test changes the domain for another.
"""

import os
import random
import signal
import socket
from contextlib import suppress
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

import ldap
from ldap.dn import escape_dn_chars

from lab.certificates import Certificates, certificate_for
from lab.processes import Child, Running, kill_group, program, run, start, wait_for_port

REALM = "CORP.EXAMPLE.COM"
DOMAIN = "CORP"
BASE = "DC=corp,DC=example,DC=com"
USERS = f"CN=Users,{BASE}"
HOST_NAME = "dc1.corp.example.com"
GATEWAY = "gateway@corp.example.com"
"""The service account: an ordinary user, who may read everybody's addresses in any domain."""
GATEWAY_PASSWORD = "gateway's own: «service»"

_ADMINISTRATOR = "Administrator@corp.example.com"
_ADMINISTRATOR_PASSWORD = "administrator-1"
_PASSWORD_SETTINGS = f"CN=Password Settings Container,CN=System,{BASE}"
_NORMAL_ACCOUNT = 0x200  # userAccountControl, [MS-ADTS] 2.2.16
_ACCOUNT_DISABLED = 0x2
_MINUTE = -600_000_000  # intervals are negative, in units of 100 ns

_CONFIGURATION = """\
[global]
netbios name = DC1
realm = {realm}
workgroup = {domain}
server role = active directory domain controller
server services = ldap
interfaces = {address}/8
bind interfaces only = yes
tls certfile = {tls.certificate}
tls keyfile = {tls.key}
tls cafile = {tls.authority}
private dir = {folder}/private
state directory = {folder}/state
cache directory = {folder}/cache
lock directory = {folder}/lock
pid directory = {folder}/run
ncalrpc dir = {folder}/run/ncalrpc
binddns dir = {folder}/bind-dns
log file = {folder}/log
vfs objects = acl_xattr xattr_tdb
acl_xattr:ignore system acls = yes
prefork children = 2
[sysvol]
path = {folder}/state/sysvol
[netlogon]
path = {folder}/state/sysvol/corp.example.com/scripts
"""

# Over LDAP this time can be set to "now" and "never" only, and Samba takes a maximum age of seconds
# for none. So it is written into the database, past the module that guards passwords.
_AGE_PASSWORD = """\
import sys
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB
parameters = LoadParm()
parameters.load(sys.argv[1])
database = SamDB(session_info=system_session(), lp=parameters)
change = f"dn: {sys.argv[2]}\\nchangetype: modify\\nreplace: pwdLastSet\\npwdLastSet: 1\\n"
database.modify_ldif(change, ["local_oid:1.3.6.1.4.1.7165.4.3.12:0"])
"""


class DomainController(Running):
    """A domain with the service account `GATEWAY`, ended and started again at will.

    ``address`` is where it listens; its certificate, by the authority of ``tls``, is for that
    address and for `HOST_NAME`. ``ports["ldap"][security]`` and ``ports["gc"][security]``, the
    global catalog's, are the standard ones. Users are made and changed while it runs; their names
    here are sAMAccountName.
    """

    def __init__(self, folder: Path, tls: Certificates) -> None:
        self.folder = folder
        self.address = free_address()
        self.ports = {
            "ldap": {"plain": 389, "tls": 389, "ssl": 636},
            "gc": {"plain": 3268, "tls": 3268, "ssl": 3269},
        }
        for name in ("", "private", "state", "cache", "lock", "run", "bind-dns", "tls"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        names = (f"DNS:{HOST_NAME}", "DNS:corp.example.com", f"IP:{self.address}")
        self.tls = certificate_for(folder / "tls", tls, *names)
        self.configuration = folder / "smb.conf"
        self._child: Child | None = None
        text = _CONFIGURATION.format(
            realm=REALM, domain=DOMAIN, address=self.address, tls=self.tls, folder=folder
        )
        self.configuration.write_text(text)
        self._provision()
        with self:
            # Passwords of the tests need not be complex, nor old enough to be changed.
            self._modify(BASE, pwdProperties=0, minPwdLength=0, minPwdAge=0, pwdHistoryLength=0)
            self.create_user("gateway", GATEWAY_PASSWORD)

    def start(self) -> None:
        """Start it; return once it serves."""
        command = [program("samba", "samba-ad-dc"), "-F", "-M", "prefork"]
        with (self.folder / "output").open("ab") as output:
            self._child = start(
                [*command, "-s", str(self.configuration), "--debug-stdout"],
                stdin=DEVNULL,  # it ends with a standard input that is a pipe
                stdout=output,
                stderr=output,
            )
        try:
            for port in (389, 636, 3268, 3269):
                wait_for_port(self._child, self.address, port)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it with all its processes; its databases are made for that."""
        if self._child is not None:
            kill_group(self._child.pid)  # its orderly end takes two seconds
            self._child.wait()
            self._child = None

    def pause(self) -> None:
        """Let it do nothing any more; the kernel still takes connections for it."""
        assert self._child is not None
        os.killpg(self._child.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on where it was."""
        assert self._child is not None
        os.killpg(self._child.pid, signal.SIGCONT)

    def create_user(
        self,
        name: str,
        password: str,
        *,
        mail: str = "",
        proxy_addresses: tuple[str, ...] = (),
        upn: str = "",
        **attributes: Any,
    ) -> str:
        """Create a user below CN=Users and return the DN.

        ``upn`` is name@corp.example.com unless given; ``attributes`` have Active Directory's names.
        """
        dn = f"CN={escape_dn_chars(name)},{USERS}"
        values = {
            "objectClass": "user",
            "sAMAccountName": name,
            "userPrincipalName": upn or f"{name}@{REALM.lower()}",
            "unicodePwd": _quoted(password),
            "userAccountControl": _NORMAL_ACCOUNT,
            "mail": mail,
            "proxyAddresses": proxy_addresses,
            **attributes,
        }
        self._add(dn, **values)
        return dn

    def create_group(self, name: str, *members: str) -> str:
        """Create a group of these DNs, also of groups, and return its DN."""
        dn = f"CN={escape_dn_chars(name)},{USERS}"
        self._add(dn, objectClass="group", sAMAccountName=name, member=members)
        return dn

    def change(self, name: str, **attributes: Any) -> None:
        """Give a user's attributes these values; an empty string or tuple removes one."""
        self._modify(self.dn(name), **attributes)

    def dn(self, name: str) -> str:
        """Return the DN of a user created here."""
        return f"CN={escape_dn_chars(name)},{USERS}"

    def set_password(self, name: str, password: str) -> None:
        """Give a user another password."""
        self.change(name, unicodePwd=_quoted(password))

    def disable(self, name: str) -> None:
        """Switch the account off."""
        self.change(name, userAccountControl=_NORMAL_ACCOUNT | _ACCOUNT_DISABLED)

    def expire_account(self, name: str) -> None:
        """Let the account end in the year 1601."""
        self.change(name, accountExpires=1)

    def require_new_password(self, name: str) -> None:
        """Let the user's password be one that must be changed at the next logon."""
        self.change(name, pwdLastSet=0)

    def expire_password(self, name: str) -> None:
        """Let the user's password be older than it may be."""
        run("/usr/bin/python3", "-c", _AGE_PASSWORD, str(self.configuration), self.dn(name))

    def lock_out_after(self, name: str, failures: int) -> None:
        """Let so many wrong passwords in half an hour lock the account for half an hour."""
        self._password_settings(name, **{"msDS-LockoutThreshold": failures})

    def lockout(self, name: str) -> tuple[int, int]:
        """Return how many wrong passwords count, and since when it is locked; 0: it is not."""
        wanted = ["badPwdCount", "lockoutTime"]
        [(_, found)] = self._administrator().search_s(self.dn(name), ldap.SCOPE_BASE, None, wanted)
        count, since = (int(found.get(one, [b"0"])[0]) for one in wanted)
        return count, since

    def unlock(self, name: str) -> None:
        """Let a locked account in again."""
        self.change(name, lockoutTime=0)

    def forbid_every_hour(self, name: str) -> None:
        """Let the user log on in no hour of the week: one bit each."""
        self.change(name, logonHours=bytes(21))

    def restrict_to_workstation(self, name: str, workstation: str) -> None:
        """Let the user log on from there only."""
        self.change(name, userWorkstations=workstation)

    def _provision(self) -> None:
        names = (f"--realm={REALM}", f"--domain={DOMAIN}", "--server-role=dc")
        host = ("--host-name=dc1", f"--host-ip={self.address}", "--dns-backend=SAMBA_INTERNAL")
        secret = f"--adminpass={_ADMINISTRATOR_PASSWORD}"
        command = (program("samba-tool", "samba-ad-dc"), "domain", "provision")
        run(*command, "-s", str(self.configuration), *names, *host, secret)

    def _password_settings(self, name: str, **changes: int) -> None:
        values = {
            "msDS-PasswordSettingsPrecedence": 1,
            "msDS-PasswordReversibleEncryptionEnabled": "FALSE",
            "msDS-PasswordHistoryLength": 0,
            "msDS-PasswordComplexityEnabled": "FALSE",
            "msDS-MinimumPasswordLength": 0,
            "msDS-MinimumPasswordAge": 0,
            "msDS-MaximumPasswordAge": -(2**63),  # never
            "msDS-LockoutThreshold": 0,
            "msDS-LockoutObservationWindow": 30 * _MINUTE,
            "msDS-LockoutDuration": 30 * _MINUTE,
            **changes,
        }
        dn = f"CN={escape_dn_chars(name)},{_PASSWORD_SETTINGS}"
        target = {"objectClass": "msDS-PasswordSettings", "msDS-PSOAppliesTo": self.dn(name)}
        self._add(dn, **target, **values)

    def _add(self, dn: str, **attributes: Any) -> None:
        values = {name: _values(value) for name, value in attributes.items()}
        present = [(name, value) for name, value in values.items() if value]
        self._administrator().add_s(dn, present)

    def _modify(self, dn: str, **attributes: Any) -> None:
        values = {name: _values(value) for name, value in attributes.items()}
        changes = [(ldap.MOD_REPLACE, name, value or None) for name, value in values.items()]
        self._administrator().modify_s(dn, changes)

    def _administrator(self) -> Any:
        connection = ldap.initialize(f"ldaps://{self.address}")
        connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(self.tls.authority))
        connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)  # makes the options above apply
        connection.set_option(ldap.OPT_NETWORK_TIMEOUT, 20.0)
        connection.simple_bind_s(_ADMINISTRATOR, _ADMINISTRATOR_PASSWORD)
        return connection


def free_address() -> str:
    """Return a loopback address whose LDAP port is free: Linux has all of 127.0.0.0/8."""
    while True:
        address = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(1, 254)}"
        with suppress(OSError), socket.create_server((address, 389)):
            return address


def _quoted(password: str) -> bytes:
    """Write a password as unicodePwd wants it: [MS-ADTS] 3.1.1.3.1.5.1."""
    return f'"{password}"'.encode("utf-16-le")


def _values(value: Any) -> list[bytes]:
    several = value if isinstance(value, tuple) else (value,)
    texts = [one if isinstance(one, bytes) else str(one).encode() for one in several]
    return [text for text in texts if text]
