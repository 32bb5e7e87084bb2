"""Fuzz AuthConnection: `python -m fuzz.fuzz_auth --seconds 60`.

Takes the mail server's part with bytes, and the owner's part with words of a step:

    accept N, reject N, unavailable N    the Nth of the requests that are open is answered
    late N                               the Nth of those that are over is answered all the same
    wait SECONDS                         time passes
    bye                                  the mail server hangs up
    require-tls, disable                 from the start, who is refused
    small                                from the start, how much of a connection is kept

Knows the auth protocol as Postfix does, and reads replies independently of what is tested.
"""

import base64
import re
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from lab.transcript import Direction, FromClient, read_transcript

from fuzz.dialogue_target import CORPORA
from fuzz.engine import main
from fuzz.law import require
from fuzz.mutation import Mutation
from fuzz.steps import Step, Steps, whole_and_in_pieces
from sasl_bridge.credentials import Claim
from sasl_bridge.protocol.connection import (
    AuthConnection,
    AuthParameters,
    AuthRequest,
    Broken,
    Cancelled,
    Event,
    Limits,
)
from sasl_bridge.verdict import Refused, Verdict

_IDS = (b"1", b"2", b"3", b"01", b"0", b"4294967295", b"4294967296", b"-1", b"")
_RESPONSES = tuple(
    base64.b64encode(response)
    for response in (
        b"\0alice@example.com\0xyzzy-Plugh",
        b"alice\0alice\0xyzzy-Plugh",
        b"bob\0alice\0xyzzy-Plugh",
        b"\0al\tice\nFAIL\t1\0xyzzy-Plugh",
        b"\0xyzzy\0\0",
        b"alice",
        b"xyzzy-Plugh",
        b"",
        b"\xff\0\xff\0\xff",
    )
)
_FIELDS = (
    b"service=smtp", b"service=imap", b"protocol=smtp", b"secured", b"secured=tls", b"nologin",
    b"no-penalty", b"lip=192.0.2.1", b"rip=2001:db8::7", b"rip=fe80::1%x\x01t", b"session=\x01tx",
    b"service=\x010", b"resp==", b"resp=", b"resp=*", b"cert_username=x", b"debug",
    *(b"resp=" + response for response in _RESPONSES),
)  # fmt: skip
_NAMES = (b"AUTH", b"CONT", b"CANCEL", b"VERSION", b"CPID", b"auth", b"MECH", b"")
_HELLO = b"VERSION\t1\t%d\nCPID\t1\n"

_ANSWERS = tuple(
    (word, number) for word in ("accept", "reject", "unavailable", "late") for number in "012"
)
_MUTATION = Mutation(
    words=(*_IDS, *_FIELDS, *_RESPONSES, *_NAMES, b"PLAIN", b"LOGIN", b"\t", b"\x01", b"\x01t"),
    lines=(
        _HELLO % 1,
        *(b"AUTH\t%b\t%b\tservice=smtp\n" % (n, m) for n in _IDS for m in (b"PLAIN", b"LOGIN")),
        *(b"AUTH\t%b\tPLAIN\tservice=smtp\tresp=%b\n" % (n, _RESPONSES[0]) for n in _IDS),
        *(b"CONT\t%b\t%b\n" % (number, text) for number in _IDS[:3] for text in _RESPONSES),
        *(b"CANCEL\t%b\n" % number for number in _IDS),
    ),
    happenings=(
        *_ANSWERS,
        *(("wait", seconds) for seconds in ("1", "149", "150")),
        ("bye",), ("require-tls",), ("disable",), ("small",),
    ),
)  # fmt: skip

# What Postfix reads.

_VALUE = rb"[^\x00\x01\t\r\n]+"
_REPLY = re.compile(
    rb"(?P<final>OK)\t(?P<ok>[1-9]\d*)\tuser=" + _VALUE + rb"|CONT\t[1-9]\d*\t[A-Za-z0-9+/]*=*"
    rb"|FAIL\t(?P<fail>[1-9]\d*)(\tuser=" + _VALUE + rb")?"
    rb"(\tcode=temp_fail\ttemp|(\tcode=invalid_base64)?\treason=[ -~]+)"
)
_ASKED = re.compile(rb"(?m)^(?:AUTH|CONT)\t0*([1-9]\d*)\t")
_VERSION = re.compile(rb"VERSION\t\d+\t(\d+)")
_LONGEST_REPLY = 8192  # Exim's buffer


_TELLING_BYTES = 6  # a shorter password may stand anywhere by chance
_OURS = b"user=alice@example.com reason=Authentication request timed out code=invalid_base64"


@dataclass
class Owner:
    """One connection and its owner, who answers when a step says so."""

    closed: str = ""
    limits: Limits = field(default_factory=Limits)
    kind: type[AuthConnection] = AuthConnection
    now: float = 0.0
    log: list[str] = field(default_factory=list)
    """Events, in an order that hangs on the steps alone."""
    output: bytes = b""
    open: list[AuthRequest] = field(default_factory=list)
    over: list[AuthRequest] = field(default_factory=list)
    received: bytes = b""
    reached: set[Hashable] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.connection = self.kind(
            pid=1, cuid=1, cookie="0" * 32, gate=self.gate, limits=self.limits
        )
        greeting = self.connection.data_to_send()
        require(greeting.endswith(b"\nDONE\n"), "the greeting comes unasked")

    def gate(self, parameters: AuthParameters) -> Refused | None:
        """Refuse as the steps say."""
        if self.closed == "disable":
            return Refused(Verdict.UNAVAILABLE, "disabled")
        refused = self.closed == "require-tls" and not parameters.secured
        return Refused(Verdict.REJECTED, "TLS required") if refused else None

    def step(self, step: Step) -> None:
        """Let it happen."""
        match step:
            case bytes():
                self.received += step
                self.connection.receive_data(step, self.now)
            case ("wait", seconds):
                self.now += float(seconds)
                self.connection.expire(self.now)
            case ("bye",):
                self.connection.receive_eof()
                self.give_up()
            case ("late", number) if self.over:
                self.answer_late(self.over[int(number) % len(self.over)])
            case ("accept" | "reject" | "unavailable" as word, number) if self.open:
                self.answer(self.open.pop(int(number) % len(self.open)), word)
        self.pull()

    @property
    def knows_codes(self) -> bool:
        """Whether the client is of Dovecot 2.3 or newer."""
        version = _VERSION.match(self.received)
        return version is not None and int(version[1]) >= 2

    def give_up(self) -> None:
        """Take note that every request is dead."""
        self.over += self.open
        self.open.clear()

    def pull(self) -> None:
        """Take every event that there is, and what is to be sent."""
        while (event := self.connection.next_event()) is not None:
            self.take(event)
        waiting, verifying = self.connection.waiting, self.connection.verifying
        require(waiting <= self.limits.waiting, "few requests wait")
        require(verifying <= self.limits.verifying, "few requests are verified")
        require(verifying == len(self.open), "those are verified that were handed out")
        if not self.connection.at_capacity:
            lines = self.connection._lines
            require(not lines._lines, "what can be processed is")
            require(lines._tail_bytes <= self.limits.line_bytes, "what is held is bounded")
        data = self.connection.data_to_send()
        require(b"OK" not in [line[:2] for line in data.split(b"\n")], "only the owner says OK")
        self.output += data
        self.reached.add((self.connection.ready, verifying, min(waiting, 3), len(self.log) > 5))

    def take(self, event: Event) -> None:
        """Judge an event."""
        match event:
            case AuthRequest(id=number, mechanism=mechanism, claim=claim):
                require(self.connection.ready, "nobody is asked for before CPID")
                require(mechanism.isprintable() and len(mechanism) <= 20, "names are fit for a log")
                require(number not in [one.id for one in self.open], "an id is used once at a time")
                _require_loggable(event.parameters)
                self.open.append(event)
                self.log.append(f"{number} {mechanism} {event.parameters} {claim}")
                known = mechanism if mechanism in {"PLAIN", "LOGIN"} else ""
                self.reached.add((known, type(claim), event.parameters.service == "smtp"))
                if isinstance(claim, Claim):
                    secret = claim.password.reveal()
                    self.log.append(secret.hex())
            case Cancelled(request):
                require(request in self.open, "only what is verified is cancelled")
                self.open.remove(request)
                self.over.append(request)
                self.log.append(f"cancelled {request.id}")
            case Broken(reason):
                longest = max(map(len, self.received.split(b"\n"))) + 1
                too_long = longest > self.limits.line_bytes
                require(too_long or reason != "line too long", "what is too long is long")
                require(self.connection.hung_up, "a broken connection is hung up")
                self.log.append(reason)
                self.reached.add(reason)
                self.give_up()

    def answer(self, request: AuthRequest, word: str) -> None:
        """Answer a request that is open; it gets one reply at once, or the connection ends."""
        login = _login_of(request)
        self.over.append(request)
        match word:
            case "accept":
                self.connection.accept(request, "alice@example.com")
                expected = rb"OK\t%d\tuser=alice@example\.com\n"
            case "reject":
                self.connection.reject(request, "no\t\n", login)
                expected = rb"FAIL\t%d\t(user=[^\t\n]*\t)?reason=no\?\?\n"
            case _:
                expected = rb"FAIL\t%d\t(user=[^\t\n]*\t)?code=temp_fail\ttemp\n"
                told = self.open and (request.parameters.service != "smtp" or self.knows_codes)
                self.connection.unavailable(request)
                require(self.connection.hung_up == (not told), "trouble is told by hanging up")
                if not told:
                    expected = b""
                    self.log.append("hung up")
                    self.give_up()
        data = self.connection.data_to_send()
        form = expected % request.id if expected else b""
        require(re.fullmatch(form, data) is not None, "an answer is one reply")
        self.output += data
        self.reached.add((word, bool(expected), bool(login)))

    def answer_late(self, request: AuthRequest) -> None:
        """Answer a request that is over; nothing comes of it."""
        self.connection.accept(request, "alice@example.com")
        self.connection.reject(request, "no")
        self.connection.unavailable(request)
        require(self.connection.data_to_send() == b"", "what is over gets no other reply")

    def judge(self) -> None:
        """Judge all that was sent."""
        *replies, rest = self.output.split(b"\n")
        require(rest == b"", "replies are whole lines")
        matches = [_REPLY.fullmatch(reply) for reply in replies]
        require(None not in matches, "each reply is one of three kinds and well-formed")
        require(max(map(len, replies), default=0) < _LONGEST_REPLY, "no reply is too long")
        final = Counter(match["ok"] or match["fail"] for match in matches if match)
        asked = Counter(_ASKED.findall(self.received))
        over = {number: count for number, count in final.items() if number}
        require(
            all(count <= asked[number] for number, count in over.items()), "one final reply each"
        )
        for request in (*self.over, *self.open):
            if isinstance(request.claim, Claim):
                require(not self._tells(request.claim), "no password is sent back")

    def _tells(self, claim: Claim) -> bool:
        password = claim.password.reveal()
        if len(password) < _TELLING_BYTES or password in _OURS or self._is_in_a_login(password):
            return False
        return password in self.output or base64.b64encode(password) in self.output

    def _is_in_a_login(self, password: bytes) -> bool:
        claims = [request.claim for request in (*self.over, *self.open)]
        return any(isinstance(claim, Claim) and password in claim.login for claim in claims)


def _login_of(request: AuthRequest) -> str:
    claim = request.claim
    return claim.login.decode("utf-8", "replace") if isinstance(claim, Claim) else ""


def _require_loggable(parameters: AuthParameters) -> None:
    for text in (parameters.service, parameters.session, parameters.client, parameters.server):
        require(text.isascii() and (text.isprintable() or not text), "parameters are fit for a log")
        require(len(text) <= 255, "parameters are short")


def _owner(steps: Steps, kind: type[AuthConnection]) -> Owner:
    closed = [step[0] for step in steps if step in (("require-tls",), ("disable",))]
    limits = Limits(verifying=3, waiting=2, line_bytes=256) if ("small",) in steps else Limits()
    return Owner(closed[-1] if closed else "", limits, kind)


def _played(steps: Steps, kind: type[AuthConnection]) -> Owner:
    owner = _owner(steps, kind)
    for step in steps:
        owner.step(step)
    owner.judge()
    return owner


@dataclass(frozen=True)
class AuthTarget:
    """`Target` of `engine`."""

    name: str = "auth"
    kind: type[AuthConnection] = AuthConnection

    def seeds(self) -> Sequence[Steps]:
        """Return the transcripts as steps."""
        return [tuple(_steps_of(path)) for path in sorted((CORPORA / "auth").glob("*.txt"))]

    def invent(self, random: Random) -> Steps:
        """Make up a mail server that keeps the order of lines."""
        steps: list[Step] = [("small",)] if random.random() < 0.5 else []
        steps.append(_HELLO % random.randrange(3))
        lines = (_line(random) for _ in range(random.randint(1, 12)))
        steps += (line if random.random() < 0.7 else random.choice(_ANSWERS) for line in lines)
        return tuple(steps)

    def change(self, steps: Steps, donor: Steps, random: Random) -> Steps:
        """Make an input from others."""
        return _MUTATION.change(steps, donor, random)

    def play(self, steps: Steps) -> set[Hashable]:
        """Play it as it is, and once more in small pieces. Raises LawBrokenError."""
        whole, cut = whole_and_in_pieces(lambda one: _played(one, self.kind), steps)
        require(cut.log == whole.log, "any cut gives the same events")
        require(cut.output == whole.output, "any cut gives the same output")
        return whole.reached

    def story(self, steps: Steps) -> str:
        """Show what comes in and what goes out, as far as it goes."""
        owner = _owner(steps, self.kind)
        lines = []
        for step in steps:
            sent, events = len(owner.output), len(owner.log)
            try:
                owner.step(step)
            except Exception as error:  # noqa: BLE001  # it is being told as a finding already
                lines.append(f"# {error!r}")
            lines.append(f"C: {step!r}" if isinstance(step, bytes) else "! " + " ".join(step))
            lines += [f"# {event}" for event in owner.log[events:]]
            lines += [f"S: {line!r}" for line in owner.output[sent:].splitlines()]
        return "\n".join(lines)


def _line(random: Random) -> bytes:
    number, response = random.choice(_IDS[:3]), random.choice(_RESPONSES)
    mechanism = random.choice((b"PLAIN", b"LOGIN", b"LOGIN", b"login", b"CRAM-MD5"))
    fields = b"\t".join([b"service=smtp", *random.sample(_FIELDS[:14], random.randrange(3))])
    match random.randrange(5):
        case 0:
            return b"AUTH\t%b\t%b\t%b\n" % (number, mechanism, fields)
        case 1:
            return b"AUTH\t%b\t%b\t%b\tresp=%b\n" % (number, mechanism, fields, response)
        case 2:
            return b"CANCEL\t%b\n" % number
    return b"CONT\t%b\t%b\n" % (number, response)


def _steps_of(path: Path) -> Iterator[Step]:
    for step in read_transcript(path):
        match step:
            case FromClient(line):
                yield line + b"\n"
            case Direction(("hello", minor)):
                yield _HELLO % int(minor)
            case Direction((("accept" | "reject" | "unavailable") as word, *_)):
                yield word, "0"
            case Direction(("wait" | "bye" | "require-tls" | "disable", *_) as words):
                yield words


TARGET = AuthTarget()

if __name__ == "__main__":
    main(TARGET)
