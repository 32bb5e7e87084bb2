"""A whole mail gateway: the running Postfix, and what a test or the demo puts behind it."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.bridge import Bridge, PassedSocket, Policyd
from lab.certificates import Certificates
from lab.cyrus import Cyrus
from lab.directory_entries import Person
from lab.dovecot import Dovecot
from lab.ports import LOOPBACK
from lab.postfix import Postfix
from lab.settings import sender_settings_text, server, settings_text
from lab.slapd import Slapd
from lab.smtp import SmtpSession
from lab.ways import Host, Way


@dataclass
class Gateway:
    """The running Postfix; each server and daemon made here has a folder of its own."""

    folder: Path
    tls: Certificates
    postfix: Postfix
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def dovecot(
        self, users: dict[str, str], tls: Certificates | None = None, **changes: Any
    ) -> Dovecot:
        """Return an IMAP and POP3 server, not yet started; ``changes`` are those of `Dovecot`."""
        return Dovecot(self._new_folder(), users, tls, **changes)

    def cyrus(self, users: dict[str, str], mechanisms: str) -> Cyrus:
        """Return another IMAP and POP3 server, not yet started."""
        return Cyrus(self._new_folder(), users, self.tls, mechanisms)

    def slapd(
        self, people: Iterable[Person], tls: Certificates | None = None, **changes: Any
    ) -> Slapd:
        """Return an LDAP server, not yet started; ``changes`` are those of `Slapd`."""
        return Slapd(self._new_folder(), people, tls, **changes)

    def server(self, mail_host: Host, way: Way, **keys: Any) -> str:
        """Return the `[[server]]` that asks it in this way, verified by the gateway's authority."""
        keys = {"name": way.name, "ca_file": str(self.tls.authority), **keys}
        port = mail_host.ports[way.protocol][way.security]
        return server(port=port, protocol=way.protocol, security=way.security, **keys)

    def bridge_by(self, mail_host: Host, ways: Iterable[Way], **keys: Any) -> Bridge:
        """Return a daemon that asks it in these ways, each for the logins of its domain.

        ``keys`` are of each `[[server]]`.
        """
        domains = [way.domain for way in ways]
        servers = [self.server(mail_host, way, domains=[way.domain], **keys) for way in ways]
        return self.bridge(*servers, domains=domains)

    def settings(self, *servers: str, **smtp_auth: Any) -> str:
        """Return the text of a settings file that fits this gateway."""
        return settings_text(self.folder, self.postfix.auth_socket, list(servers), **smtp_auth)

    def bridge(self, *servers: str, passed: PassedSocket | None = None, **smtp_auth: Any) -> Bridge:
        """Return a daemon that asks these servers, not yet started."""
        folder = self._new_folder()
        settings = self.settings(*servers, **{"state_dir": str(folder), **smtp_auth})
        return Bridge(folder, settings, passed)

    def sender_settings(self, *tables: str, **sender: Any) -> str:
        """Return the text of a settings file for sasl-policyd that fits this gateway."""
        keys = {"myorigin": "example.com", **sender}  # as in its Postfix
        return sender_settings_text(self.folder, self.postfix.policy_socket, tables, **keys)

    def policyd(self, *tables: str, passed: PassedSocket | None = None, **sender: Any) -> Policyd:
        """Return a daemon with these rules, not yet started; as for `sender_settings`."""
        return Policyd(self._new_folder(), self.sender_settings(*tables, **sender), passed)

    def passed_socket(self) -> PassedSocket:
        """Return the socket for sasl-bridge that systemd would hold."""
        return PassedSocket(self.postfix.auth_socket)

    def passed_policy_socket(self) -> PassedSocket:
        """Return the socket for sasl-policyd that systemd would hold."""
        return PassedSocket(self.postfix.policy_socket)

    def smtp(self, client: str = LOOPBACK) -> SmtpSession:
        """Return a session on port 25, said to come from ``client``."""
        session = SmtpSession(self.postfix.smtp, self.tls.authority)
        session.ehlo()
        if client != LOOPBACK:
            session.come_from(client)
        return session

    def submission(self) -> SmtpSession:
        """Return a session on port 587, before STARTTLS."""
        return SmtpSession(self.postfix.submission, self.tls.authority)

    def submissions(self) -> SmtpSession:
        """Return a session on port 465."""
        return SmtpSession(self.postfix.submissions, self.tls.authority, tls_from_start=True)

    def _new_folder(self) -> Path:
        return self.folder / str(next(self._numbers))
