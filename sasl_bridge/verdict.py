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


class Cause(enum.Enum):
    """What an UNAVAILABLE comes of."""

    SERVER = "server"
    """A server could not be reached, or did not get ready for a login: any login meets that."""
    LOGIN = "login"
    """It was ready, and the login got no reply: silence, or a connection that broke."""
    ACCOUNT = "account"
    """It replied something that one account or one login may provoke."""
    RESTRAINT = "restraint"
    """It was not asked, so as not to lock the account: its lock-out budget is spent.

    Also of a REJECTED, which a block then is the reason for.
    """


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
    ``cause``: of an UNAVAILABLE, where it is known; RESTRAINT if that kept any server from being
    asked.
    ``sent_again``: a server got to see the password twice.
    """

    verdict: Verdict
    identity: str
    source: str
    reason: str
    steps: tuple[Step, ...] = ()
    password_sent: bool = False
    account_state: bool = False
    cause: Cause | None = None
    sent_again: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Said before any server is asked: REJECTED or UNAVAILABLE, and why (for the log).

    ``told`` is what the user may read; empty means the same words as for a wrong password.
    """

    verdict: Verdict
    reason: str
    told: str = ""
