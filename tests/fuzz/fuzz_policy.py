"""Fuzz PolicyConnection: `python -m fuzz.fuzz_policy --seconds 60`.

Takes the client's part with bytes, and the decider's part with words of a step:

    dunno, refuse, try-later, trouble    what the next requests are answered, until the next such

Reads requests independently of what is tested: all that came, at once.
"""

import re
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
from policyd.action import DUNNO, HANG_UP, Action, Code, Refuse
from policyd.protocol import MAX_ATTRIBUTES, MAX_REQUEST_BYTES, PolicyConnection
from policyd.request import PolicyRequest

_KIND = b"request=smtpd_access_policy"
_NAMES = tuple(name.encode() for name in PolicyRequest._fields)
_VALUES = (
    b"", b"RCPT", b"CONNECT", b"END-OF-MESSAGE", b"PLAIN", b"ANONYMOUS", b"alice@example.com", b"=",
    b"example.org!victim", b'"a b"@example.com', b"j\xc3\xb6rg@example.com", b"\xff\xc3", b"\0",
    b"a\r", b"\xc2\x85", b"\xe2\x80\xa8", b"\x1b[31m", b"action=OK", b"192.0.2.1", b"::1", b" ",
)  # fmt: skip
_LINES = tuple(b"%b=%b\n" % (name, value) for name in _NAMES for value in _VALUES)
_OTHERS = (b"request=junk\n", b"size=1\n", b"size=2\n", b"tls_sni=x\n", b"sender\n", b"=x\n")
_DECISIONS = (("dunno",), ("refuse",), ("refuse",), ("try-later",), ("trouble",))

_MUTATION = Mutation(
    words=(*_VALUES, *_NAMES, _KIND, b"=", b"\n\n"),
    lines=(_KIND + b"\n", *_LINES, *_OTHERS, b"\n", _KIND + b"\n\n"),
    happenings=_DECISIONS,
)

# What Postfix reads.
_REPLY = re.compile(rb"action=(DUNNO|553 5\.7\.1 [ -~]*[!-~]|451 4\.3\.0 [ -~]*[!-~])\n\n")
_LONGEST_REPLY = 512


@dataclass
class Decider:
    """One connection, and who decides what it asks."""

    connection: PolicyConnection
    decision: str = "dunno"
    received: bytes = b""
    asked: list[PolicyRequest] = field(default_factory=list)
    decided: list[str] = field(default_factory=list)
    output: bytes = b""

    def step(self, step: Step) -> None:
        """Let it happen."""
        if not isinstance(step, bytes):
            self.decision = step[0]
            return
        if not self.connection.hung_up:
            self.received += step
        self.connection.receive_data(step)
        self.pull(step)

    def pull(self, piece: bytes) -> None:
        """Decide all that is asked, and take what is to be sent."""
        while (request := self.connection.next_request()) is not None:
            self.asked.append(request)
            self.decided.append(self.decision)
            self.connection.answer(request, self._action(request))
        require(self.connection.next_request() is None, "who was hung up on asks no more")
        most = MAX_REQUEST_BYTES + len(piece)
        require(len(self.connection._received) <= most, "what is held is bounded")
        self.output += self.connection.data_to_send()

    def _action(self, request: PolicyRequest) -> Action:
        match self.decision:
            case "refuse":
                text = f"not owned by user {request.sasl_username}"
                return Refuse(Code.NOT_ALLOWED, text)
            case "try-later":
                return Refuse(Code.TRY_LATER, request.sender)
            case "trouble":
                return HANG_UP
        return DUNNO

    def judge(self) -> None:
        """Judge all that was asked and sent."""
        replies = [match[1] for match in _REPLY.finditer(self.output)]
        require(_REPLY.sub(b"", self.output) == b"", "each reply is one of three and well-formed")
        told = [one for one in self.decided if one != "trouble"]
        require(len(replies) == len(told), "each request gets one reply")
        kinds = {b"DU": "dunno", b"55": "refuse", b"45": "try-later"}
        require([kinds[reply[:2]] for reply in replies] == told, "replies come in order")
        require(max(map(len, replies), default=0) < _LONGEST_REPLY, "no reply is too long")
        requests, fault = _read(self.received)
        if "trouble" in self.decided:
            require(self.decided.index("trouble") == len(self.decided) - 1, "trouble ends it")
            require(self.connection.hung_up, "trouble is told by hanging up")
            require(self.asked == requests[: len(self.asked)], "what was written is asked")
            return
        require(self.asked == requests, "what was written is asked")
        require((self.connection.broken != "") == fault, "what is broken is told")
        require(self.connection.hung_up == fault, "only what is broken is hung up")

    @property
    def reached(self) -> set[Hashable]:
        """Say what came of it."""
        faults: set[Hashable] = {self.connection.broken, min(len(self.asked), 3)}
        shapes = ((one[0], *map(bool, one)) for one in self.asked[:3])
        return faults | set(self.decided) | {shape[1:] for shape in shapes}


def _read(received: bytes) -> tuple[list[PolicyRequest], bool]:
    """Return the requests up to the first that is none, and whether there is such a one."""
    requests: list[PolicyRequest] = []
    *blocks, rest = _blocks(received)
    for block in blocks:
        request = _request(block) if len(block) <= MAX_REQUEST_BYTES else None
        if request is None:
            return requests, True
        requests.append(request)
    return requests, len(rest) >= MAX_REQUEST_BYTES + 2


def _blocks(received: bytes) -> Iterator[bytes]:
    while True:
        block, end, rest = received.partition(b"\n\n")
        yield block
        if not end:
            return
        received = rest


def _request(block: bytes) -> PolicyRequest | None:
    pairs = [line.split(b"=", 1) for line in block.split(b"\n")]
    if len(pairs) > MAX_ATTRIBUTES or any(len(pair) < 2 or not pair[0] for pair in pairs):
        return None
    said: dict[bytes, set[bytes]] = {}
    for name, value in pairs:
        said.setdefault(name, set()).add(value)
    deciding = [said.get(name, {b""}) for name in (b"request", *_NAMES)]
    if said.get(b"request") != {_KIND.partition(b"=")[2]} or any(len(one) > 1 for one in deciding):
        return None
    (_, *values) = (one.pop().decode("utf-8", "surrogateescape") for one in deciding)
    return PolicyRequest(*values)


def _played(steps: Steps, kind: type[PolicyConnection]) -> Decider:
    decider = Decider(kind())
    for step in steps:
        decider.step(step)
    decider.judge()
    return decider


@dataclass(frozen=True)
class PolicyTarget:
    """`Target` of `engine`."""

    name: str = "policy"
    kind: type[PolicyConnection] = PolicyConnection

    def seeds(self) -> Sequence[Steps]:
        """Return the transcripts as steps."""
        return [tuple(_steps_of(path)) for path in sorted((CORPORA / self.name).glob("*.txt"))]

    def invent(self, random: Random) -> Steps:
        """Make up a client that writes whole requests."""
        steps: list[Step] = []
        for _ in range(random.randint(1, 5)):
            if random.random() < 0.5:
                steps.append(random.choice(_DECISIONS))
            lines = [_KIND + b"\n", *random.choices(_LINES, k=random.randrange(7))]
            if random.random() < 0.2:
                lines.append(random.choice(_OTHERS))
            random.shuffle(lines)
            steps.append(b"".join(lines) + b"\n")
        return tuple(steps)

    def change(self, steps: Steps, donor: Steps, random: Random) -> Steps:
        """Make an input from others."""
        return _MUTATION.change(steps, donor, random)

    def play(self, steps: Steps) -> set[Hashable]:
        """Play it as it is, and once more in small pieces. Raises LawBrokenError."""
        whole, cut = whole_and_in_pieces(lambda one: _played(one, self.kind), steps)
        require(cut.asked == whole.asked, "any cut gives the same requests")
        require(cut.output == whole.output, "any cut gives the same output")
        require(cut.connection.broken == whole.connection.broken, "any cut is broken alike")
        return whole.reached

    def story(self, steps: Steps) -> str:
        """Show what comes in and what goes out, as far as it goes."""
        decider = Decider(self.kind())
        lines = []
        for step in steps:
            asked, sent = len(decider.asked), len(decider.output)
            try:
                decider.step(step)
            except Exception as error:  # noqa: BLE001  # it is being told as a finding already
                lines.append(f"# {error!r}")
            lines.append(f"C: {step!r}" if isinstance(step, bytes) else "! " + " ".join(step))
            lines += [f"# {request!r}" for request in decider.asked[asked:]]
            lines.append(f"S: {decider.output[sent:]!r}")
        return "\n".join([*lines, f"# {decider.connection.broken}"])


def _steps_of(path: Path) -> Iterator[Step]:
    """Yield each request as one piece, behind what is then decided."""
    data = b""
    for step in read_transcript(path):
        match step:
            case FromClient(line):
                data += line + b"\n"
            case Direction((("dunno" | "refuse" | "try-later" | "trouble") as word, *_)):
                yield (word,)
                yield data
                data = b""
    if data:
        yield data


TARGET = PolicyTarget()

if __name__ == "__main__":
    main(TARGET)
