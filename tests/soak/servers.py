"""The four servers of the soak, each behind a line of its own, and how each can be ill.

Two Dovecots as IMAP servers, over TLS and in the clear, one as a POP3 server with STLS, and an
OpenLDAP. What befalls a server itself, a signal or a restart, is done in a thread: it takes time.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.certificates import Certificates
from lab.directory_entries import Person
from lab.dovecot import Dovecot
from lab.settings import ldap_profile, listed_profile, server
from lab.slapd import Slapd

from soak.line import LINE_TROUBLES, Line
from soak.people import User, known_at

DIRECTORY = "corp"
NAMES = ("imaps", "imap", "pop3", DIRECTORY)
_DOVECOT_TROUBLES = ("hang", "restart", "hang of the passwords", *LINE_TROUBLES)
_SLAPD_TROUBLES = ("hang", "restart", *LINE_TROUBLES)


@dataclass(frozen=True, slots=True)
class Ailing:
    """A server, the line to it, and its place in the list of the settings.

    ``troubles`` is what it can have.
    """

    name: str
    server: Dovecot | Slapd
    line: Line
    listed: str
    troubles: Sequence[str]

    async def strike(self, trouble: str, number: int) -> None:
        """Begin a trouble; ``number`` decides what is random in it."""
        if trouble in LINE_TROUBLES:
            await self.line.strike(trouble, number)
        else:
            await asyncio.to_thread(self._begin(trouble))

    async def relent(self, trouble: str) -> None:
        """End it; the server serves again when this returns."""
        if trouble in LINE_TROUBLES:
            await self.line.relent()
        else:
            await asyncio.to_thread(self._end(trouble))

    def _begin(self, trouble: str) -> Callable[[], None]:
        match trouble:
            case "hang":
                return self.server.pause
            case "restart":
                return self.server.stop
        return lambda: self._signal_passwords(signal.SIGSTOP)

    def _end(self, trouble: str) -> Callable[[], None]:
        match trouble:
            case "hang":
                return self.server.resume
            case "restart":
                return self.server.start
        return lambda: self._signal_passwords(signal.SIGCONT)

    def _signal_passwords(self, number: signal.Signals) -> None:
        """Reach those processes of a Dovecot that know the passwords; it greets all the same."""
        for pid in _processes_of(self.server.folder, "dovecot/auth"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def make_servers(folder: Path, tls: Certificates, users: Sequence[User]) -> tuple[Ailing, ...]:
    """Return the servers, in the order in which they are asked; neither they nor lines run yet."""

    def dovecot(name: str, security: str, protocol: str) -> Ailing:
        made = Dovecot(folder / name, known_at(name, users), tls)
        _spare_processes(made)
        line = Line(made.ports[protocol][security])
        keys = {"security": security, "protocol": protocol, "ca_file": str(tls.authority)}
        return Ailing(name, made, line, server(name, line.port, **keys), _DOVECOT_TROUBLES)

    imaps, imap, pop3, directory = NAMES
    return (
        dovecot(imaps, "ssl", "imap"),
        dovecot(imap, "plain", "imap"),
        dovecot(pop3, "tls", "pop3"),
        _slapd(folder / directory, tls, users),
    )


def _spare_processes(dovecot: Dovecot) -> None:
    """Let its processes serve one client after the other: a new one for each is most of the load.

    Dovecot 2.4 calls the setting by another name.
    """
    key = "service_count" if dovecot.version.startswith("2.3.") else "restart_request_count"
    with dovecot.configuration.open("a") as text:
        for service in ("imap-login", "pop3-login", "imap", "pop3"):
            text.write(f"service {service} {{\n  {key} = 1000\n  process_limit = 300\n}}\n")


def _slapd(folder: Path, tls: Certificates, users: Sequence[User]) -> Ailing:
    people = [
        Person(user.login.partition("@")[0], user.password, (user.login, user.alias))
        for user in users
        if DIRECTORY in user.homes
    ]
    made = Slapd(folder, people, tls)
    line = Line(made.ports["ldap"]["ssl"])
    listed = profile(made, line) + listed_profile(DIRECTORY)
    return Ailing(DIRECTORY, made, line, listed, _SLAPD_TROUBLES)


def profile(slapd: Slapd, line: Line) -> str:
    """Return the `[[ldap_profile]]` of the directory behind its line."""
    return ldap_profile(DIRECTORY, slapd, port=line.port)


def _processes_of(folder: Path, title: str) -> Iterator[int]:
    """Yield the processes with this title that a Dovecot has begun."""
    group = os.getpgid(int((folder / "run" / "master.pid").read_text()))
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            begun = (entry / "cmdline").read_bytes().partition(b"\0")[0].decode()
            if begun == title and os.getpgid(int(entry.name)) == group:
                yield int(entry.name)
