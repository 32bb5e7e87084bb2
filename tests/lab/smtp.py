"""An SMTP client that writes down what is said, both ways; smtplib underneath.

`transcript` holds lines ``C: ...`` and ``S: ...``; a mail's text is one line, its size.
Passwords are in it as they were sent: it is for made-up ones only.
"""

import base64
import smtplib
import ssl
from pathlib import Path
from typing import Any

from lab.ports import LOOPBACK

Reply = tuple[int, str]
"""A reply's code and its text, lines joined by LF."""


class SmtpSession(smtplib.SMTP):
    """One SMTP session on loopback, verifying the server's certificate by the lab's authority.

    With ``tls_from_start`` the session is of port 465. Ending the context says QUIT.
    """

    def __init__(self, port: int, authority: Path, *, tls_from_start: bool = False) -> None:
        self.transcript: list[str] = []
        self._authority = authority
        self._tls_from_start = tls_from_start
        self._in_data = False
        super().__init__(LOOPBACK, port, local_hostname="client.example.com", timeout=30)

    def plain(self, login: str, password: str) -> Reply:
        """AUTH PLAIN with an initial response (RFC 4616, RFC 4954)."""
        return self.say("AUTH PLAIN " + encoded(f"\0{login}\0{password}"))

    def login_steps(self, login: str, password: str) -> Reply:
        """AUTH LOGIN, login and password each after their prompt; the last reply."""
        reply = self.say("AUTH LOGIN")
        for answer in (login, password):
            if reply[0] != 334:
                break
            reply = self.say(encoded(answer))
        return reply

    def say(self, line: str) -> Reply:
        """Send one line and return the reply to it."""
        code, text = self.docmd(line)
        return code, text.decode(errors="replace")

    def secure(self) -> None:
        """EHLO, STARTTLS and the EHLO after it; nothing if the session had TLS from the start."""
        self.ehlo()
        if not self._tls_from_start:
            self.starttls(context=self._context())
            self.ehlo()

    def come_from(self, address: str) -> None:
        """Take this IP address from here on (XCLIENT); Postfix begins the session anew."""
        assert self.say(f"XCLIENT ADDR={address}")[0] == 220
        self.ehlo()

    def deliver(self, sender: str, recipient: str, text: str) -> Reply:
        """Send a mail; the reply to its last dot, or to what was refused before it (then RSET)."""
        for line in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>"):
            reply = self.say(line)
            if reply[0] != 250:
                self.rset()
                return reply
        code, answer = self.data(text)
        return code, answer.decode(errors="replace")

    def send(self, s: Any) -> None:
        """Write down what goes out, and send it."""
        sent = s if isinstance(s, bytes) else s.encode("ascii")
        shown = f"<a mail of {len(sent)} bytes>" if self._in_data else sent.decode().rstrip("\r\n")
        self.transcript.append(f"C: {shown}")
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        """Receive a reply, and write it down line by line."""
        code, text = super().getreply()
        self._in_data = code == 354
        *more, last = text.decode(errors="replace").split("\n")
        self.transcript += [f"S: {code}-{line}" for line in more]
        self.transcript.append(f"S: {code} {last}")
        return code, text

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        plain = super()._get_socket(host, port, timeout)  # type: ignore[misc]  # not in its stub
        if self._tls_from_start:
            return self._context().wrap_socket(plain, server_hostname=host)
        return plain

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._authority)


def encoded(text: str) -> str:
    """Return the base64 of a text in UTF-8, as SMTP AUTH carries it."""
    return base64.b64encode(text.encode()).decode()
