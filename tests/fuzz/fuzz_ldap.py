"""Fuzz the connection to a directory: `python -m fuzz.fuzz_ldap --seconds 60`.

Takes the server's part with bytes, and the asker's part with words of a step:

    bind, search, start_tls    this is asked, unless an answer is owed
    end                        the server closes

Reads answers independently of what is tested. An event loop runs, but nothing is connected.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from lab.fake_ldap import (
    NOTICE,
    bound,
    control,
    extended,
    found,
    message,
    reference,
    requests_in,
    searched,
    tlv,
)

from bridge_common.directory.codec import Done, Search
from bridge_common.directory.connection import Connection, Found, LostError
from bridge_common.directory.framing import MAX_MESSAGE_BYTES
from bridge_common.secret import Secret
from fuzz.engine import main
from fuzz.law import require
from fuzz.mutation import Mutation
from fuzz.steps import Step, Steps, whole_and_in_pieces

PASSWORD = b"xyzzy-Plugh"
MOST_ENTRIES = 2

_ASKS = (("bind",), ("search",), ("start_tls",))
_END_OF = {"bind": 0x61, "search": 0x65, "start_tls": 0x78}
_TAGS = bytes((0x02, 0x04, 0x0A, 0x30, 0x31, 0x60, 0x61, 0x64, 0x65, 0x73, 0x78, 0x79, 0xA0, 0xA3))
_CONTROLS = (
    b"", control(b"1.2.3", b"x", critical=True), control(b""), b"\x30\x10\x04",
    control(b"1.3.6.1.4.1.42.2.27.8.5.1", b"\x30\x05\xff"),
)  # fmt: skip
_OPERATIONS = (
    bound(), bound(49), bound(49, b"data 52e, v1db1\0"), bound(49, PASSWORD), bound(10), bound(53),
    bound(10, rest=tlv(0xA3, tlv(4, b"ldap://x/"))), bound(49, b"\xff\x1b[1m"), bound(255),
    tlv(0x61), tlv(0x61, tlv(0x0A), tlv(4), tlv(4)), tlv(0x61, tlv(0x0A, bytes(9)), tlv(4), tlv(4)),
    searched(), searched(4), searched(49), extended(), extended(52), tlv(0x79), tlv(0x73),
    found(), found(b""), found(b"uid=\xff"), found(b"a\0b"), found(mail=[b"\xff", b""]),
    found(mail=[b"x" * 300]), reference(), reference(b"\xff"), b"\x61\x20\x0a",
)  # fmt: skip

MUTATION = Mutation(
    words=(*_OPERATIONS, *_CONTROLS, *(bytes([tag]) for tag in _TAGS), b"\x30\x84\x00\x00\x00"),
    lines=(
        *(message(1, operation) for operation in _OPERATIONS),
        *(message(2, operation) for operation in _OPERATIONS),
        NOTICE,
        b"\x30\x80",
        b"\x30\x82\xff\xff",
        b"220 hello\r\n",
    ),
    happenings=(*_ASKS, *_ASKS, ("end",)),
)


class _Line(asyncio.Transport):
    """What the connection writes to, and lets go of."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_let_go = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        require(not self.is_let_go, "nothing is said on a connection that ended")
        self.written += data

    def abort(self) -> None:
        self.is_let_go = True


@dataclass
class _Asked:
    """What was asked, in which number, and what came of it."""

    what: str
    task: asyncio.Task[Found | Done]
    number: int


@dataclass
class Play:
    """One connection from its begin to its end."""

    connection: Connection
    line: _Line = field(default_factory=_Line)
    received: bytes = b""
    asked: list[_Asked] = field(default_factory=list)

    async def go(self, steps: Steps) -> None:
        """Play all steps, and close."""
        self.connection._raw = self.connection._channel = self.line
        try:
            for step in steps:
                await self._step(step)
                self._check_bounds()
        finally:
            self.connection.close()
            await _turns()
        require(all(one.task.done() for one in self.asked), "who asks is answered at the end")
        for one in self.asked:
            self._check(one)

    async def _step(self, step: Step) -> None:
        if isinstance(step, bytes):
            if not self.line.is_let_go:
                self.received += step
                self.connection.data_received(step)
        elif step == ("end",):
            self.connection.eof_received()
        elif self.connection.is_open and all(one.task.done() for one in self.asked):
            await self._ask(step[0])
        await _turns()

    async def _ask(self, what: str) -> None:
        ask: dict[str, Callable[[], Coroutine[Any, Any, Found | Done]]] = {
            "bind": lambda: self.connection.bind("cn=alice", Secret(PASSWORD)),
            "search": lambda: self.connection.search(
                Search("dc=com", "subtree", "(uid=alice)", ("mail",), MOST_ENTRIES)
            ),
            "start_tls": lambda: self.connection._ask(
                self.connection._codec.start_tls, "answer to StartTLS"
            ),
        }
        task = asyncio.create_task(ask[what]())
        await _turns()
        self.asked.append(_Asked(what, task, requests_in(self.line.written)[-1].number))

    # Laws

    def _check_bounds(self) -> None:
        kept = len(self.connection._messages._received)
        if self.connection.is_open:
            require(kept <= MAX_MESSAGE_BYTES, "no more is kept than a message can be long")
        require(len(self.connection._entries) <= MOST_ENTRIES + 1, "entries are bounded")

    def _check(self, asked: _Asked) -> None:
        error = asked.task.exception()
        if error is not None:
            require(isinstance(error, LostError), f"only LostError is raised: {error!r}")
            require(str(error).isprintable(), "what is shown is fit for it")
            require(PASSWORD.decode() not in str(error), "no password is shown")
            return
        came = asked.task.result()
        came = came if isinstance(came, Found) else Found((), came)
        said = {code for tag, code in self._answers_to(asked) if tag == _END_OF[asked.what]}
        cut_off = len(came.entries) == MOST_ENTRIES + 1 and asked.what == "search"
        require(cut_off or came.done.code in said, "only what the server said is its answer")
        require(not came.entries or asked.what == "search", "only a search finds entries")

    def _answers_to(self, asked: _Asked) -> Iterator[tuple[int, int]]:
        """Yield tag and code of whatever has the number that was asked."""
        data = self.received
        while (one := _element(data)) is not None:
            _, content, data = one
            if (number := _element(content)) is None:
                return
            if int.from_bytes(number[1], "big", signed=True) != asked.number:
                continue
            operation = number[2]
            header = 2 + (operation[1] & 0x7F if operation[1:2] > b"\x80" else 0)
            # However long the operation claims to be.
            if (code := _element(operation[header:])) is not None:
                yield operation[0], int.from_bytes(code[1], "big", signed=True)

    @property
    def outcome(self) -> list[str]:
        """What came of everything, in words."""
        return [f"{one.what} {one.number}: {_told(one.task)}" for one in self.asked]


def _told(task: asyncio.Task[Found | Done]) -> str:
    error = task.exception()
    if isinstance(error, LostError):
        return f"{error} silently={error.silently}"
    return repr(error or task.result())


def _element(data: bytes) -> tuple[int, bytes, bytes] | None:
    """Return tag, content and what follows, if the whole of it is there."""
    if len(data) < 2:
        return None
    length, begin = data[1], 2
    if length & 0x80:
        begin += length & 0x7F
        length = int.from_bytes(data[2:begin], "big")
    if begin + length > len(data):
        return None
    return data[0], data[begin : begin + length], data[begin + length :]


async def _turns() -> None:
    """Let whoever waits go on: the answer, and then who asked."""
    for _ in range(3):
        await asyncio.sleep(0)


Begin = Callable[[], Connection]


@dataclass(frozen=True)
class LdapTarget:
    """`Target` of `engine`."""

    name: str = "ldap"
    begin: Begin = lambda: Connection("192.0.2.1", 389, None)

    def seeds(self) -> Sequence[Steps]:
        """Return each operation as the answer to each request."""
        return [(ask, message(1, one)) for ask in _ASKS for one in _OPERATIONS]

    def invent(self, random: Random) -> Steps:
        """Make up a server that answers what it is asked, now and then something else."""
        steps: list[Step] = []
        for number in range(1, random.randint(2, 5)):
            steps.append(random.choice(_ASKS))
            answers = [_answer(random, number) for _ in range(random.choice((1, 1, 2, 3)))]
            steps += [b"".join(answers)] if random.random() < 0.5 else answers
        return (*steps, ("end",)) if random.random() < 0.2 else tuple(steps)

    def change(self, steps: Steps, donor: Steps, random: Random) -> Steps:
        """Make an input from others."""
        return MUTATION.change(steps, donor, random)

    def play(self, steps: Steps) -> set[Hashable]:
        """Play it as it is, and once more in small pieces. Raises LawBrokenError."""
        whole, cut = whole_and_in_pieces(self._played, steps)
        require(cut.outcome == whole.outcome, "any cut gives the same outcome")
        return {(one.what, _told(one.task)) for one in whole.asked}

    def story(self, steps: Steps) -> str:
        """Show what is asked and said, and what comes of it."""
        play = Play(self.begin())
        try:
            asyncio.run(play.go(steps))
        except Exception as error:  # noqa: BLE001  # it is being told as a finding already
            return f"# {error!r}"
        said = [f"S: {step!r}" if isinstance(step, bytes) else f"! {step[0]}" for step in steps]
        return "\n".join([*said, *(f"# {line}" for line in play.outcome)])

    def _played(self, steps: Steps) -> Play:
        play = Play(self.begin())
        asyncio.run(play.go(steps))
        return play


def _answer(random: Random, number: int) -> bytes:
    """Return a message, mostly one to this number; its own length is right."""
    operation = bytearray(random.choice(_OPERATIONS))
    if random.random() < 0.4:
        place = random.randrange(len(operation))
        change = random.randrange(256)
        operation[place] = random.choice(_TAGS) if random.random() < 0.3 else change
    number += random.choice((0, 0, 0, 0, 0, 0, 0, -1, 1))
    controls = random.choice(_CONTROLS) if random.random() < 0.3 else b""
    return message(number, bytes(operation), controls)


TARGET = LdapTarget()

if __name__ == "__main__":
    main(TARGET)
