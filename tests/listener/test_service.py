"""One client connection over a real socket, on asyncio and on uvloop."""

import asyncio
import base64
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridge_common.deadline import Deadline
from bridge_common.decisions import DecisionLog
from bridge_common.identity import IdentityRules
from bridge_common.runtime.endpoint import open_endpoint
from sasl_bridge.admission import AdmissionRules
from sasl_bridge.credentials import Credentials
from sasl_bridge.protocol.connection import Limits
from sasl_bridge.service import (
    AuthService,
    ClientConnection,
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


@asynccontextmanager
async def served(
    folder: Path,
    pipe: Scripted,
    *,
    rules: ServiceRules = RULES,
    limits: Limits | None = None,
    patience: Patience | None = None,
) -> AsyncIterator[tuple[AuthService, Client]]:
    service = AuthService(DecisionLog(), limits=limits or Limits(), patience=patience or Patience())
    service.apply(InForce(rules, pipe))
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


async def test_the_greeting_comes_unasked_and_in_one_piece(tmp_path: Path) -> None:
    async with served(tmp_path, Scripted()) as (_, client):
        greeting = (await client.reader.read(1024)).decode()
        assert greeting.startswith("VERSION\t1\t2\nMECH\tPLAIN\tplaintext\n")
        assert greeting.endswith("DONE\n")


async def test_connections_are_told_apart(tmp_path: Path) -> None:
    async with served(tmp_path, Scripted()) as (_, client):
        other = Client(*await asyncio.open_unix_connection(tmp_path / "auth"))
        seen = set(await client.greet()), set(await other.greet())
        other.writer.close()
        assert {"CUID\t1"} <= seen[0]
        assert {"CUID\t2"} <= seen[1]
        assert not {line for line in seen[0] & seen[1] if line.startswith("COOKIE")}


async def test_a_right_password(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    pipe = Scripted()
    async with served(tmp_path, pipe) as (service, client):
        await client.greet()
        client.auth(1, "right", login="Alice@Example.com")
        assert await client.line() == "OK\t1\tuser=alice@example.com"
        assert service.verdicts == {Verdict.ACCEPTED: 1}
    assert pipe.asked[0].client == "192.0.2.1"
    assert decision(caplog) == (
        "login=alice@example.com typed=Alice@Example.com client=192.0.2.1 mechanism=PLAIN "
        "verdict=accepted server=first reason=OK seconds=N"
    )


async def test_a_wrong_password(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with served(tmp_path, Scripted()) as (_, client):
        await client.greet()
        client.auth(1, "wrong guess")
        assert await client.line() == (
            "FAIL\t1\tuser=alice@example.com\treason=the login or the password is wrong"
        )
    assert decision(caplog) == (
        "login=alice@example.com client=192.0.2.1 mechanism=PLAIN verdict=rejected server=first "
        'reason=no seconds=N asked="first rejected in 0.010 s (no)"'
    )
    assert "guess" not in caplog.text


@pytest.mark.expect_warnings("verdict=unavailable server=list")
async def test_trouble_is_told_by_hanging_up(tmp_path: Path) -> None:
    """Law 1: Postfix would turn any FAIL into "wrong password"."""
    async with served(tmp_path, Scripted()) as (_, client):
        await client.greet()
        client.auth(1, "down")
        assert await client.rest() == ""


@pytest.mark.expect_warnings("verdict=unavailable server=list")
async def test_an_abandoned_dialogue_does_not_turn_trouble_into_a_refusal(tmp_path: Path) -> None:
    """A stranger's AUTH LOGIN and then * leaves an id behind; Postfix never sends CANCEL."""
    async with served(tmp_path, Scripted()) as (_, client):
        await client.greet(minor=2)
        client.send("AUTH\t1\tLOGIN\tservice=smtp\tsecured")
        assert await client.line() == "CONT\t1\tVXNlcm5hbWU6"
        client.auth(2, "down")
        assert await client.rest() == ""


@pytest.mark.expect_warnings("verdict=unavailable server=list")
async def test_others_being_verified_are_spared_where_the_client_understands(
    tmp_path: Path,
) -> None:
    pipe = Scripted()
    async with served(tmp_path, pipe) as (_, client):
        await client.greet(minor=2)
        client.auth(1, "wait")
        await pipe.busy.wait()
        client.auth(2, "down")
        assert await client.line() == "FAIL\t2\tuser=alice@example.com\tcode=temp_fail\ttemp"
        pipe.go_on.set()
        assert await client.line() == "OK\t1\tuser=alice@example.com"


@pytest.mark.expect_warnings("verdict=unavailable server=list")
async def test_trouble_may_be_a_refusal_where_the_administrator_says_so(tmp_path: Path) -> None:
    rules = ServiceRules(RULES.admission, 5.0, 0.0, reject_when_unavailable=True)
    async with served(tmp_path, Scripted(), rules=rules) as (_, client):
        await client.greet()
        client.auth(1, "down")
        assert await client.line() == (
            "FAIL\t1\tuser=alice@example.com\treason=the password cannot be checked at the moment"
        )


@pytest.mark.expect_warnings("verification failed|verdict=unavailable server=pipe")
async def test_a_fault_of_ours_is_trouble(tmp_path: Path) -> None:
    async with served(tmp_path, Scripted()) as (_, client):
        await client.greet()
        client.auth(1, "fault")
        assert await client.rest() == ""


@pytest.mark.expect_warnings("overstayed its deadline|verdict=unavailable server=pipe")
async def test_a_pipe_that_overstays_is_trouble(tmp_path: Path) -> None:
    pipe = Scripted()
    rules = ServiceRules(RULES.admission, connection_timeout=0.1, failure_delay=0.0)
    async with served(tmp_path, pipe, rules=rules) as (_, client):
        await client.greet()
        client.auth(1, "hang")
        assert await client.rest() == ""
    assert pipe.ended == ["cancelled"]


async def test_without_encryption_nobody_is_prompted(tmp_path: Path) -> None:
    pipe = Scripted()
    async with served(tmp_path, pipe) as (_, client):
        await client.greet()
        client.send("AUTH\t1\tLOGIN\tservice=smtp")
        assert await client.line() == "FAIL\t1\treason=encryption is required before logging in"
    assert pipe.asked == []


@pytest.mark.expect_warnings("verdict=unavailable server=admission .*switched off")
@pytest.mark.parametrize("mechanism", ["LOGIN", "PLAIN"])
async def test_switched_off_hangs_up_before_any_prompt(tmp_path: Path, mechanism: str) -> None:
    off = AdmissionRules(False, True, RULES.admission.identity)
    async with served(tmp_path, Scripted(), rules=ServiceRules(off, 5.0, 0.0, True)) as (_, client):
        await client.greet()
        client.send(f"AUTH\t1\t{mechanism}\tservice=smtp\tsecured")
        assert await client.rest() == ""


@pytest.mark.expect_warnings("the settings are broken")
async def test_broken_settings_are_trouble_and_good_ones_heal(tmp_path: Path) -> None:
    async with served(tmp_path, Scripted()) as (service, client):
        good = service.in_force
        service.apply(None)
        await client.greet()
        client.auth(1, "right")
        assert await client.rest() == ""
        service.apply(good)
        again = Client(*await asyncio.open_unix_connection(tmp_path / "auth"))
        await again.greet()
        again.auth(2, "right")
        assert await again.line() == "OK\t2\tuser=alice@example.com"
        again.writer.close()


async def test_a_request_finishes_with_the_pipe_it_began_with(tmp_path: Path) -> None:
    """A reload keeps connections, and what is under way."""
    old, new = Scripted(), Scripted()
    async with served(tmp_path, old) as (service, client):
        await client.greet()
        client.auth(1, "wait")
        await old.busy.wait()
        service.apply(InForce(RULES, new))
        old.go_on.set()
        assert await client.line() == "OK\t1\tuser=alice@example.com"
        client.auth(2, "right")
        assert await client.line() == "OK\t2\tuser=alice@example.com"
    assert (len(old.asked), len(new.asked)) == (1, 1)


async def test_a_refusal_takes_as_long_for_an_unknown_login_as_for_a_wrong_password(
    tmp_path: Path,
) -> None:
    rules = ServiceRules(RULES.admission, connection_timeout=5.0, failure_delay=0.3)
    loop = asyncio.get_running_loop()
    async with served(tmp_path, Scripted(), rules=rules) as (_, client):
        await client.greet()
        for id, login in enumerate(["alice@example.com", "nobody@elsewhere.example"], start=1):
            begun = loop.time()
            client.auth(id, "wrong", login=login)
            assert (await client.line()).startswith(f"FAIL\t{id}")
            assert loop.time() - begun >= 0.3 * 0.8 - 0.01


@pytest.mark.expect_warnings("server=client")
async def test_a_client_that_vanishes_takes_its_verification_with_it(tmp_path: Path) -> None:
    pipe = Scripted()
    async with served(tmp_path, pipe) as (service, client):
        await client.greet()
        client.auth(1, "hang")
        await pipe.busy.wait()
        client.writer.close()
        while len(service.connections):
            await asyncio.sleep(0)
        while not pipe.ended:
            await asyncio.sleep(0)
    assert pipe.ended == ["cancelled"]


@pytest.mark.expect_warnings("server=client")
async def test_cancel_stops_a_verification(tmp_path: Path) -> None:
    pipe = Scripted()
    async with served(tmp_path, pipe) as (_, client):
        await client.greet()
        client.auth(1, "hang")
        await pipe.busy.wait()
        client.send("CANCEL\t1")
        client.auth(1, "right")
        assert await client.line() == "OK\t1\tuser=alice@example.com"
    assert pipe.ended == ["cancelled"]


@pytest.mark.expect_warnings("a client program broke the auth protocol")
async def test_a_client_program_that_breaks_the_protocol_loses_its_connection_only(
    tmp_path: Path,
) -> None:
    async with served(tmp_path, Scripted()) as (_, client):
        await client.greet()
        client.send("NONSENSE")
        assert await client.rest() == ""
        other = Client(*await asyncio.open_unix_connection(tmp_path / "auth"))
        await other.greet()
        other.auth(1, "right")
        assert await other.line() == "OK\t1\tuser=alice@example.com"
        other.writer.close()


async def test_a_thousand_pipelined_logins_are_all_answered_a_few_at_a_time(
    tmp_path: Path,
) -> None:
    pipe = Scripted()
    async with served(tmp_path, pipe, limits=Limits(verifying=8)) as (_, client):
        await client.greet(minor=2)
        for id in range(1, 1001):
            client.auth(id, "wait")
        await pipe.busy.wait()
        # Everything that could be handed out before an answer has been once we are scheduled again.
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(pipe.asked) == 8
        pipe.go_on.set()
        answered = {(await client.line()).split("\t")[1] for _ in range(1000)}
    assert answered == {str(id) for id in range(1, 1001)}


async def test_a_client_that_does_not_read_is_not_read_from(tmp_path: Path) -> None:
    """Back-pressure: answers do not pile up for a client that leaves them lying."""
    pipe = Scripted()
    async with served(tmp_path, pipe) as (service, client):
        await client.greet(minor=2)
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        connection = next(iter(service.connections))
        connection._transport.set_write_buffer_limits(high=2000)  # type: ignore[attr-defined]
        sent = 0
        while not connection._unread:  # type: ignore[attr-defined]
            client.auth(sent := sent + 1, "right")
            await asyncio.sleep(0)
        before = len(pipe.asked)
        for _ in range(200):
            client.auth(sent := sent + 1, "right")
            await asyncio.sleep(0)
        assert len(pipe.asked) <= before + 64
        client.reader._transport.resume_reading()  # type: ignore[attr-defined]
        for id in range(1, sent + 1):
            assert await client.line() == f"OK\t{id}\tuser=alice@example.com"


async def test_a_client_that_never_reads_is_cut_off(tmp_path: Path) -> None:
    patience = Patience(unread=0.05)
    async with served(tmp_path, Scripted(), patience=patience) as (service, client):
        await client.greet(minor=2)
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]
        connection = next(iter(service.connections))
        connection._transport.set_write_buffer_limits(high=2000)  # type: ignore[attr-defined]
        sent = 0
        while not connection._unread:  # type: ignore[attr-defined]
            client.auth(sent := sent + 1, "right")
            await asyncio.sleep(0)
        while len(service.connections):
            await asyncio.sleep(0.01)


async def test_a_client_that_never_introduces_itself_is_cut_off(tmp_path: Path) -> None:
    async with served(tmp_path, Scripted(), patience=Patience(greeting=0.05)) as (_, client):
        assert (await client.rest()).endswith("DONE\n")


async def test_a_client_that_has_introduced_itself_may_be_idle(tmp_path: Path) -> None:
    """Law 7: nothing idle is closed from our side."""
    async with served(tmp_path, Scripted(), patience=Patience(greeting=0.05)) as (service, client):
        await client.greet()
        connection = next(iter(service.connections))
        while "greeting" in connection._timers:  # type: ignore[attr-defined]
            await asyncio.sleep(0)
        assert connection._timers == {}  # type: ignore[attr-defined]
        client.auth(1, "right")
        assert await client.line() == "OK\t1\tuser=alice@example.com"


async def test_a_peer_that_holds_a_drained_dialogue_up_is_not_waited_for(tmp_path: Path) -> None:
    patience = Patience(dialogue=0.05)
    async with served(tmp_path, Scripted(), patience=patience) as (service, client):
        await client.greet()
        client.send("AUTH\t1\tLOGIN\tservice=smtp\tsecured")
        assert await client.line() == "CONT\t1\tVXNlcm5hbWU6"
        await service.connections.drain(5.0)
        assert await client.rest() == ""


async def test_an_abandoned_dialogue_expires(tmp_path: Path) -> None:
    limits = Limits(waiting_seconds=0.05)
    async with served(tmp_path, Scripted(), limits=limits) as (service, client):
        await client.greet()
        client.send("AUTH\t1\tLOGIN\tservice=smtp\tsecured")
        assert await client.line() == "CONT\t1\tVXNlcm5hbWU6"
        connection = next(iter(service.connections))
        while connection._auth.waiting:  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)
        client.send("CONT\t1\tYWxpY2U=")
        assert await client.line() == "FAIL\t1\treason=Authentication request timed out"


async def test_an_idle_connection_drains_without_losing_what_was_written(tmp_path: Path) -> None:
    """What is written before we close is answered; what comes later fails to be written."""
    async with served(tmp_path, Scripted()) as (service, client):
        await client.greet()
        client.auth(1, "right")
        draining = asyncio.create_task(service.connections.drain(5.0))
        assert await client.line() == "OK\t1\tuser=alice@example.com"
        assert await client.rest() == ""
        await draining


async def test_draining_makes_the_client_s_next_write_fail_at_once(tmp_path: Path) -> None:
    """So that Postfix connects anew instead of telling its user 454."""
    pipe = Scripted()
    async with served(tmp_path, pipe) as (service, client):
        await client.greet()
        client.auth(1, "wait")
        await pipe.busy.wait()
        draining = asyncio.create_task(service.connections.drain(5.0))
        await asyncio.sleep(0)
        raw = client.writer.get_extra_info("socket")
        with pytest.raises(BrokenPipeError), socket.socket(fileno=socket.dup(raw.fileno())) as own:
            own.send(b"AUTH\t2\tPLAIN\tservice=smtp\n")
        pipe.go_on.set()
        assert await client.line() == "OK\t1\tuser=alice@example.com"
        await draining


async def test_a_dialogue_half_way_through_may_finish_while_draining(tmp_path: Path) -> None:
    async with served(tmp_path, Scripted()) as (service, client):
        await client.greet()
        client.send("AUTH\t1\tLOGIN\tservice=smtp\tsecured\tresp=YWxpY2VAZXhhbXBsZS5jb20=")
        assert await client.line() == "CONT\t1\tUGFzc3dvcmQ6"
        draining = asyncio.create_task(service.connections.drain(5.0))
        await asyncio.sleep(0)
        client.send("CONT\t1\tcmlnaHQ=")
        assert await client.line() == "OK\t1\tuser=alice@example.com"
        assert await client.rest() == ""
        await draining


async def test_a_client_that_is_still_greeting_may_finish_that_while_draining(
    tmp_path: Path,
) -> None:
    """Postfix would end its whole session if the greeting failed."""
    async with served(tmp_path, Scripted()) as (service, client):
        draining = asyncio.create_task(service.connections.drain(5.0))
        await asyncio.sleep(0)
        await client.greet()
        assert await client.rest() == ""
        await draining


@pytest.mark.expect_warnings("switched off")
async def test_a_reload_between_prompt_and_password_counts(tmp_path: Path) -> None:
    """Switched off means that no server is asked, whenever the dialogue began."""
    pipe = Scripted()
    async with served(tmp_path, pipe) as (service, client):
        await client.greet()
        client.send("AUTH\t1\tLOGIN\tservice=smtp\tsecured\tresp=YWxpY2VAZXhhbXBsZS5jb20=")
        assert await client.line() == "CONT\t1\tUGFzc3dvcmQ6"
        off = AdmissionRules(False, True, RULES.admission.identity)
        service.apply(InForce(ServiceRules(off, 5.0, 0.0), pipe))
        client.send("CONT\t1\tcmlnaHQ=")
        assert await client.rest() == ""
    assert pipe.asked == []


@pytest.mark.expect_warnings("answering failed")
async def test_an_answer_that_cannot_be_given_is_trouble(tmp_path: Path) -> None:
    """An accepted login without an identity is a fault of ours, and never an OK."""
    async with served(tmp_path, Scripted()) as (service, client):
        await client.greet()
        client.auth(1, "nobody")
        assert await client.rest() == ""
        assert len(service.connections) == 0


@pytest.mark.expect_warnings("server=client")
async def test_a_login_whose_client_is_gone_leaves_its_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    pipe = Scripted()
    async with served(tmp_path, pipe) as (service, client):
        await client.greet()
        client.auth(1, "hang")
        await pipe.busy.wait()
        client.writer.close()
        while not service.verdicts:
            await asyncio.sleep(0)
        assert service.verdicts == {Verdict.UNAVAILABLE: 1}
    assert decision(caplog) == (
        "login=alice@example.com client=192.0.2.1 mechanism=PLAIN verdict=unavailable "
        'server=client reason="gone before it was answered" seconds=N'
    )


@pytest.mark.parametrize(
    ("login", "password"),
    [("", "right"), ("alice@example.com", ""), ("alice@elsewhere.example", "right")],
)
async def test_what_admission_refuses_reaches_no_server(
    tmp_path: Path, login: str, password: str
) -> None:
    pipe = Scripted()
    async with served(tmp_path, pipe) as (_, client):
        await client.greet()
        client.auth(1, password, login=login)
        assert (await client.line()).startswith("FAIL\t1\t")
    assert pipe.asked == []


@pytest.mark.expect_warnings("server=client|broke the auth protocol")
async def test_at_capacity_nothing_more_is_read(tmp_path: Path) -> None:
    """Law 4: what a client sends beyond the cap stays with the client."""
    pipe = Scripted()
    async with served(tmp_path, pipe, limits=Limits(verifying=1)) as (service, client):
        await client.greet(minor=2)
        client.auth(1, "wait")
        await pipe.busy.wait()
        connection = next(iter(service.connections))
        for _ in range(100):
            client.auth(2, "right")
            await asyncio.sleep(0)
        assert not connection._transport.is_reading()  # type: ignore[attr-defined]
        pipe.go_on.set()
        assert await client.line() == "OK\t1\tuser=alice@example.com"
