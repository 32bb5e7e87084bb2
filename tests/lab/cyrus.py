"""A real Cyrus imapd with mailboxes of its own: the other IMAP and POP3 server that many sites run.

Its packages are in conflict with Dovecot's, so they are only unpacked, by `make`, and run from a
copy that its user may read, wherever the checkout is. Passwords are in a sasldb.
Nothing is logged: it knows syslog only.
The configuration is for 3.6 and for 3.10, which must be told to offer STARTTLS.
"""

import itertools
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from lab.certificates import Certificates
from lab.ports import LOOPBACK, free_port
from lab.processes import Child, LabError, Running, kill_group, start, wait_for_port

UNPACKED = Path(__file__).resolve().parents[2] / ".venv" / "cyrus"

_IMAPD = """\
configdirectory: {folder}/lib
partition-default: {folder}/spool
proc_path: {folder}/proc
cyrus_user: nobody
servername: localhost
allowplaintext: yes
allowstarttls: yes
failedloginpause: 0
autocreate_quota: 0
virtdomains: userid
defaultdomain: nobodys.test
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {folder}/sasldb
sasl_mech_list: {mechanisms}
tls_server_cert: {tls.certificate}
tls_server_key: {folder}/key
"""


class Cyrus(Running):
    """An IMAP and POP3 server with ``users`` (login: password); ``ports`` are as Dovecot's.

    ``mechanisms`` are those that it offers: without PLAIN, LOGIN and USER are what is left.
    """

    def __init__(
        self, folder: Path, users: Mapping[str, str], tls: Certificates, mechanisms: str = "PLAIN"
    ) -> None:
        if not UNPACKED.exists():
            raise LabError("Cyrus imapd is not unpacked: `make .venv/cyrus/ready`")
        self.folder = folder
        self._root = folder / "root"
        shutil.copytree(UNPACKED, self._root, symlinks=True)
        libraries = [str(path) for path in self._root.glob("**/lib/*-linux-gnu")]
        self._environment = os.environ | {"LD_LIBRARY_PATH": ":".join(libraries)}
        self.ports = {"imap": _ports(), "pop3": _ports()}
        self._child: Child | None = None
        for name in ("lib/db", "lib/socket", "spool", "proc"):
            (folder / name).mkdir(parents=True)
        shutil.copy(tls.key, folder / "key")
        imapd = _IMAPD.format(folder=folder, tls=tls, mechanisms=mechanisms)
        (folder / "imapd.conf").write_text(imapd)
        (folder / "cyrus.conf").write_text(self._services())
        for login, password in users.items():
            self._set_password(login, password)
        for path in (folder, *folder.rglob("*")):
            if not path.is_relative_to(self._root):
                shutil.chown(path, "nobody", "nogroup")

    def start(self) -> None:
        """Start it; return once its ports are open."""
        files = ["-C", f"{self.folder}/imapd.conf", "-M", f"{self.folder}/cyrus.conf"]
        command = [f"{self._root}/usr/sbin/cyrmaster", "-D", *files, "-p", f"{self.folder}/pid"]
        self._child = start(command, env=self._environment)
        try:
            for security, protocol in itertools.product(("plain", "ssl"), self.ports):
                wait_for_port(self._child, LOOPBACK, self.ports[protocol][security])
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it with all its processes."""
        if self._child is not None:
            kill_group(self._child.pid)
            self._child.wait()
            self._child = None

    def _set_password(self, login: str, password: str) -> None:
        local, _, domain = login.partition("@")
        database = ["-f", str(self.folder / "sasldb"), "-u", domain, local]
        done = subprocess.run(
            [f"{self._root}/usr/sbin/saslpasswd2", "-p", "-c", *database],
            input=password.encode(),
            env=self._environment,
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            raise LabError(f"saslpasswd2 failed: {done.stderr.decode(errors='replace')}")

    def _services(self) -> str:
        lines = []
        programs = f"{self._root}/usr/lib/cyrus/bin"
        for protocol, ports in self.ports.items():
            program = f"{programs}/{protocol}d -C {self.folder}/imapd.conf"
            for name, command, port in (
                (protocol, program, ports["plain"]),
                (f"{protocol}s", f"{program} -s", ports["ssl"]),
            ):
                lines.append(f'  {name} cmd="{command}" listen="{LOOPBACK}:{port}" proto="tcp4"')
        recover = f'  recover cmd="{programs}/ctl_cyrusdb -C {self.folder}/imapd.conf -r"'
        return "\n".join(["START {", recover, "}", "SERVICES {", *lines, "}", "EVENTS {", "}", ""])


def _ports() -> dict[str, int]:
    plain = free_port()
    return {"plain": plain, "tls": plain, "ssl": free_port()}
