"""What an answer may be: the three verdicts, one server's step, the whole answer.

Only an explicit no is a no: whatever is not surely ACCEPTED or surely REJECTED is UNAVAILABLE.
These are values, never exceptions: a wrong password is not an error, nor is a server that is down.
"""

import enum
from dataclasses import dataclass


class Verdict(enum.Enum):
    """What is known about a login and its password."""

    ACCEPTED = "accepted"
    """They belong together."""
    REJECTED = "rejected"
    """They do not, and somebody who must know said so."""
    UNAVAILABLE = "unavailable"
    """Nobody who must know could say; the client is to try again."""

    __hash__ = object.__hash__  # Enum's own is written in Python, and each login asks for it


@dataclass(frozen=True, slots=True)
class Step:
    """One server's answer: its name, its verdict, why (printable, no secret), its duration."""

    server: str
    verdict: Verdict
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer to one login.

    ``identity`` is the canonical ``local@domain`` and may be empty only where nobody was accepted.
    ``source`` names who decided: a server of the list, or the gate that refused.
    ``reason`` is for the log, printable and without secrets.
    ``password_sent`` says whether any server got to see the password.
    ``account_state``: a no that is about the account (disabled, expired), not about the password,
    and that its administrator may take back at any moment.
    """

    verdict: Verdict
    identity: str
    source: str
    reason: str
    steps: tuple[Step, ...] = ()
    password_sent: bool = False
    account_state: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Said before any server is asked: REJECTED or UNAVAILABLE, and why (for the log).

    ``told`` is what the user may read; empty means the same words as for a wrong password.
    """

    verdict: Verdict
    reason: str
    told: str = ""
