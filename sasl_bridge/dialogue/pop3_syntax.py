"""POP3's grammar as far as a login needs it: a server's line in, our commands out.

Knows RFC 1939 section 3, the codes and capabilities of RFC 2449, AUTH of RFC 5034.
Does not know in which order things are said, nor what an answer means: that is `pop3`.
Fails with `UnclearError` on a line outside the grammar; logs nothing.
"""

import re
from typing import Literal, NamedTuple

from sasl_bridge.dialogue.plain import plain_response
from sasl_bridge.dialogue.received import UnclearError

END_OF_LIST = b"."

# RFC 1939 section 3: the indicators are upper case. RFC 5034 section 4: what follows "+ " is
# base64, of which PLAIN sends nothing; the space may be missing, as with some servers.
_REPLY = re.compile(rb"(\+OK|-ERR|\+)(?: ([^\0\r]*))?")
# RFC 2449 section 8.
_CODED = re.compile(rb"\[([^\]]+)\] ?(.*)")
# RFC 2449 section 3: a name begins with no dot; what stands behind it may be in any language.
_LISTED = re.compile(rb"[^\x00-\x20.\x7f][^\x00-\x1f\x7f]*")
# RFC 1939 section 3: a dot at the beginning is doubled, or it is the end of the list.
_UNLISTABLE = re.compile(rb"\A\.(?!\.)|[\0\r]")


class Reply(NamedTuple):
    """A server's reply. ``code`` is in upper case, empty if malformed, None if absent.

    ``rest`` is all that follows the indicator, ``text`` what follows the code.
    """

    indicator: Literal["+OK", "-ERR", "+"]
    code: str | None
    text: bytes
    rest: bytes


def parse_reply(line: bytes) -> Reply:
    """Return the reply in its parts. Raises UnclearError when it is none of the grammar's."""
    match = _REPLY.fullmatch(line)
    if not match:
        raise UnclearError("the server sent a malformed line")
    rest = match[2] or b""
    indicator: Literal["+OK", "-ERR", "+"]
    indicator = "+OK" if match[1] == b"+OK" else "-ERR" if match[1] == b"-ERR" else "+"
    code, text = _parse_code(rest.lstrip(b" "))
    return Reply(indicator, code, text, rest)


def _parse_code(rest: bytes) -> tuple[str | None, bytes]:
    if not rest.startswith(b"["):
        return None, rest
    match = _CODED.fullmatch(rest)
    if not match:
        return "", rest
    return match[1].decode("ascii", "replace").upper(), match[2]


def parse_capability(line: bytes) -> str | None:
    """Return a line of CAPA's list in upper case, its words apart by one space.

    None if it names none that anyone could know. Raises UnclearError when it is no line of a list.
    """
    if _UNLISTABLE.search(line):
        raise UnclearError("the server sent a malformed line")
    if not _LISTED.fullmatch(line):
        return None
    return " ".join(line.decode("ascii", "replace").upper().split())


def names_of(capabilities: frozenset[str]) -> frozenset[str]:
    """Return the capabilities without their words."""
    return frozenset(capability.partition(" ")[0] for capability in capabilities)


def sasl_mechanisms(capabilities: frozenset[str]) -> frozenset[str]:
    """Return the mechanisms that stand behind SASL (RFC 5034 section 3)."""
    lists = (one.split() for one in capabilities)
    return frozenset(word for name, *words in lists if name == "SASL" for word in words)


def auth_parts(login: bytes, password: bytes) -> list[bytes]:
    """Return AUTH PLAIN in two parts, of which the second waits for the server's leave.

    The response is never in the first: to servers of RFC 1734 it would make a malformed command,
    and their refusal of that would read like one of the password.
    """
    return [b"AUTH PLAIN\r\n", plain_response(login, password) + b"\r\n"]


def user_command(login: bytes) -> bytes:
    """Return USER."""
    return b"USER " + login + b"\r\n"


def pass_command(password: bytes) -> bytes:
    """Return PASS; a password may hold spaces (RFC 1939 section 7)."""
    return b"PASS " + password + b"\r\n"


def xclient_command(client: str) -> bytes:
    """Return XCLIENT with the address of the client on whose behalf we speak.

    Dovecot takes it from those that it trusts (login_trusted_networks); IPv6 without a prefix.
    """
    return b"XCLIENT ADDR=" + client.encode("ascii") + b"\r\n"
