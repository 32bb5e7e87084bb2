"""The laws that hold whatever befalls the servers. Pure: it judges one answer.

A wrong yes and a wrong no have no excuse. What takes time has one: a machine that stood still.
"""

import enum
from dataclasses import dataclass

from soak.people import Question

OVERTIME_SECONDS = 1.0
STANDSTILL_SECONDS = 1.0
"""Who waits so long for a turn may well be late for everything."""


class Said(enum.Enum):
    """What a client of the auth protocol is told."""

    YES = "OK"
    NO = "FAIL"
    HUNG_UP = "hung up"
    NOTHING = "no answer"
    NONSENSE = "nonsense"


@dataclass(frozen=True, slots=True)
class Told:
    """An answer: what, of whom, after how many seconds.

    ``lag``: how many of these seconds the one who asked and the daemon had no turn on the
    processor.
    """

    said: Said
    user: str
    seconds: float
    lag: float = 0.0


def broken_law(question: Question, told: Told, timeout: float, *, sure: bool) -> str:
    """Return which law an answer breaks, or "".

    ``timeout`` is the connection_timeout. ``sure``: a server was well that knows this login.
    """
    is_right = bool(question.homes)
    must_get_in = question.steady and sure and not is_excused(question, told, sure=sure)
    match told.said:
        case Said.YES if not is_right:
            broken = "a wrong password was accepted"
        case Said.YES if told.user != question.login:
            broken = f"accepted as somebody else: {told.user}"
        case Said.NO if is_right:
            broken = "a right password was refused"
        case Said.HUNG_UP if must_get_in:
            broken = "a server knows this login and is well, and it did not get in"
        case Said.NOTHING | Said.NONSENSE:
            broken = f"every login is answered: {told.said.value}"
        case _:
            late = told.seconds > timeout + OVERTIME_SECONDS + told.lag
            broken = f"answered after {told.seconds:.1f} s only" if late else ""
    return broken


def is_excused(question: Question, told: Told, *, sure: bool) -> bool:
    """Return whether a login should have got in, and did not as the machine stood still."""
    should = question.steady and sure and told.said is Said.HUNG_UP
    return should and told.lag >= STANDSTILL_SECONDS


def broken_sender_law(action: str, *, owned: bool, sure: bool) -> str:
    """Return which law an action breaks, or "".

    ``owned``: the sender is the login's. ``sure``: who is to be asked was well.
    """
    if action == "DUNNO":
        return "" if owned else "a sender of others was let through"
    if action.startswith("553 "):
        return "an own sender was refused" if owned else ""
    if action.startswith("451 "):
        return "the directory is well, and a sender was not decided" if sure else ""
    return f"no known action: {action}"
