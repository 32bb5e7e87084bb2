"""Every dialogue of tests/transcripts/auth once more: a real socket, and through the service."""

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import cast

import pytest
from lab.serving import in_force
from lab.transcript import Direction, FromClient, FromServer, Step, read_transcript

from bridge_common.deadline import Deadline
from bridge_common.decisions import DecisionLog
from bridge_common.identity import IdentityRules
from bridge_common.runtime.endpoint import open_endpoint
from bridge_common.secret import Secret
from sasl_bridge.admission import AdmissionRules
from sasl_bridge.client import ClientConnection
from sasl_bridge.credentials import Claim, Credentials
from sasl_bridge.passdb.success_cache import Keys
from sasl_bridge.protocol.connection import AuthParameters
from sasl_bridge.service import (
    REFUSAL,
    AuthService,
    Question,
    ServiceRules,
)
from sasl_bridge.verdict import Answer, Refused, Verdict

CORPUS = Path(__file__).parents[1] / "transcripts" / "auth"
TRANSCRIPTS = sorted(CORPUS.glob("*.txt"))

RULES = ServiceRules(AdmissionRules(True, False, IdentityRules(frozenset())), 30.0, 0.0)


class Nobody:
    """A pipe that is never asked: the transcript decides."""

    async def verify(self, *_: object) -> Answer:
        raise AssertionError


class Prompted(AuthService):
    """A service whose answers a transcript gives."""

    def __init__(self, clock: "Clock") -> None:
        super().__init__(DecisionLog(), clock=clock)
        self._in_force = in_force(RULES, Nobody())
        self.apply(self._in_force)
        self.asked: asyncio.Queue[tuple[Claim | Refused, asyncio.Future[Answer]]] = asyncio.Queue()
        self.tls_required = self.disabled = False

    def gate(self, parameters: AuthParameters) -> Refused | None:
        if self.disabled:
            return Refused(Verdict.UNAVAILABLE, "disabled")
        if self.tls_required and not parameters.secured:
            return Refused(Verdict.REJECTED, "no TLS")
        return None

    def consider(self, claim: Claim | Refused, parameters: AuthParameters) -> Question:
        del parameters
        unadmitted = cast("Credentials", claim)
        return Question(self._in_force, unadmitted, Keys(b"", b""), Deadline.after(30.0))

    async def ask(self, question: Question) -> Answer:
        claim = cast("Claim | Refused", question.credentials)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.asked.put_nowait((claim, answer))
        return await answer


class Clock:
    """A clock that goes as the transcript says."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def written(line: bytes) -> bytes:
    """Return a line without what differs from connection to connection, and from the corpus."""
    name, _, _ = line.partition(b"\t")
    if name in {b"SPID", b"CUID", b"COOKIE"}:
        return name
    return line.replace(b"reason=no", b"reason=" + REFUSAL.encode())


class Performance:
    """Plays the client, and answers for the service, as a transcript says."""

    def __init__(self, service: Prompted, clock: Clock, read_size: int) -> None:
        self.service, self.clock, self.read_size = service, clock, read_size
        self.answers: dict[int, asyncio.Future[Answer]] = {}

    async def play(self, path: Path, steps: list[Step]) -> None:
        self.reader, self.writer = await asyncio.open_unix_connection(path)
        self.greeted = False
        for step in steps:
            match step:
                case FromClient(line):
                    await self.send(line + b"\n")
                case FromServer(line):
                    assert written(await self.receive()) == written(line)
                case Direction((name, *words)):
                    await getattr(self, name.replace("-", "_"))(*words)
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()

    async def send(self, data: bytes) -> None:
        for start in range(0, len(data), self.read_size):
            self.writer.write(data[start : start + self.read_size])
            await asyncio.sleep(0)

    async def receive(self) -> bytes:
        self.greeted = True
        return (await self.reader.readuntil()).removesuffix(b"\n")

    async def asked(self, number: str) -> Claim | Refused:
        claim, self.answers[int(number)] = await self.service.asked.get()
        return claim

    def answer(self, number: str, verdict: Verdict, identity: str) -> None:
        waiting = self.answers[int(number)]
        if not waiting.done():  # a late answer is nobody's
            waiting.set_result(Answer(verdict, identity, "transcript", "as written"))

    # The words of the README.

    async def require_tls(self) -> None:
        self.service.tls_required = True

    async def disable(self) -> None:
        self.service.disabled = True

    async def greeting(self) -> None:
        assert (await self.reader.readuntil(b"DONE\n")).startswith(b"VERSION\t1\t2\nMECH\tPLAIN\t")
        self.greeted = True

    async def hello(self, minor: str) -> None:
        await self.greeting()
        await self.send(f"VERSION\t1\t{minor}\nCPID\t1\n".encode())

    async def claim(self, number: str, login: str, password: str) -> None:
        secret = Secret(password.removeprefix("-").encode())
        assert await self.asked(number) == Claim(login.removeprefix("-").encode(), secret)

    async def nothing_to_verify(self, number: str) -> None:
        assert isinstance(await self.asked(number), Refused)

    async def accept(self, number: str, identity: str) -> None:
        self.answer(number, Verdict.ACCEPTED, identity)

    async def reject(self, number: str, login: str) -> None:
        self.answer(number, Verdict.REJECTED, login.removeprefix("-"))

    async def unavailable(self, number: str) -> None:
        self.answer(number, Verdict.UNAVAILABLE, "")

    async def cancelled(self, number: str) -> None:
        await asyncio.wait([self.answers[int(number)]])
        assert self.answers[int(number)].cancelled()

    async def wait(self, seconds: str) -> None:
        self.clock.now += float(seconds)

    async def broken(self) -> None:
        await self.hangup()

    async def hangup(self) -> None:
        if not self.greeted:
            await self.greeting()
        # A reset: it was hung up with something of ours unread, as it should be.
        with contextlib.suppress(ConnectionResetError):
            assert await self.reader.read() == b""

    async def bye(self) -> None:
        self.writer.close()


# The last one is the client's: it writes on after the server has hung up.
@pytest.mark.expect_warnings("verdict=unavailable|broke the auth protocol|socket.send.. raised")
@pytest.mark.parametrize("read_size", [4096, 1])
@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
async def test_the_dialogue_goes_as_written(
    path: Path, read_size: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    service = Prompted(clock)
    listener = open_endpoint(f"unix:{tmp_path}/auth")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: ClientConnection(service), sock=listener.socket)
    steps = read_transcript(path)
    try:
        async with asyncio.timeout(20):
            await Performance(service, clock, read_size).play(tmp_path / "auth", steps)
    finally:
        server.close()
        await service.connections.drain(1.0)
    broke = any(step.words == ("broken",) for step in steps if isinstance(step, Direction))
    assert ("broke the auth protocol" in caplog.text) == broke
