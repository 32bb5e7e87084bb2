"""LDAP requests as bytes, and what their answers are: the only place that knows python-ldap.

libldap wants a connection of its own, which it would wait for: for an answer, for half an answer,
for a TLS handshake, and of some of that without a time-out. So it gets one end of a socket pair
instead, and at the other end nothing that a server said, which `answers` reads: it encodes, and
knows the names of result codes. The connection to the server is the caller's.
One request at a time. Fails with `CodecError`; logs nothing.
"""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bridge_common.directory.answers import (
    BIND_RESULT,
    EXTENDED_RESULT,
    SEARCH_ENTRY,
    SEARCH_REFERENCE,
    SEARCH_RESULT,
    Answer,
    bare_result,
    parse_answer,
)
from bridge_common.directory.framing import BrokenStreamError
from bridge_common.directory.results import Entry
from bridge_common.secret import Secret

# Neither ldap.conf nor a .ldaprc of the user we run as has a say; read once, by the first handle.
os.environ["LDAPNOINIT"] = "1"
import ldap  # behind the line above

Scope = Literal["base", "one", "subtree"]

NO_ATTRIBUTES = "1.1"
"""Asks for the entry's name alone (RFC 4511 section 4.5.1.8)."""

MAX_REQUEST_BYTES = 64 * 1024
"""A name comes from the server; the rest of a longer request would be lost in the socket pair."""

_START_TLS = "1.3.6.1.4.1.1466.20037"  # RFC 4511 section 4.14.1
_SCOPES: Mapping[Scope, int] = {
    "base": ldap.SCOPE_BASE,
    "one": ldap.SCOPE_ONELEVEL,
    "subtree": ldap.SCOPE_SUBTREE,
}
_FOUND = frozenset({SEARCH_ENTRY, SEARCH_REFERENCE})


class CodecError(Exception):
    """It can be no request, or is no answer; the text is without secrets."""


class NoticeError(CodecError):
    """It answers nothing: the server ends the connection (RFC 4511 section 4.4.1)."""


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for; ``attributes`` are what is to be told of the entries found."""

    base: str
    scope: Scope
    filter: str
    attributes: tuple[str, ...] = (NO_ATTRIBUTES,)
    most: int = 2


@dataclass(frozen=True, slots=True)
class Done:
    """The end of an answer: its result code (RFC 4511 appendix A), the code's name, its text.

    ``diagnostic`` is the server's, to be shown only when it was made printable.
    """

    code: int
    name: str = ""
    diagnostic: str = ""


class _StartTls:
    """The request, in the shape in which python-ldap takes one."""

    requestName = _START_TLS  # noqa: N815  # python-ldap's name

    def encodedRequestValue(self) -> None:  # noqa: N802  # python-ldap's name
        """Return that it has no value."""


class Codec:
    """One connection's requests and answers."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        self._ours.setblocking(False)
        theirs.setblocking(False)
        self._ldap = ldap.initialize("ldap://", fileno=theirs.detach())  # closes it, too
        self._number: int | None = None
        self._expected = -1
        self._ldap.set_option(ldap.OPT_PROTOCOL_VERSION, ldap.VERSION3)
        # What points elsewhere is not followed: who knows with whose password.
        self._ldap.set_option(ldap.OPT_REFERRALS, ldap.OPT_OFF)

    def bind(self, name: str, password: Secret) -> bytes:
        """Return the request to try a password. Raises CodecError.

        Without a name or a password it would be a request for being nobody, which servers grant
        (RFC 4513 sections 5.1.1 and 5.1.2).
        """
        if not name.strip() or not password:
            raise CodecError("a bind needs a name and a password")
        _refuse_long(_size(name) + len(password))
        return self._request(BIND_RESULT, self._ldap.simple_bind, name, password.reveal())

    def search(self, search: Search) -> bytes:
        """Return the request to search. Raises CodecError."""
        _refuse_long(_size(search.base) + _size(search.filter))
        return self._request(
            SEARCH_RESULT,
            self._ldap.search_ext,
            search.base,
            _SCOPES[search.scope],
            search.filter,
            list(search.attributes),
            sizelimit=search.most,
        )

    def start_tls(self) -> bytes:
        """Return the request to begin TLS; libldap does not hear of the handshake."""
        return self._request(EXTENDED_RESULT, self._ldap.extop, _StartTls())

    def decode(self, message: bytes) -> Entry | Done | None:
        """Return what a whole message of the server says; None: look elsewhere, which we do not.

        Raises CodecError if it is no answer to the last request, NoticeError if it is the end.
        """
        try:
            answer = parse_answer(message)
        except BrokenStreamError as error:
            raise CodecError(str(error)) from None
        self._refuse_others(answer)
        if answer.kind == self._expected:
            return Done(answer.code, self._name_of(answer), answer.text)
        return answer.entry

    def close(self) -> None:
        """Give back the sockets."""
        self._ldap = None
        self._ours.close()

    def _refuse_others(self, answer: Answer) -> None:
        if not answer.number:
            raise NoticeError("the server ended the connection")
        if answer.number != self._number:
            raise CodecError("an answer that nobody asked for")
        # One to something else would be a yes to this.
        found = self._expected == SEARCH_RESULT and answer.kind in _FOUND
        if answer.kind != self._expected and not found:
            raise CodecError("unreadable answer")

    def _name_of(self, answer: Answer) -> str:
        """Return the name of a result's code; libldap then knows that its request is done."""
        self._number = None
        self._ours.send(bare_result(answer))
        try:
            self._ldap.result4(ldap.RES_ANY, all=0, timeout=0)
        except ldap.LDAPError as error:
            return _name(error)
        return ""

    def _request(self, expected: int, ask: Any, *arguments: Any, **options: Any) -> bytes:
        try:
            self._number, self._expected = ask(*arguments, **options), expected
            return self._ours.recv(2 * MAX_REQUEST_BYTES)
        except ldap.LDAPError as error:
            raise CodecError(_name(error)) from None
        except (ValueError, TypeError, BlockingIOError) as error:
            # A NUL or a lone surrogate in a name; the text would repeat it.
            raise CodecError(f"not to be said in LDAP ({type(error).__name__})") from None


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _refuse_long(size: int) -> None:
    """Raise CodecError for what may be too much, with all that a request has besides."""
    if size > MAX_REQUEST_BYTES // 2:
        raise CodecError("too long for a request")


def _name(error: ldap.LDAPError) -> str:
    return str(error.args[0]["desc"])
