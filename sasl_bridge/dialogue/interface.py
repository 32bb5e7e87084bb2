"""What every dialogue offers: bytes in, actions out, for one login at one server.

Knows the shape only; which words are said is for `imap` and `pop3`.
A dialogue keeps no clock and opens nothing: `passdb.conversation` carries it.
It fails by concluding with UNAVAILABLE, never by raising, and logs nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from bridge_common.secret import Secret
from sasl_bridge.verdict import Verdict

Security = Literal["plain", "ssl", "tls"]
"""No encryption; TLS from the start; TLS begun in the dialogue (STARTTLS, STLS), or nothing."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login to try.

    ``login`` is as the server knows it; ``client`` is the SMTP client's IP address, or empty.
    """

    login: str
    password: Secret
    client: str = ""


@dataclass(frozen=True, slots=True)
class DialogueRules:
    """What is agreed for one server.

    ``unavailable_texts``: a no that holds one of them is trouble, whatever its code.
    ``forward_client``: the server is told the client's address before the login, if it takes it.
    ``in_use_is_success``: a maildrop in use means that the password was right (POP3).
    """

    security: Security = "ssl"
    unavailable_texts: tuple[str, ...] = ()
    forward_client: bool = False
    in_use_is_success: bool = False


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes; they may hold the password."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class StartTls:
    """Begin TLS now, then say so by `Dialogue.tls_began`; until then nothing is heard."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the dialogue ended; it asks for nothing more.

    ``detail`` is printable, at most 200 characters, and holds no form of the password.
    ``account_state``: a no that is about the account (disabled, expired), not about the password.
    """

    verdict: Verdict
    detail: str
    account_state: bool = False


Action = Send | StartTls | Outcome
"""What the carrier is to do, in order; a StartTls or an Outcome is always the last one."""


class Dialogue(Protocol):
    """One login at one server. Begins with the server's greeting; over once an Outcome came out.

    With nothing to try it comes to rest when it is ready, until it is given a login.
    """

    @property
    def ready(self) -> bool:
        """Whether the login can be said: a good greeting, TLS if asked for, capabilities known.

        Until then nothing of the login was said. A server that ends it in the same breath in which
        it would have got ready never did; one that ends it later was.
        """
        ...

    @property
    def password_sent(self) -> bool:
        """Whether the password was handed out to be sent."""
        ...

    @property
    def waiting_for(self) -> str:
        """What the server owes us, as in "no ... came": "greeting", "answer to the login".

        "more" once it rests.
        """
        ...

    @property
    def banner(self) -> str:
        """The server's greeting, printable, at most 200 characters; empty before it came."""
        ...

    @property
    def capabilities(self) -> frozenset[str]:
        """What the server announced last, in upper case; as it names them, with their words."""
        ...

    def receive(self, data: bytes) -> Sequence[Action]:
        """Take bytes of the server, cut anywhere."""
        ...

    def receive_eof(self) -> Sequence[Action]:
        """Take note that the server will send no more."""
        ...

    def tls_began(self) -> Sequence[Action]:
        """Go on over TLS; nothing that was said before it counts any more."""
        ...

    def try_login(self, attempt: Attempt) -> Sequence[Action]:
        """Go on from rest with this login. Raises what the beginning with a login raises."""
        ...

    def farewell(self) -> bytes:
        """Return what takes leave, after the Outcome or instead of waiting for it.

        Empty where it would not be understood: unasked, or in the middle of a command.
        """
        ...


BeginDialogue = Callable[[Attempt | None], Dialogue]
"""Begins a dialogue that tries this login; None: it only looks whether one could be tried."""
