"""What the mail server says about a request beside the login: the parameters of AUTH.

Knows their names and which of them matter here; unknown ones are ignored, of one that is given
twice the last counts, and one that cannot be read counts as empty. Raises nothing.
"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from sasl_bridge.protocol.breach import Broken
from sasl_bridge.protocol.escaping import printable, tab_unescape

_LONGEST_VALUE = 255  # bytes that are kept of a value which only logs show
_LONGEST_REMEMBERED = 512  # bytes; Postfix and Exim send about a hundred


@dataclass(frozen=True, slots=True)
class AuthParameters:
    """The parameters of one AUTH, safe to log.

    ``service`` and ``session`` are printable ASCII, cut at 255 bytes. ``secured`` says that the
    mail client's own connection is encrypted. ``client`` and ``server`` are the two ends of that
    connection: canonical IP address literals, or empty where none was given.
    ``hold_nul`` says that a NUL hid in a field: such a request is not to be believed.
    """

    service: str
    secured: bool = False
    client: str = ""
    server: str = ""
    session: str = ""
    hold_nul: bool = False


def read_parameters(text: bytes) -> AuthParameters | Broken:
    """Read what stands between the mechanism and ``resp=``, TAB between the fields."""
    # Not what may hold a response all the same, or is longer than a mail server makes it.
    memorable = len(text) <= _LONGEST_REMEMBERED and b"resp" not in text
    return _remembered(text) if memorable else _read(text)


def _read(text: bytes) -> AuthParameters | Broken:
    fields = [tab_unescape(field) for field in text.split(b"\t")]
    values = {name: value for name, _, value in (field.partition(b"=") for field in fields)}
    # Dovecot auth-request-handler.c: a TAB that got into the response must not add parameters.
    if b"resp" in values:
        return Broken("AUTH with a field after resp=")
    service = values.get(b"service", values.get(b"protocol"))  # protocol: Dovecot 2.4's name
    if service is None:
        return Broken("AUTH without service=")
    return AuthParameters(
        service=_text(service),
        secured=b"secured" in values,  # Dovecot: any value but "tls" counts as none
        client=_address(values.get(b"rip", b"")),
        server=_address(values.get(b"lip", b"")),
        session=_text(values.get(b"session", b"")),
        hold_nul=any(b"\0" in field for field in fields),
    )


# A mail server says the same of one mail client again and again.
_remembered = lru_cache(maxsize=1024)(_read)


def _text(value: bytes) -> str:
    return printable(value[:_LONGEST_VALUE])


def _address(value: bytes) -> str:
    """Return the canonical literal, or "" for what is none, or has a zone: a zone is any text."""
    try:
        address = str(ip_address(value.decode("ascii")))
    except ValueError:
        return ""
    return "" if "%" in address else address
