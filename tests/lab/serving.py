"""The service of the auth protocol on a real socket, with a pipe that does as it is told."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridge_common.deadline import Deadline
from bridge_common.decisions import DecisionLog
from bridge_common.identity import IdentityRules
from bridge_common.runtime.endpoint import open_endpoint
from sasl_bridge.admission import AdmissionRules
from sasl_bridge.client import ClientConnection
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.interface import Passdb
from sasl_bridge.passdb.success_cache import CacheRules, SuccessCache, Successes
from sasl_bridge.protocol.connection import Limits
from sasl_bridge.service import (
    AuthService,
    InForce,
    Patience,
    ServiceRules,
)
from sasl_bridge.verdict import Answer, Step, Verdict


class Scripted:
    """A pipe whose verdict is the password's first word."""

    def __init__(self) -> None:
        self.asked: list[Credentials] = []
        self.ended: list[str] = []
        self.go_on = asyncio.Event()
        self.busy = asyncio.Event()

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        assert deadline.remaining() > 0
        self.asked.append(credentials)
        word = credentials.password.reveal().split()[0].decode()
        try:
            return await self._answer(word, credentials.identity.address)
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise

    async def _answer(self, word: str, identity: str) -> Answer:
        match word:
            case "wait":
                self.busy.set()
                await self.go_on.wait()
            case "hang":
                self.busy.set()
                await asyncio.Event().wait()
            case "fault":
                raise RuntimeError("a fault of ours")
            case "wrong":
                step = Step("first", Verdict.REJECTED, "no", 0.01)
                return Answer(Verdict.REJECTED, identity, "first", "no", (step,), True)
            case "down":
                step = Step("first", Verdict.UNAVAILABLE, "connection refused", 0.01)
                return Answer(Verdict.UNAVAILABLE, identity, "list", "servers down", (step,))
            case "nobody":
                return Answer(Verdict.ACCEPTED, "", "first", "OK", (), True)
        return Answer(Verdict.ACCEPTED, identity, "first", "OK", (), True)


class Client:
    """A client of the auth protocol: Postfix, unless told otherwise."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def greet(self, minor: int = 0) -> list[str]:
        self.send(f"VERSION\t1\t{minor}", "CPID\t42")
        lines: list[str] = []
        while not lines or lines[-1] != "DONE":
            lines.append(await self.line())
        return lines

    def send(self, *lines: str) -> None:
        self.writer.write("".join(line + "\n" for line in lines).encode())

    async def line(self) -> str:
        return (await self.reader.readuntil()).decode().removesuffix("\n")

    async def rest(self) -> str:
        return (await self.reader.read()).decode()

    def auth(self, id: int, password: str, login: str = "alice@example.com") -> None:
        response = base64.b64encode(f"\0{login}\0{password}".encode()).decode()
        self.send(f"AUTH\t{id}\tPLAIN\tservice=smtp\trip=192.0.2.1\tsecured\tresp={response}")


RULES = ServiceRules(
    admission=AdmissionRules(
        enabled=True, require_tls=True, identity=IdentityRules(frozenset({"example.com"}))
    ),
    connection_timeout=5.0,
    failure_delay=0.0,
)


# Each login is asked about.
FORGETFUL = CacheRules(ttl=0.0)


def in_force(rules: ServiceRules, pipe: Passdb, cache: CacheRules = FORGETFUL) -> InForce:
    """Return what is in force with this pipe behind a cache of its own."""
    return InForce(rules, SuccessCache(pipe, cache, Successes()))


@asynccontextmanager
async def served(
    folder: Path,
    pipe: Scripted,
    *,
    rules: ServiceRules = RULES,
    limits: Limits | None = None,
    patience: Patience | None = None,
    cache: CacheRules = FORGETFUL,
) -> AsyncIterator[tuple[AuthService, Client]]:
    service = AuthService(DecisionLog(), limits=limits or Limits(), patience=patience or Patience())
    service.apply(in_force(rules, pipe, cache))
    listener = open_endpoint(f"unix:{folder}/auth")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: ClientConnection(service), sock=listener.socket)
    client = Client(*await asyncio.open_unix_connection(folder / "auth"))
    try:
        yield service, client
    finally:
        client.writer.close()
        server.close()
        await service.connections.drain(1.0)
        assert len(service.connections) == 0


def decision(caplog: pytest.LogCaptureFixture) -> str:
    lines = [record.getMessage() for record in caplog.records if record.name == "decisions"]
    assert len(lines) == 1
    return re.sub(r"seconds=\d+\.\d+", "seconds=N", lines[0])
