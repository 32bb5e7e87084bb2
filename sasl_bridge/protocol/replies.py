"""What the client gets: the handshake, and OK, CONT and FAIL as whole lines.

Every field is escaped and every text printable, so that nothing a stranger sent can end a line,
begin a field, or steer a terminal. A line stays far below Exim's buffer of 8192 bytes.
Fails with `ValueError` where a reply would be unsafe: that is our own bug, never the client's.
"""

from collections.abc import Iterable

from sasl_bridge.protocol.escaping import printable, tab_escape
from sasl_bridge.sasl.encoding import encode_base64
from sasl_bridge.sasl.mechanism import Mechanism

MAJOR_VERSION = 1
_MINOR_VERSION = 2  # with 3 and above, Radicale and Dovecot 2.4 wait for the client to begin

_LONGEST_IDENTITY = 1024
_LONGEST_LOGIN = 255
_LONGEST_REASON = 512

_NO_REASON = "Authentication failed"


def format_handshake(
    pid: int, cuid: int, cookie: str, mechanisms: Iterable[type[Mechanism]]
) -> bytes:
    """Return the greeting: below 1024 bytes, to be sent in one write, unasked.

    ``cookie`` is 32 hexadecimal digits; without it libdovecot's client hangs up. Radicale reads
    the greeting with one ``recv(1024)``.
    """
    lines = [b"VERSION\t%d\t%d\n" % (MAJOR_VERSION, _MINOR_VERSION)]
    # Before SPID: Postfix and Exim take SPID without a MECH before it for a wrong socket.
    lines += ["\t".join(("MECH", m.name, *m.flags)).encode() + b"\n" for m in mechanisms]
    lines.append(b"SPID\t%d\nCUID\t%d\nCOOKIE\t%b\nDONE\n" % (pid, cuid, cookie.encode()))
    return b"".join(lines)


def format_ok(request_id: int, identity: str) -> bytes:
    """Return the reply that the login is right, and whose it is."""
    return b"OK\t%d%b" % (request_id, format_ok_fields(identity))


def format_ok_fields(identity: str) -> bytes:
    """Return what stands behind the id of an OK.

    Just one ``user=``: of several Postfix takes the last and Exim the first. Never an empty one:
    both take it for a success with an empty login. Nothing beside it: of bare words, `nologin`
    included, one client makes a success and another a crash.
    """
    if not identity.isprintable() or not 0 < len(identity) <= _LONGEST_IDENTITY:
        raise ValueError("an identity is printable, not empty and not endless")
    return b"\tuser=%b\n" % _escaped(identity)


def format_cont(request_id: int, challenge: bytes) -> bytes:
    """Return the prompt for a response; the field is there even if the challenge is empty."""
    return b"CONT\t%d\t%b\n" % (request_id, encode_base64(challenge))


def format_fail(request_id: int, reason: str, *, login: str = "", code: str = "") -> bytes:
    """Return the reply that the login is wrong; ``reason`` is shown to the mail client.

    There always is a reason: up to 3.7.11, Postfix shows an older one where there is none.
    """
    text = printable((reason or _NO_REASON).encode("utf-8", "replace")[:_LONGEST_REASON])
    field = b"code=%b\t" % code.encode() if code else b""
    return b"FAIL\t%d\t%b%breason=%b\n" % (request_id, _user(login), field, _escaped(text))


def format_temporary_fail(request_id: int, *, login: str = "") -> bytes:
    """Return the reply that nobody could say, for clients that understand it.

    The word is Dovecot 2.2's, the code Dovecot 2.3's. A reason would take precedence over them.
    """
    return b"FAIL\t%d\t%bcode=temp_fail\ttemp\n" % (request_id, _user(login))


def _user(login: str) -> bytes:
    """Return the field of a login that was not accepted, or nothing if it is not known."""
    shown = "".join(c if c.isprintable() else "?" for c in login[:_LONGEST_LOGIN])
    return b"user=%b\t" % _escaped(shown) if shown else b""


def _escaped(text: str) -> bytes:
    return tab_escape(text.encode())
