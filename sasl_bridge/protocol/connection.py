"""One connection of a mail server: bytes in; requests to verify, and bytes, out.

This file alone holds and changes the state of a connection:

    handshake     VERSION, then CPID, is expected; nothing else is processed before
    each request  AUTH -> [waiting for CONT <-> prompted] -> verifying -> answered
                  forgotten instead: on CANCEL, on a CONT that nobody asked for, when it waited
                  too long or is the oldest of too many that wait
    hung up       the end: nothing is processed or answered any more, every request is dead

A request that waits may well be abandoned: Postfix sends no CANCEL when its client gives up.
Each request gets at most one final reply, and exactly one unless it is forgotten or the
connection is hung up.
Knows nothing of sockets, passwords' truth, delays or logs; the time is an argument.
Fails by the event `Broken`, for what only a faulty client program can send; raises nothing but
`ValueError`, from `accept`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from bridge_common.lines import LineSplitter
from sasl_bridge.credentials import Claim
from sasl_bridge.protocol.breach import Broken
from sasl_bridge.protocol.commands import (
    Auth,
    Cancel,
    ClientPid,
    Command,
    Continue,
    Version,
    parse_command,
)
from sasl_bridge.protocol.escaping import printable
from sasl_bridge.protocol.events import AuthRequest, Cancelled, Event
from sasl_bridge.protocol.parameters import AuthParameters
from sasl_bridge.protocol.replies import (
    MAJOR_VERSION,
    format_cont,
    format_fail,
    format_handshake,
    format_ok,
    format_temporary_fail,
)
from sasl_bridge.sasl.encoding import decode_base64
from sasl_bridge.sasl.mechanism import Mechanism, Outcome, Prompt
from sasl_bridge.sasl.registry import OFFERED, find_mechanism
from sasl_bridge.verdict import Refused, Verdict

__all__ = [
    "AuthConnection",
    "AuthParameters",
    "AuthRequest",
    "Broken",
    "Cancelled",
    "Event",
    "Gate",
    "Limits",
]

Gate = Callable[[AuthParameters], Refused | None]
"""Asked at AUTH, before any prompt: a refusal, or None to go on. Pure."""

_LONGEST_MECHANISM = 20  # RFC 4422 section 3.1

# Minor versions of the client, from which on ...
_EMPTY_IS_GIVEN = 2  # an empty resp= is an empty response; Exim (1.0) sends it where there is none
_CODES_ARE_KNOWN = 2  # code=temp_fail is understood (Dovecot 2.3)

_SMTP = "smtp"
_INVALID_BASE64 = "invalid_base64"
_AUTH = b"AUTH\t"
_ZERO = ord("0")
_SURELY_TOO_LONG = len("4294967295")
_REQUESTS: tuple[type[Command], ...] = (Auth, Continue, Cancel)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of one connection is kept.

    ``verifying``: requests handed out and not answered. ``waiting``: requests that wait for a
    CONT. ``waiting_seconds``: how long after its AUTH a request may wait (Dovecot's 150 s).
    ``line_bytes``: the longest line, LF included (Dovecot's AUTH_CLIENT_MAX_LINE_LENGTH).
    """

    verifying: int = 64
    waiting: int = 64
    waiting_seconds: float = 150.0
    line_bytes: int = 16384


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A request whose mechanism has not come to its end."""

    id: int
    mechanism: Mechanism
    parameters: AuthParameters
    begun: float


class AuthConnection:
    """The server's end of one connection.

    After `receive_data`, and after each answer, pull `next_event` until it returns None, then
    send what `data_to_send` returns.
    """

    def __init__(
        self, *, pid: int, cuid: int, cookie: str, gate: Gate, limits: Limits = Limits()
    ) -> None:
        self._gate = gate
        self._limits = limits
        self._lines = LineSplitter(limits.line_bytes)
        self._unsent = [format_handshake(pid, cuid, cookie, OFFERED)]
        self._expected: tuple[type[Command], ...] = (Version,)
        self._client_minor = 0
        self._now = 0.0
        self._waiting: dict[int, _Exchange] = {}  # oldest first
        self._verifying: dict[int, AuthRequest] = {}
        self._hung_up = False

    @property
    def hung_up(self) -> bool:
        """The connection is to be closed once what was to be sent is sent."""
        return self._hung_up

    @property
    def ready(self) -> bool:
        """The client has introduced itself."""
        return self._expected is _REQUESTS

    @property
    def at_capacity(self) -> bool:
        """There is no next event before an answer: time to stop reading."""
        return len(self._verifying) >= self._limits.verifying

    @property
    def verifying(self) -> int:
        """How many requests were handed out and are not answered."""
        return len(self._verifying)

    @property
    def waiting(self) -> int:
        """How many requests wait for a CONT."""
        return len(self._waiting)

    def sole_auth(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Return id and fields of an AUTH, if nothing but one was sent and nothing is under way.

        What is known by heart may be answered on the spot, and is not to be received then; this
        changes nothing.
        """
        if self._hung_up or len(data) > self._limits.line_bytes:
            return None
        if self._verifying or self._waiting or not (self.ready and self._lines.empty):
            return None
        if not data.startswith(_AUTH) or data.find(b"\n") != len(data) - 1:
            return None
        number, found, fields = data[len(_AUTH) : -1].partition(b"\t")
        # As it is written back: neither zero, nor above 32 bits.
        plain = number.isdigit() and number[0] != _ZERO and len(number) < _SURELY_TOO_LONG
        return (number, fields) if found and plain else None

    def receive_data(self, data: bytes, now: float) -> None:
        """Take what the client sent; ``now`` is in seconds of a clock that never goes back."""
        if self._hung_up:
            return
        self.expire(now)
        self._now = now
        self._lines.receive(data)

    def receive_eof(self) -> None:
        """Take note that the client is gone, and every request with it."""
        self._hang_up()

    def next_event(self) -> Event | None:
        """Return what happened next, or None: nothing more now, or at capacity."""
        while not self._hung_up and not self.at_capacity:
            line = self._lines.next_line()
            if line is None:
                return self._break("line too long") if self._lines.too_long else None
            event = self._process(line)
            if event is not None:
                return event
        return None

    def accept(self, request: AuthRequest, identity: str) -> None:
        """Answer that login and password belong together, and to whom.

        Raises ValueError if the identity is empty or not printable.
        """
        reply = format_ok(request.id, identity)
        if self._settle(request):
            self._unsent.append(reply)

    def reject(self, request: AuthRequest, reason: str, login: str = "") -> None:
        """Answer no; ``reason`` goes to the mail client, ``login`` to the mail server's log."""
        if self._settle(request):
            self._unsent.append(format_fail(request.id, reason, login=login))

    def unavailable(self, request: AuthRequest) -> None:
        """Answer that nobody can say: hang up, or FAIL where that is understood and needed.

        Postfix, Exim and chasquid make "wrong password" of every FAIL; only a closed connection
        becomes a temporary error. Closing would also end what others wait for on a connection
        that is shared, so there it is a FAIL. A request that waits for a CONT does not count:
        a stranger can leave one behind.
        """
        if not self._settle(request):
            return
        understands = request.parameters.service != _SMTP or self._client_minor >= _CODES_ARE_KNOWN
        if understands and self._verifying:
            login = request.claim.login if isinstance(request.claim, Claim) else b""
            text = login.decode("utf-8", "replace")
            self._unsent.append(format_temporary_fail(request.id, login=text))
        else:
            self._hang_up()

    def expire(self, now: float) -> None:
        """Forget, without a word, requests that have waited for a CONT for too long."""
        while self._waiting:
            oldest = next(iter(self._waiting.values()))
            if now - oldest.begun < self._limits.waiting_seconds:
                return
            del self._waiting[oldest.id]

    def data_to_send(self) -> bytes:
        """Return what is to be sent now, in whole lines, and forget it."""
        data = b"".join(self._unsent)
        self._unsent.clear()
        return data

    def _process(self, line: bytes) -> Event | None:
        command = parse_command(line.removesuffix(b"\r"))
        if isinstance(command, Broken):
            return self._break(command.reason)
        if not isinstance(command, self._expected):
            return self._break("command out of order")
        return self._perform(command)

    def _perform(self, command: Command) -> Event | None:
        match command:
            case Auth():
                return self._process_auth(command)
            case Continue():
                return self._process_continue(command)
            case Cancel():
                return self._process_cancel(command)
            case Version():
                return self._process_version(command)
            case ClientPid():
                self._expected = _REQUESTS
                return None
            case _:
                assert_never(command)

    def _process_version(self, command: Version) -> Broken | None:
        if command.major != MAJOR_VERSION:
            return self._break("VERSION with another major version")
        self._client_minor = command.minor
        self._expected = (ClientPid,)
        return None

    def _process_auth(self, command: Auth) -> AuthRequest | Broken | None:
        if command.id in self._verifying or command.id in self._waiting:
            return self._break("AUTH with the id of a request that is not over")
        admitted = self._admit(command)
        if isinstance(admitted, Refused):
            name = printable(command.mechanism[:_LONGEST_MECHANISM]).upper()
            return self._hand_out(AuthRequest(command.id, name, command.parameters, admitted))
        exchange = _Exchange(command.id, admitted(), command.parameters, self._now)
        encoded = command.initial
        if encoded is None or (not encoded and self._client_minor < _EMPTY_IS_GIVEN):
            return self._advance(exchange, exchange.mechanism.start(None))
        # RFC 4954 section 4: "=" is an initial response that is there, and empty.
        initial = b"" if encoded == b"=" else decode_base64(encoded)
        if initial is None:
            self._fail(command.id, "Invalid base64 data in initial response", _INVALID_BASE64)
            return None
        return self._advance(exchange, exchange.mechanism.start(initial))

    def _admit(self, command: Auth) -> type[Mechanism] | Refused:
        refusal = self._gate(command.parameters)
        if refusal is not None:
            return refusal
        if command.parameters.hold_nul:
            return Refused(Verdict.REJECTED, "a parameter of AUTH holds a NUL")
        mechanism = find_mechanism(command.mechanism)
        return mechanism or Refused(Verdict.REJECTED, "mechanism not offered")

    def _process_continue(self, command: Continue) -> AuthRequest | Cancelled | None:
        request = self._verifying.pop(command.id, None)
        if request is not None:
            self._fail(command.id, "Unexpected continuation")
            return Cancelled(request)
        exchange = self._waiting.get(command.id)
        if exchange is None:
            self._fail(command.id, "Authentication request timed out")
            return None
        response = decode_base64(command.data)
        if response is None:
            del self._waiting[command.id]
            self._fail(command.id, "Invalid base64 data in continued response", _INVALID_BASE64)
            return None
        return self._advance(exchange, exchange.mechanism.step(response))

    def _process_cancel(self, command: Cancel) -> Cancelled | None:
        self._waiting.pop(command.id, None)
        request = self._verifying.pop(command.id, None)
        return Cancelled(request) if request is not None else None

    def _advance(self, exchange: _Exchange, outcome: Outcome) -> AuthRequest | None:
        """Prompt again, or hand out what the exchange came to."""
        if not isinstance(outcome, Prompt):
            self._waiting.pop(exchange.id, None)
            name, parameters = exchange.mechanism.name, exchange.parameters
            return self._hand_out(AuthRequest(exchange.id, name, parameters, outcome))
        self._waiting[exchange.id] = exchange
        if len(self._waiting) > self._limits.waiting:
            del self._waiting[next(iter(self._waiting))]
        self._unsent.append(format_cont(exchange.id, outcome.challenge))
        return None

    def _hand_out(self, request: AuthRequest) -> AuthRequest:
        self._verifying[request.id] = request
        return request

    def _settle(self, request: AuthRequest) -> bool:
        """Whether this very request still awaits its answer; from now on it does not."""
        if self._verifying.get(request.id) is not request:
            return False
        del self._verifying[request.id]
        return True

    def _fail(self, request_id: int, reason: str, code: str = "") -> None:
        self._unsent.append(format_fail(request_id, reason, code=code))

    def _break(self, reason: str) -> Broken:
        self._hang_up()
        return Broken(reason)

    def _hang_up(self) -> None:
        self._hung_up = True
        self._waiting.clear()
        self._verifying.clear()
        self._lines = LineSplitter(self._limits.line_bytes)
