"""A whole mail gateway: the running Postfix, and what a test or the demo puts behind it."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.bridge import Bridge, PassedSocket
from lab.certificates import Certificates
from lab.dovecot import Dovecot
from lab.postfix import Postfix
from lab.settings import settings_text
from lab.smtp import SmtpSession


@dataclass
class Gateway:
    """The running Postfix; each server and daemon made here has a folder of its own."""

    folder: Path
    tls: Certificates
    postfix: Postfix
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def dovecot(self, users: dict[str, str], tls: Certificates | None = None) -> Dovecot:
        """Return an IMAP server, not yet started."""
        return Dovecot(self._new_folder(), users, tls)

    def settings(self, *servers: str, **smtp_auth: Any) -> str:
        """Return the text of a settings file that fits this gateway."""
        return settings_text(self.folder, self.postfix.auth_socket, list(servers), **smtp_auth)

    def bridge(self, *servers: str, passed: PassedSocket | None = None, **smtp_auth: Any) -> Bridge:
        """Return a daemon that asks these servers, not yet started."""
        return Bridge(self._new_folder(), self.settings(*servers, **smtp_auth), passed)

    def passed_socket(self) -> PassedSocket:
        """Return the socket that systemd would hold."""
        return PassedSocket(self.postfix.auth_socket)

    def submission(self) -> SmtpSession:
        """Return a session on port 587, before STARTTLS."""
        return SmtpSession(self.postfix.submission, self.tls.authority)

    def submissions(self) -> SmtpSession:
        """Return a session on port 465."""
        return SmtpSession(self.postfix.submissions, self.tls.authority, tls_from_start=True)

    def _new_folder(self) -> Path:
        return self.folder / str(next(self._numbers))
