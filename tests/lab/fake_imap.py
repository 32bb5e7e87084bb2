"""What a good IMAP server says: `mailboxes`, a behaviour for `fake_server.FakeServer`.

Knows the commands that a login needs: CAPABILITY, STARTTLS, ID, AUTHENTICATE PLAIN, LOGIN, LOGOUT.
"""

import base64
import re
import ssl
from collections.abc import Mapping

from lab.fake_server import Behaviour, Peer

FULL = "IMAP4rev1 SASL-IR AUTH=PLAIN"
UNENCRYPTED = "IMAP4rev1 STARTTLS LOGINDISABLED"
"""What a server announces that lets nobody log in without TLS."""


def mailboxes(
    users: Mapping[str, bytes],
    capabilities: str = FULL,
    *,
    announce: bool = True,
    tls: ssl.SSLContext | None = None,
    unencrypted: str = UNENCRYPTED,
) -> Behaviour:
    """Return a server that knows these logins and passwords, and does what it should.

    ``announce``: whether the greeting names the capabilities.
    ``tls``: it offers STARTTLS, and announces ``unencrypted`` until then.
    """
    known = {login.encode(): password for login, password in users.items()}

    def behave(peer: Peer) -> None:
        offered = unencrypted if tls else capabilities
        code = f"[CAPABILITY {offered}] " if announce else ""
        peer.say(f"* OK {code}fake server ready\r\n".encode())
        while True:
            tag, _, command = peer.hear_line().partition(b" ")
            name, _, rest = command.partition(b" ")
            match name:
                case b"CAPABILITY":
                    peer.say(f"* CAPABILITY {offered}\r\n".encode() + tag + b" OK done\r\n")
                case b"STARTTLS" if tls and offered == unencrypted:
                    peer.say(tag + b" OK begin TLS now\r\n")
                    peer.start_tls(tls)
                    offered = capabilities
                case b"ID":
                    peer.say(b"* ID NIL\r\n" + tag + b" OK done\r\n")
                case b"AUTHENTICATE" | b"LOGIN":
                    read = hear_plain if name == b"AUTHENTICATE" else _hear_login
                    login, password = read(peer, rest)
                    right = known.get(login) == password
                    answer = b" OK in" if right else b" NO [AUTHENTICATIONFAILED] out"
                    peer.say(tag + answer + b"\r\n")
                case b"LOGOUT":
                    peer.say(b"* BYE\r\n" + tag + b" OK bye\r\n")
                    return
                case _:
                    peer.say(tag + b" BAD unknown command\r\n")

    return behave


def hear_plain(peer: Peer, rest: bytes) -> tuple[bytes, bytes]:
    """Return login and password of "PLAIN", with a response or without; POP3 does it alike."""
    mechanism, _, response = rest.partition(b" ")
    assert mechanism == b"PLAIN"
    if not response:
        peer.say(b"+ \r\n")
        response = peer.hear_line()
    nobody, login, password = base64.b64decode(response, validate=True).split(b"\0")
    assert not nobody
    return login, password


def _hear_login(peer: Peer, rest: bytes) -> tuple[bytes, bytes]:
    login, rest = _hear_string(peer, rest)
    password, rest = _hear_string(peer, rest.removeprefix(b" "))
    assert not rest
    return login, password


def _hear_string(peer: Peer, rest: bytes) -> tuple[bytes, bytes]:
    """Read a quoted string, a literal or an atom; return it and what follows it on its line."""
    if literal := re.fullmatch(rb"\{(\d+)(\+?)\}", rest):
        if not literal[2]:
            peer.say(b"+ go ahead\r\n")
        value = peer.hear_bytes(int(literal[1]))
        return value, peer.hear_line()
    quoted = re.match(rb'"((?:[^"\\]|\\["\\])*)"', rest)
    if not quoted:
        atom, space, rest = rest.partition(b" ")
        return atom, space + rest
    return re.sub(rb"\\(.)", rb"\1", quoted[1]), rest[quoted.end() :]
