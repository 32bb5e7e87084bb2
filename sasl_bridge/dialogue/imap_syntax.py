"""IMAP's grammar as far as a login needs it: a server's line in, our commands out.

Knows RFC 3501 sections 4, 7 and 9, SASL-IR (RFC 4959) and literals that need no leave (RFC 7888).
Does not know in which order things are said, nor what an answer means: that is `imap`.
Fails with `UnclearError` on a line outside the grammar; logs nothing.
"""

import re
from typing import NamedTuple

from sasl_bridge.dialogue.plain import plain_response
from sasl_bridge.dialogue.received import UnclearError

UNTAGGED = b"*"
CONTINUATION = b"+"

# RFC 7888 section 5: LITERAL- allows this much without leave.
_LITERAL_MINUS_BYTES = 4096

# RFC 3501 section 9: `continue-req`, `response-data`, `response-tagged`, `resp-text`.
# The text may be missing, as with some servers; it holds no NUL and no CR.
# An untagged line may be of any extension: its first word is any `atom`.
_CONTINUED = re.compile(rb"\+(?: [^\0\r]*)?")
_UNASKED = re.compile(rb"(\*) ([^\x00-\x20\x7f-\xff(){%*\"\\\]]+)(?: ([^\0\r]*))?")
_ANSWERED = re.compile(rb"([^\x00-\x20\x7f-\xff(){%*\"\\+]+) ([A-Za-z0-9]+)(?: ([^\0\r]*))?")
# RFC 3501 section 4.3; the plus sign is the client's to use, but would not change the meaning.
_LITERAL = re.compile(rb"\{(\d+)\+?\}\Z")
_MAX_LITERAL_DIGITS = 9
# RFC 3501 section 7.1: these end in text for people, where braces are nothing but braces.
_STATUS_NAMES = frozenset({"OK", "NO", "BAD", "BYE", "PREAUTH"})
_CODED = re.compile(rb"\[([^\] ]+)(?: ([^\]]*))?\] ?(.*)")


class Response(NamedTuple):
    """A server's line: whose answer it is, its first word in upper case, and the rest.

    Of a continuation nothing but the tag.
    """

    tag: bytes
    name: str
    rest: bytes


class Remark(NamedTuple):
    """What follows OK, NO, BAD, BYE. ``code`` is upper case, empty if malformed, None if absent."""

    code: str | None
    arguments: bytes
    text: bytes


def parse_response(line: bytes) -> Response:
    """Return the line in its parts. Raises UnclearError when it is none of the grammar's."""
    if line.startswith(CONTINUATION) and _CONTINUED.fullmatch(line):
        return Response(CONTINUATION, "", b"")
    match = _UNASKED.fullmatch(line) or _ANSWERED.fullmatch(line)
    if not match:
        raise UnclearError("the server sent a malformed line")
    return Response(match[1], match[2].decode("ascii").upper(), match[3] or b"")


def literal_bytes(text: bytes) -> int | None:
    """Return the size of the literal that follows this part of a line; None if none does."""
    match = _LITERAL.search(text)
    if not match:
        return None
    if len(match[1]) > _MAX_LITERAL_DIGITS:
        raise UnclearError("the server announces a literal without bound")
    return int(match[1])


def may_hold_literals(response: Response) -> bool:
    """Return whether braces at the end of the line announce a literal."""
    return response.tag == UNTAGGED and response.name not in _STATUS_NAMES


def parse_remark(rest: bytes) -> Remark:
    """Return the response code (RFC 3501 section 7.1, RFC 5530) and the text behind it."""
    rest = rest.lstrip(b" ")
    if not rest.startswith(b"["):
        return Remark(None, b"", rest)
    match = _CODED.fullmatch(rest)
    if not match:
        return Remark("", b"", rest)
    return Remark(match[1].decode("ascii", "replace").upper(), match[2] or b"", match[3])


def parse_capabilities(words: bytes) -> frozenset[str]:
    """Return the capabilities of a list, in upper case."""
    return frozenset(words.decode("ascii", "replace").upper().split())


def id_command(tag: bytes, client: str) -> bytes:
    """Return ID with the address of the client on whose behalf we speak (RFC 2971).

    The field is what Dovecot reads from those that it trusts (login_trusted_networks).
    """
    return tag + b' ID ("x-originating-ip" "' + client.encode("ascii") + b'")\r\n'


def authenticate_parts(
    tag: bytes, login: bytes, password: bytes, capabilities: frozenset[str]
) -> list[bytes]:
    """Return AUTHENTICATE PLAIN in parts: each but the first waits for the server's leave.

    The password is in the last part.
    """
    command = tag + b" AUTHENTICATE PLAIN"
    response = plain_response(login, password) + b"\r\n"
    if "SASL-IR" in capabilities:
        return [command + b" " + response]
    return [command + b"\r\n", response]


def login_parts(
    tag: bytes, login: bytes, password: bytes, capabilities: frozenset[str]
) -> list[bytes]:
    """Return LOGIN in parts: each but the first waits for the server's leave.

    The password is in the last part. A quoted string holds ASCII only (RFC 3501 section 4.3).
    """
    parts = []
    part = tag + b" LOGIN"
    for value in (login, password):
        if value.isascii():
            part += b' "' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
        elif _needs_no_leave(value, capabilities):
            part += b" {%d+}\r\n%b" % (len(value), value)
        else:
            parts.append(part + b" {%d}\r\n" % len(value))
            part = value
    return [*parts, part + b"\r\n"]


def _needs_no_leave(value: bytes, capabilities: frozenset[str]) -> bool:
    if "LITERAL+" in capabilities:
        return True
    return "LITERAL-" in capabilities and len(value) <= _LITERAL_MINUS_BYTES
