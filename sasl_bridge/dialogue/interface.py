"""What every dialogue offers: bytes in, actions out, for one login at one server.

Knows the shape only; which words are said is for `imap`.
A dialogue keeps no clock and opens nothing: `passdb.conversation` carries it.
It fails by concluding with UNAVAILABLE, never by raising, and logs nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bridge_common.secret import Secret
from sasl_bridge.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Send:
    """Write these bytes; they may hold the password."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the dialogue ended; it asks for nothing more.

    ``detail`` is printable, at most 200 characters, and holds no form of the password.
    """

    verdict: Verdict
    detail: str


Action = Send | Outcome
"""What the carrier is to do, in order; an Outcome is always the last one."""


class Dialogue(Protocol):
    """One login at one server. Begins with the server's greeting; over once an Outcome came out."""

    @property
    def greeted(self) -> bool:
        """Whether a good greeting came: the server takes commands. Nothing is sent before it."""
        ...

    @property
    def password_sent(self) -> bool:
        """Whether the password was handed out to be sent."""
        ...

    @property
    def waiting_for(self) -> str:
        """What the server owes us, as in "no ... came": "greeting", "answer to the login"."""
        ...

    def receive(self, data: bytes) -> Sequence[Action]:
        """Take bytes of the server, cut anywhere."""
        ...

    def receive_eof(self) -> Sequence[Action]:
        """Take note that the server will send no more."""
        ...

    def farewell(self) -> bytes:
        """Return what takes leave, after the Outcome or instead of waiting for it.

        Empty where it would not be understood: unasked, or in the middle of a command.
        """
        ...


BeginDialogue = Callable[[str, Secret], Dialogue]
"""Begins a dialogue for a login (as the server knows it) and its password."""
