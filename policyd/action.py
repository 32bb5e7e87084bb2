"""What Postfix is told: the few actions of access(5) that we speak.

DUNNO, a refusal with code and text, or nothing at all, which is told by hanging up. Never OK, which
would skip what the administrator has put behind us. Pure; how they are written is `protocol`'s.
"""

import enum
from dataclasses import dataclass


class Code(enum.Enum):
    """Reply code and enhanced status code (RFC 3463) of a refusal."""

    NOT_ALLOWED = "553 5.7.1"
    TRY_LATER = "451 4.3.0"


@dataclass(frozen=True, slots=True)
class Refuse:
    """Refuse the sender; ``text`` is for who sends the mail, and may hold what he sent."""

    code: Code
    text: str


class Other(enum.Enum):
    """The actions without a text."""

    DUNNO = "DUNNO"
    """Nothing against it; Postfix goes on with its next restriction."""
    HANG_UP = "close"
    """Trouble of ours: Postfix does what its default_action says."""


Action = Refuse | Other
DUNNO = Other.DUNNO
HANG_UP = Other.HANG_UP


def in_short(action: Action) -> str:
    """Return an action without its text: `DUNNO`, `553 5.7.1`."""
    return action.code.value if isinstance(action, Refuse) else action.value
