"""What a directory can say about a login, its password and its addresses.

Values, never exceptions: a wrong password is not an error, nor is a directory that is down.
Pure; texts are printable and without passwords.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry: its name, and the attributes that were asked for, by name in lower case."""

    dn: str
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def values(self, attribute: str) -> tuple[str, ...]:
        """Return the values of an attribute, in the server's order; none if it is not there."""
        return self.attributes.get(attribute.lower(), ())


@dataclass(frozen=True, slots=True)
class Bound:
    """The password is right; ``entry`` is whose it is."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class BindRefused:
    """The directory says that it is not the password, or that the account may not log in.

    ``account_state``: surely the latter (disabled, locked, expired), and it may soon be otherwise.
    """

    detail: str
    account_state: bool = False


@dataclass(frozen=True, slots=True)
class NoEntry:
    """The directory knows no such login.

    ``password_sent``: to another host, before.
    """

    detail: str
    password_sent: bool = False


@dataclass(frozen=True, slots=True)
class ManyEntries:
    """The login stands for several entries, whose password was not tried.

    ``password_sent``: to another host, before.
    """

    detail: str
    password_sent: bool = False


@dataclass(frozen=True, slots=True)
class NotTried:
    """Whoever asked did not want the password tried with this entry; ``detail`` is theirs.

    ``password_sent``: to another host, before.
    """

    detail: str
    password_sent: bool = False


class Fault(enum.Enum):
    """Whose trouble it is."""

    HOST = "host"
    """This host cannot be asked now; another one may."""
    ACCOUNT = "account"
    """The directory refuses our own account."""
    REQUEST = "request"
    """The directory does not do what it is asked for, be it by the settings or by its own."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Nobody could say.

    ``busy``: as many sessions as may be were in use at a host, of which nothing is known so.
    """

    detail: str
    fault: Fault
    password_sent: bool = False
    busy: bool = False


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """The addresses of a login, canonical: its ``own`` ones, and those it may ``send_as`` besides.

    ``missing``: why there may be more, of which nobody could say; empty: there are none.
    """

    own: tuple[str, ...]
    send_as: tuple[str, ...]
    missing: str = ""


Result = Bound | BindRefused | NoEntry | ManyEntries | NotTried | Trouble
AddressesResult = OwnAddresses | NoEntry | ManyEntries | Trouble
