"""The second opinion's process: another client library looks at a server, and tries the login.

Of a directory it only looks at the certificate.
One request in JSON on standard input; facts in JSON lines on standard output, each as soon as it
is known, so that one who stops us half way knows what we saw.
Bounds itself in time, memory and processor time: whatever a server does to the library, it does to
this process alone. The login goes only over a connection whose certificate the library's own check
passed, unless the administrator switched that off.
Whatever happens is a fact, told as the ``detail``; exits with 0, or by a signal when out of time.
"""

import contextlib
import json
import resource
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from bridge_common.network.tls import tls_context
from bridge_common.network.trouble import (
    endpoint_text,
    lookup_text,
    silence_text,
    trouble_text,
)
from bridge_common.runtime.core_dumps import forbid_core_dumps
from sasl_bridge.probe import ldap_peer
from sasl_bridge.probe.certificate import certificate_facts
from sasl_bridge.probe.mail_libraries import (
    MailClient,
    RefusedError,
    UntriedError,
    client_name,
    library_trouble,
    open_client,
)

_MAX_MEMORY_BYTES = 768 * 1024 * 1024  # address space, of which Python and OpenSSL take a third
_CPU_SECONDS = 5
_OVERTIME_SECONDS = 1  # for a library that swallows our exception
# More than is shown of any: a stranger's words must not fill the pipe to who asked us.
_MAX_TEXT = 300  # characters
_MAX_ITEMS = 100

Tell = Callable[..., None]
"""Takes facts as keywords."""


class _LateError(Exception):
    """The time is over."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to look at, and for how many seconds; ``name`` has to be in the certificate."""

    protocol: str
    security: str
    host: str
    port: int
    verify: bool
    ca_file: str
    name: str
    login: str
    password: str = field(repr=False)
    seconds: float


def main() -> None:
    """Read the request and tell the facts."""
    forbid_core_dumps()  # before the password is here
    request = Request(**json.load(sys.stdin))
    _bound(request.seconds)
    look = _Look(request, _tell)
    began = time.monotonic()
    try:
        look.run()
    except _LateError:
        _tell(detail=silence_text(look.waiting_for, request.seconds))
    except MemoryError:
        _tell(detail="the server sends more than can be held")
    except Exception as error:  # noqa: BLE001  # the program ends here, and this is its report
        _tell(detail=look.trouble(error))
    finally:
        _tell(seconds=time.monotonic() - began)


def _bound(seconds: float) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS + 1))
    signal.signal(signal.SIGALRM, _on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _on_alarm(number: int, frame: object) -> None:
    del number, frame
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the second time it ends the process
    signal.setitimer(signal.ITIMER_REAL, _OVERTIME_SECONDS)
    raise _LateError


def _tell(**facts: Any) -> None:
    print(json.dumps(_cut(facts)), flush=True)  # noqa: T201  # it is what this program is for


def _cut(value: Any) -> Any:
    """Return what fits into a line, whatever a server sent."""
    match value:
        case str():
            return value[:_MAX_TEXT]
        case list():
            return [_cut(one) for one in value[:_MAX_ITEMS]]
        case dict():
            return {key: _cut(one) for key, one in value.items()}
    return value


def _open(request: Request, context: ssl.SSLContext | None) -> MailClient:
    where = request.host, request.port, context, request.seconds
    if request.protocol == "ldap":
        return ldap_peer.LdapPeer(*where)
    return open_client(request.protocol, *where)


def _facts_of(certificate: bytes, wanted: str) -> dict[str, Any]:
    try:
        return certificate_facts(certificate, wanted)
    except Exception as error:  # noqa: BLE001  # it is a stranger's, and the look goes on
        return {"trouble": f"cannot be read: {type(error).__name__}"}


@dataclass(frozen=True, slots=True)
class _TellingTls:
    """What the libraries take for an SSLContext; tells what came of each handshake."""

    context: ssl.SSLContext
    look: "_Look"

    def wrap_socket(
        self, connection: socket.socket, server_hostname: str | None = None
    ) -> ssl.SSLSocket:
        """Begin TLS as an SSLContext does; the name that the library would use is not asked for."""
        del server_hostname
        return self.look.wrap(connection, self.context)


class _Look:
    """One look at one server; ``waiting_for`` says what is missing meanwhile."""

    def __init__(self, request: Request, tell: Tell) -> None:
        self._request = request
        self._tell = tell
        # imaplib asks for the capabilities before it hands out a client.
        first_words = {"imap": "greeting or capabilities", "pop3": "greeting"}
        self._first_words = first_words.get(request.protocol, "connection")
        self.waiting_for = self._first_words

    def run(self) -> None:
        """Look with the check of the certificate, then without, to show what does not pass it."""
        tell, request = self._tell, self._request
        tell(by=ldap_peer.NAME if request.protocol == "ldap" else client_name(request.protocol))
        try:
            client = self._connect(verify=True)
        except ssl.SSLCertVerificationError as error:
            trouble = self.trouble(error)
            tell(untrusted=trouble)
            if request.verify:
                tell(detail=trouble)
                with contextlib.suppress(Exception):  # the answer is known
                    self._connect(verify=False)
                return
            client = self._connect(verify=False)
        tell(address=client.socket().getpeername()[0], banner=client.banner)
        self.waiting_for = "capabilities"
        tell(capabilities=sorted(client.capabilities()))
        client.need_a_way()
        self._try(client)
        with contextlib.suppress(Exception):  # the answer is known
            client.leave()

    def trouble(self, error: BaseException) -> str:
        """Return in words what happened."""
        request = self._request
        if isinstance(error, TimeoutError):
            return silence_text(self.waiting_for, request.seconds)
        if isinstance(error, socket.gaierror):
            return lookup_text(error, request.host)
        if isinstance(error, OSError):
            endpoint = endpoint_text(request.host, request.port)
            return trouble_text(error, endpoint, request.name)
        return library_trouble(error)

    def _connect(self, *, verify: bool) -> MailClient:
        """Return a client on a connection that is as secure as it is to be."""
        request = self._request
        self.waiting_for = self._first_words
        from_start, later = self._contexts(verify=verify)
        client = _open(request, from_start)
        if later is not None:
            self._tell(address=client.socket().getpeername()[0], banner=client.banner)
            self.waiting_for = "leave to begin TLS"
            client.start_tls(later)
        return client

    def _contexts(self, *, verify: bool) -> tuple[ssl.SSLContext | None, ssl.SSLContext | None]:
        """Return TLS from the start and TLS begun later, of which one is None at least."""
        security = self._request.security
        if security == "plain":
            return None, None
        context = tls_context(verify=verify, ca_file=self._request.ca_file)
        # A cast: it is all that the libraries use of one.
        telling = cast("ssl.SSLContext", _TellingTls(context, self))
        return (telling, None) if security == "ssl" else (None, telling)

    def wrap(self, connection: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
        """Begin TLS, with the name that the settings say, and tell what it is like."""
        self.waiting_for = "TLS handshake"
        encrypted = context.wrap_socket(connection, server_hostname=self._request.name)
        self.waiting_for = self._first_words
        cipher = encrypted.cipher()
        self._tell(
            address=encrypted.getpeername()[0],
            tls=f"{encrypted.version()}, {cipher[0] if cipher else 'unknown cipher'}",
            certificate=_facts_of(
                encrypted.getpeercert(binary_form=True) or b"", self._request.name
            ),
        )
        return encrypted

    def _try(self, client: MailClient) -> None:
        request = self._request
        if not request.login:
            self._tell(state="ready")
            return
        if any("\udc80" <= one <= "\udcff" for one in request.password):  # bytes that are no text
            self._tell(state="ready", detail="not tried: the library sends nothing but UTF-8")
            return
        self.waiting_for = "answer to the login"
        try:
            self._tell(state="accepted", detail=client.log_in(request.login, request.password))
        except RefusedError as refused:
            self._tell(state="rejected", detail=str(refused))
        except UntriedError as untried:
            self._tell(state="ready", detail=f"not tried: {untried}")
