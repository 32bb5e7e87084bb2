"""The other peers: Cyrus saslauthd and postfwd2, configured as Debian does where that matters."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from lab import directory_entries as entries
from lab.cyrus import UNPACKED
from lab.ports import LOOPBACK, free_port
from lab.processes import LabError, program

from bench.contestant import Backend, Contestant

_THREADS = "5"  # /etc/default/saslauthd of Debian

_SASLAUTHD_LDAP = """\
ldap_servers: ldap://{host}:{port}
ldap_bind_dn: {entries.GATEWAY}
ldap_password: {entries.GATEWAY_PASSWORD}
ldap_search_base: {entries.BASE}
ldap_filter: (&(objectClass=person)(mail=%u))
ldap_auth_method: bind
"""

# What sasl-policyd has in force: a login uses its own sender, strangers use none of our domains.
_POSTFWD_RULES = """\
id=OWN; sasl_method=~.; sender==$$sasl_username; action=DUNNO
id=OTHER; sasl_method=~.; action=553 5.7.1 not owned by user $$sasl_username
id=FAKE; sender_domain==example.com; action=553 5.7.1 not logged in
"""
_POSTFWD_OPTIONS = ("--summary=600", "--cache=600", "--cache-rdomain-only", "--cache-no-size")
"""/etc/default/postfwd of Debian."""
_POSTFWD_CHILDREN = (
    "--min_servers=100",
    "--max_servers=110",
    "--min_spare_servers=1",
    "--max_spare_servers=109",
)
"""Each connection has a process of its own, and Postfix keeps connections open."""

_UNSHARE = ("unshare", "--mount", "--propagation", "private")
# The folder is $0; what is left is the command.
_OWN_DEV = """\
for device in null urandom; do touch "$0/$device" && mount --bind "/dev/$device" "$0/$device"; done
mount --rbind "$0" /dev && exec "$@"
"""
_LAST = b"that was all"


class Saslauthd(Contestant):
    """saslauthd with one mechanism, from a package that is only unpacked; without its cache."""

    kind = "mux"
    spreads = True
    most_at_once = 32  # its SOCKET_BACKLOG: another client would be held up in connect(2)

    def __init__(self, folder: Path, mechanism: str, option: str) -> None:
        super().__init__(folder)
        if not UNPACKED.exists():
            raise LabError("saslauthd is not unpacked: `make .venv/cyrus/ready`")
        self.name = f"saslauthd {mechanism}"
        self._mux = folder / "mux"
        self._mux.mkdir()
        self.where = str(self._mux / "mux")
        self._program = str(UNPACKED / "usr/sbin/saslauthd")
        libraries = [str(path) for path in UNPACKED.glob("**/lib/*-linux-gnu")]
        self._environment = {"LD_LIBRARY_PATH": ":".join(libraries)}
        self._options = ["-a", mechanism, "-O", option, "-n", _THREADS, "-m", str(self._mux)]

    @property
    def version(self) -> str:
        """Its version."""
        return _version(r"saslauthd [\d.]+", [self._program, "-v"], self._environment)

    def start(self) -> None:
        """Return once it listens."""
        command, pid = [self._program, *self._options], self._mux / "saslauthd.pid"
        self._launch_background(command, pid, Path(self.where).exists, self._environment)


class Postfwd(Contestant):
    """postfwd2 with the rules that sasl-policyd has; its log goes into a file, as ours does.

    It knows syslog only, so it gets a /dev of its own with a syslogd of ours, where the kernel lets
    us make one; else it logs to the machine's, if there is one.
    """

    name = "postfwd2"
    kind = "policy"
    spreads = True

    def __init__(self, folder: Path, _backend: Backend) -> None:
        super().__init__(folder)
        self.where = str(free_port())
        self._program = program("postfwd2", "postfwd")
        self._pid = folder / "run" / "pid"
        self._syslog: _Syslog | None = None
        rules = folder / "postfwd.cf"
        rules.write_text(_POSTFWD_RULES)
        self._options = [
            *_POSTFWD_OPTIONS,
            *_POSTFWD_CHILDREN,
            *("--user=nobody", "--group=nogroup", f"--file={rules}"),
            *(f"--interface={LOOPBACK}", f"--port={self.where}"),
            f"--cache_socket=tcp:{LOOPBACK}:{free_port()}",
            f"--pidfile={self._pid}",
        ]

    @property
    def version(self) -> str:
        """Its version."""
        return _version(r"postfwd2 [\d.]+", [self._program, "--version"])

    def start(self) -> None:
        """Return once it listens."""
        self._pid.parent.mkdir()
        shutil.chown(self._pid.parent, "nobody")
        command = [self._program, *self._options]
        if _may_unshare():
            self._syslog = _Syslog(self.folder / "dev", self._log)
            command = [*_UNSHARE, "sh", "-c", _OWN_DEV, str(self.folder / "dev"), *command]
        self._launch_background(command, self._pid, self._listens)

    def stop(self) -> None:
        """End all of its processes."""
        super().stop()
        if self._syslog is not None:
            self._syslog.stop()
            self._syslog = None

    def _listens(self) -> bool:
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection((LOOPBACK, int(self.where))).close()
            return True
        return False


class _Syslog:
    """A syslogd for one program, in a thread: writes each line into a file."""

    def __init__(self, dev: Path, log: Path) -> None:
        dev.mkdir()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(dev / "log"))
        (dev / "log").chmod(0o666)
        self._dev, self._log = dev, log
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(_LAST, str(self._dev / "log"))
        self._thread.join()
        self._socket.close()

    def _write(self) -> None:
        with self._log.open("ab") as log:
            while (line := self._socket.recv(8192)) != _LAST:
                log.write(line.rstrip(b"\n") + b"\n")


def _version(pattern: str, command: list[str], environment: Mapping[str, str] | None = None) -> str:
    """Return what a program says of its version, whatever its exit code."""
    told = subprocess.run(
        command,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    found = re.search(pattern, told.stdout + told.stderr)
    return found.group() if found else "of unknown version"


def _may_unshare() -> bool:
    return subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode == 0


def saslauthd_imap(folder: Path, backend: Backend) -> Saslauthd:
    """Return one that asks an IMAP server."""
    return Saslauthd(folder, "rimap", f"{LOOPBACK}/{backend.port}")


def saslauthd_ldap(folder: Path, backend: Backend) -> Saslauthd:
    """Return one that searches and binds at a directory."""
    configuration = folder.with_suffix(".conf")
    configuration.write_text(
        _SASLAUTHD_LDAP.format(host=LOOPBACK, port=backend.port, entries=entries)
    )
    return Saslauthd(folder, "ldap", str(configuration))
