"""One client connection of sasl-policyd at its bounds: idleness, back-pressure, and the drain."""

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from lab.leftovers import settled
from lab.policy_client import PolicyCaller, request_bytes
from lab.policy_serving import RULES, ScriptedOwners, in_virtual_time, policy_served

NOT_HIS = "553 5.7.1 not owned by user alice@example.com"
DAY_SECONDS = 86400.0


def test_nothing_idle_is_closed(tmp_path: Path) -> None:
    """Law 7. Postfix closes after 300 s; if it is us, its next mail waits for a second."""

    async def play() -> None:
        async with policy_served(tmp_path) as (_, caller):
            for idle in (0.0, 301.0, DAY_SECONDS):
                await asyncio.sleep(idle)
                assert await caller.ask() == "DUNNO"

    in_virtual_time(play())


def test_a_request_may_take_its_time(tmp_path: Path) -> None:
    async def play() -> None:
        async with policy_served(tmp_path) as (_, caller):
            data = request_bytes()
            caller.writer.write(data[:100])
            await asyncio.sleep(DAY_SECONDS)
            caller.writer.write(data[100:])
            assert await caller.action() == "DUNNO"

    in_virtual_time(play())


# Back-pressure


async def test_while_something_is_looked_up_little_is_read(tmp_path: Path) -> None:
    """10 MB stay with the client that wrote them, and are answered all the same."""
    owners = ScriptedOwners()
    async with policy_served(tmp_path, owners) as (service, caller):
        caller.send(sender="wait@example.com")
        await owners.busy.wait()
        padded = request_bytes(ccert_subject="x" * 50_000, instance="2")
        caller.writer.write(padded * 200)
        connection = next(iter(service.connections))
        await settled(lambda: not connection._transport.is_reading())  # type: ignore[attr-defined]
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(connection._policy._received) <= 65536 + 262144  # type: ignore[attr-defined]
        assert owners.asked == ["wait@example.com", "wait@example.com"]
        owners.go_on.set()
        assert await caller.action() == NOT_HIS
        for _ in range(200):
            assert await caller.action() == "DUNNO"


async def test_one_request_is_looked_up_at_a_time(tmp_path: Path) -> None:
    owners = ScriptedOwners()
    async with policy_served(tmp_path, owners) as (_, caller):
        for _ in range(50):
            caller.send(sender="wait@example.com", instance="")
        await owners.busy.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(owners.asked) == 2  # at once, and when it was looked up
        owners.go_on.set()
        for _ in range(50):
            assert await caller.action() == NOT_HIS


async def test_who_leaves_takes_his_look_up_with_him(tmp_path: Path) -> None:
    owners = ScriptedOwners()
    async with policy_served(tmp_path, owners) as (service, caller):
        caller.send(sender="hang@example.com")
        await owners.busy.wait()
        caller.writer.transport.abort()
        await settled(lambda: bool(owners.ended))
        assert owners.ended == ["cancelled"]
        assert service.counts == {}


async def test_who_does_not_read_is_not_read_from(tmp_path: Path) -> None:
    """Answers do not pile up for a client that leaves them lying."""
    async with policy_served(tmp_path) as (service, caller):
        caller.reader._transport.pause_reading()  # type: ignore[attr-defined]
        connection = next(iter(service.connections))
        connection._transport.set_write_buffer_limits(high=2000)  # type: ignore[attr-defined]
        sent = 0
        while not connection._unread:  # type: ignore[attr-defined]
            caller.send(instance=str(sent := sent + 1))
            await asyncio.sleep(0)
        decided = service.counts["dunno"]
        for _ in range(200):
            caller.send(instance=str(sent := sent + 1))
            await asyncio.sleep(0)
        assert service.counts["dunno"] == decided
        assert not connection._transport.is_reading()  # type: ignore[attr-defined]
        caller.reader._transport.resume_reading()  # type: ignore[attr-defined]
        for _ in range(sent):
            assert await caller.action() == "DUNNO"


async def test_what_a_look_up_held_up_waits_for_the_client_to_read(tmp_path: Path) -> None:
    owners = ScriptedOwners()
    rules = replace(RULES, help_text="x" * 400)
    async with policy_served(tmp_path, owners, rules=rules) as (service, caller):
        caller.reader._transport.pause_reading()  # type: ignore[attr-defined]
        connection = next(iter(service.connections))
        connection._transport.set_write_buffer_limits(high=2000)  # type: ignore[attr-defined]
        head = b"request=smtpd_access_policy\nprotocol_state=RCPT\n"
        fake = head + b"sender=bob@example.com\n\n"
        held_up = head + b"sender=wait@example.com\nsasl_method=x\nsasl_username=a@example.com\n\n"
        caller.writer.write(fake * 1000 + held_up + fake * 10)
        await owners.busy.wait()
        await settled(lambda: connection._unread)  # type: ignore[attr-defined]
        owners.go_on.set()
        await settled(lambda: service.counts["refused"] == 1001)
        for _ in range(100):
            await asyncio.sleep(0)
        assert service.counts["refused"] == 1001
        caller.reader._transport.resume_reading()  # type: ignore[attr-defined]
        for _ in range(1011):
            assert (await caller.action()).startswith("553 5.7.1 not ")


def test_who_does_not_read_is_ended_after_half_a_minute(tmp_path: Path) -> None:
    async def play() -> None:
        async with policy_served(tmp_path) as (service, caller):
            caller.reader._transport.pause_reading()  # type: ignore[attr-defined]
            connection = next(iter(service.connections))
            while not connection._unread:  # type: ignore[attr-defined]
                caller.send()
                await asyncio.sleep(0)
            await asyncio.sleep(29.5)
            assert len(service.connections) == 1
            await asyncio.sleep(1.0)
            assert len(service.connections) == 0

    in_virtual_time(play())


def test_who_reads_late_stays(tmp_path: Path) -> None:
    async def play() -> None:
        async with policy_served(tmp_path) as (service, caller):
            caller.reader._transport.pause_reading()  # type: ignore[attr-defined]
            connection = next(iter(service.connections))
            sent = 0
            while not connection._unread:  # type: ignore[attr-defined]
                caller.send(instance=str(sent := sent + 1))
                await asyncio.sleep(0)
            await asyncio.sleep(29.5)
            caller.reader._transport.resume_reading()  # type: ignore[attr-defined]
            for _ in range(sent):
                assert await caller.action() == "DUNNO"
            await asyncio.sleep(31.0)
            assert await caller.ask() == "DUNNO"

    in_virtual_time(play())


# The drain


async def test_an_idle_connection_is_drained_at_once(tmp_path: Path) -> None:
    """And what its client writes next fails at once: Postfix asks our successor instead."""
    async with policy_served(tmp_path) as (service, caller):
        assert await caller.ask() == "DUNNO"
        draining = asyncio.create_task(service.connections.drain(30.0))
        await asyncio.sleep(0)
        raw = caller.writer.get_extra_info("socket")
        with pytest.raises(BrokenPipeError), socket.socket(fileno=socket.dup(raw.fileno())) as own:
            own.send(request_bytes())
        assert await caller.rest() == b""
        await draining


async def test_what_was_written_before_the_drain_is_answered(tmp_path: Path) -> None:
    async with policy_served(tmp_path) as (service, caller):
        assert await caller.ask() == "DUNNO"
        caller.send(sender="bob@example.com", instance="2")
        draining = asyncio.create_task(service.connections.drain(30.0))
        assert await caller.rest() == b"action=" + NOT_HIS.encode() + b"\n\n"
        await draining


async def test_a_half_request_may_be_finished_while_draining(tmp_path: Path) -> None:
    async with policy_served(tmp_path) as (service, caller):
        data = request_bytes()
        caller.writer.write(data[:100])
        connection = next(iter(service.connections))
        await settled(lambda: connection._policy.begun)  # type: ignore[attr-defined]
        draining = asyncio.create_task(service.connections.drain(30.0))
        await asyncio.sleep(0)
        caller.writer.write(data[100:])
        assert await caller.rest() == b"action=DUNNO\n\n"
        await draining


async def test_a_half_request_that_must_be_looked_up_may_be_finished_too(tmp_path: Path) -> None:
    owners = ScriptedOwners()
    async with policy_served(tmp_path, owners) as (service, caller):
        data = request_bytes(sender="wait@example.com")
        caller.writer.write(data[:100])
        connection = next(iter(service.connections))
        await settled(lambda: connection._policy.begun)  # type: ignore[attr-defined]
        draining = asyncio.create_task(service.connections.drain(30.0))
        await asyncio.sleep(0)
        caller.writer.write(data[100:])
        await owners.busy.wait()
        owners.go_on.set()
        assert await caller.rest() == b"action=" + NOT_HIS.encode() + b"\n\n"
        await draining


def test_a_half_request_that_is_finished_is_waited_for_no_longer(tmp_path: Path) -> None:
    async def play() -> None:
        async with policy_served(tmp_path) as (service, caller):
            data = request_bytes()
            caller.writer.write(data[:100])
            connection = next(iter(service.connections))
            while not connection._policy.begun:  # type: ignore[attr-defined]
                await asyncio.sleep(0.001)
            draining = asyncio.create_task(service.connections.drain(30.0))
            await asyncio.sleep(0)
            begun = asyncio.get_running_loop().time()
            caller.writer.write(data[100:])
            assert await caller.rest() == b"action=DUNNO\n\n"
            assert asyncio.get_running_loop().time() - begun < 0.1
            await draining

    in_virtual_time(play())


def test_a_half_request_is_waited_for_two_seconds(tmp_path: Path) -> None:
    async def play() -> None:
        async with policy_served(tmp_path) as (service, caller):
            caller.writer.write(request_bytes()[:100])
            connection = next(iter(service.connections))
            while not connection._policy.begun:  # type: ignore[attr-defined]
                await asyncio.sleep(0.001)
            draining = asyncio.create_task(service.connections.drain(30.0))
            await asyncio.sleep(1.9)
            assert len(service.connections) == 1
            await asyncio.sleep(0.2)
            assert len(service.connections) == 0
            assert await caller.rest() == b""
            await draining

    in_virtual_time(play())


async def test_a_look_up_under_way_is_answered_while_draining(tmp_path: Path) -> None:
    owners = ScriptedOwners()
    async with policy_served(tmp_path, owners) as (service, caller):
        caller.send(sender="wait@example.com")
        await owners.busy.wait()
        draining = asyncio.create_task(service.connections.drain(30.0))
        await asyncio.sleep(0)
        owners.go_on.set()
        assert await caller.rest() == b"action=" + NOT_HIS.encode() + b"\n\n"
        await draining


async def test_who_comes_while_draining_is_not_kept(tmp_path: Path) -> None:
    async with policy_served(tmp_path) as (service, caller):
        await service.connections.drain(30.0)
        assert await caller.rest() == b""
        late = await PolicyCaller.at(tmp_path / "policy")
        assert await late.rest() == b""
        late.writer.close()
