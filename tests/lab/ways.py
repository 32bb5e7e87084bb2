"""The ways to ask a mail server: protocol and security. A login's domain chooses among them."""

from typing import NamedTuple, Protocol


class Way(NamedTuple):
    """How a `[[server]]` asks, in the words of its keys; it serves a domain of its own."""

    protocol: str
    security: str

    @property
    def name(self) -> str:
        """What its `[[server]]` is called."""
        return f"{self.protocol}-{self.security}"

    @property
    def domain(self) -> str:
        """Whose logins are asked about in this way."""
        return f"{self.name}.test"

    def login(self, local: str) -> str:
        """Return a login that is asked about in this way."""
        return f"{local}@{self.domain}"


class Host(Protocol):
    """A server that can be asked in several ways."""

    ports: dict[str, dict[str, int]]
    """By protocol, then by security."""


PLAIN = (Way("imap", "plain"), Way("pop3", "plain"))
STARTTLS = (Way("imap", "tls"), Way("pop3", "tls"))
ENCRYPTED = (Way("imap", "ssl"), Way("pop3", "ssl"), *STARTTLS)
ALL = (*PLAIN, *ENCRYPTED)
