"""The client's lines as typed commands.

Knows the form of each line; knows nothing of order, of active ids, or of base64.
A line that only a faulty client *program* can send yields `Broken`. What the program passes on
from a stranger (mechanism, responses, parameter values) never does. Raises nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from sasl_bridge.protocol.breach import Broken
from sasl_bridge.protocol.escaping import tab_unescape
from sasl_bridge.protocol.parameters import AuthParameters, read_parameters

_LARGEST_NUMBER = 2**32 - 1  # Dovecot reads numbers into an unsigned int
_LARGEST_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Version:
    """``VERSION major minor``: the protocol that the client speaks."""

    major: int
    minor: int


@dataclass(frozen=True, slots=True)
class ClientPid:
    """``CPID pid``. The number itself means nothing here: over TCP it may not be unique."""


@dataclass(frozen=True, slots=True)
class Auth:
    """``AUTH id mechanism parameters [resp=initial]``; ``initial`` is still in base64."""

    id: int
    mechanism: bytes
    parameters: AuthParameters
    initial: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Continue:
    """``CONT id data``; ``data`` is still in base64."""

    id: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Cancel:
    """``CANCEL id``."""

    id: int


Command = Version | ClientPid | Auth | Continue | Cancel


def parse_command(line: bytes) -> Command | Broken:
    """Read one line, given without its line end."""
    name, _, arguments = line.partition(b"\t")
    parse = _PARSERS.get(name)
    return parse(arguments) if parse else Broken("unknown command")


def _parse_version(arguments: bytes) -> Version | Broken:
    major, _, rest = arguments.partition(b"\t")
    minor, _, _ = rest.partition(b"\t")
    numbers = _number(major), _number(minor)
    if numbers[0] is None or numbers[1] is None:
        return Broken("VERSION without two numbers")
    return Version(numbers[0], numbers[1])


def _parse_client_pid(arguments: bytes) -> ClientPid | Broken:
    return ClientPid() if _number(arguments) else Broken("CPID without a process id")


def _parse_auth(arguments: bytes) -> Auth | Broken:
    number, _, rest = arguments.partition(b"\t")
    request_id = _number(number)
    if not request_id:
        return Broken("AUTH without a valid id")
    mechanism, _, fields = rest.partition(b"\t")
    before, _, last = fields.rpartition(b"\t")
    name, _, value = tab_unescape(last).partition(b"=")
    initial = value if name == b"resp" else None
    parameters = read_parameters(fields if initial is None else before)
    if isinstance(parameters, Broken):
        return parameters
    return Auth(request_id, tab_unescape(mechanism), parameters, initial)


def _parse_continue(arguments: bytes) -> Continue | Broken:
    # Everything after the id is data: a TAB in it came from the stranger, and is bad base64.
    number, found, data = arguments.partition(b"\t")
    request_id = _number(number)
    if not request_id or not found:
        return Broken("CONT without a valid id and data")
    return Continue(request_id, data)


def _parse_cancel(arguments: bytes) -> Cancel | Broken:
    request_id = _number(arguments)
    return Cancel(request_id) if request_id else Broken("CANCEL without a valid id")


def _number(field: bytes) -> int | None:
    """Return a decimal number below 2**32, or None; leading zeros are nothing special."""
    digits = field.lstrip(b"0")
    if not field.isdigit() or len(digits) > _LARGEST_DIGITS:
        return None
    number = int(digits or b"0")
    return number if number <= _LARGEST_NUMBER else None


_PARSERS: dict[bytes, Callable[[bytes], Command | Broken]] = {
    b"VERSION": _parse_version,
    b"CPID": _parse_client_pid,
    b"AUTH": _parse_auth,
    b"CONT": _parse_continue,
    b"CANCEL": _parse_cancel,
}
