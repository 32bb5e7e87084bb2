"""One client connection at its bounds: back-pressure, patience, clients that go, and the drain."""

import asyncio
import socket
from pathlib import Path

import pytest
from lab.serving import RULES, Scripted, decision, served

from sasl_bridge.protocol.connection import Limits
from sasl_bridge.service import (
    Patience,
    ServiceRules,
)
from sasl_bridge.verdict import Verdict


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


async def test_a_client_that_does_not_wait_for_its_refusal_is_refused_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    pipe = Scripted()
    rules = ServiceRules(RULES.admission, connection_timeout=5.0, failure_delay=4.0)
    async with served(tmp_path, pipe, rules=rules) as (service, client):
        await client.greet()
        client.auth(1, "wrong")
        while not pipe.asked:
            await asyncio.sleep(0)
        client.writer.close()
        while not service.verdicts:
            await asyncio.sleep(0)
    assert "verdict=rejected server=first" in decision(caplog)


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
