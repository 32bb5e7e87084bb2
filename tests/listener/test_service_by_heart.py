"""Logins that are remembered are answered on the spot, and recorded like any other."""

from pathlib import Path

import pytest
from lab.serving import RULES, Client, Scripted, in_force, served

from bridge_common.deadline import Deadline
from bridge_common.decisions import DecisionLog
from bridge_common.identity import IdentityRules
from sasl_bridge.admission import AdmissionRules
from sasl_bridge.by_heart import ByHeart, KnownLine
from sasl_bridge.passdb.success_cache import CacheRules, Keys, SuccessCache, Successes
from sasl_bridge.protocol.connection import AuthConnection, AuthRequest
from sasl_bridge.service import AuthService, InForce, ServiceRules
from sasl_bridge.verdict import Answer, Verdict

REMEMBERING = CacheRules(ttl=300.0)


async def log_in(client: Client, id: int, password: str = "right") -> str:
    client.auth(id, password)
    return await client.line()


def ok(id: int) -> str:
    return f"OK\t{id}\tuser=alice@example.com"


def decisions(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "decisions"]


def known(service: AuthService) -> int:
    assert service.in_force is not None
    return len(service.in_force.by_heart)


async def test_a_login_that_comes_again_is_asked_about_once_and_recorded_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The first is verified, the second remembered, and from then on its line is known by heart."""
    caplog.set_level("INFO")
    pipe = Scripted()
    async with served(tmp_path, pipe, cache=REMEMBERING) as (service, client):
        await client.greet()
        for id in range(1, 5):
            assert await log_in(client, id) == ok(id)
        assert known(service) == 1
    assert len(pipe.asked) == 1
    first, second, *others = decisions(caplog)
    assert "verdict=accepted server=first reason=OK" in first
    assert second.startswith(
        "login=alice@example.com client=192.0.2.1 mechanism=PLAIN verdict=accepted server=cache "
        'reason="first accepted it at '
    )
    assert second.endswith(" seconds=0.000")
    assert others == [second] * 2
    assert sum(service.verdicts.values()) == 4


async def test_a_wrong_password_is_never_taken_for_the_one_that_is_known(tmp_path: Path) -> None:
    async with served(tmp_path, Scripted(), cache=REMEMBERING) as (_, client):
        await client.greet()
        for id in range(1, 4):
            assert await log_in(client, id) == ok(id)
        assert (await log_in(client, 4, "wrong")).startswith("FAIL\t4\t")
        assert await log_in(client, 5) == ok(5)


async def test_what_is_flushed_is_not_known_by_heart(tmp_path: Path) -> None:
    pipe, successes = Scripted(), Successes()
    async with served(tmp_path, pipe) as (service, client):
        service.apply(InForce(RULES, SuccessCache(pipe, REMEMBERING, successes)))
        await client.greet()
        for id in range(1, 4):
            assert await log_in(client, id) == ok(id)
        successes.flush("alice@example.com")
        assert await log_in(client, 4) == ok(4)
    assert len(pipe.asked) == 2


@pytest.mark.expect_warnings("switched off")
async def test_what_is_known_ends_with_the_settings(tmp_path: Path) -> None:
    pipe = Scripted()
    async with served(tmp_path, pipe, cache=REMEMBERING) as (service, client):
        await client.greet()
        for id in range(1, 4):
            assert await log_in(client, id) == ok(id)
        off = AdmissionRules(False, True, IdentityRules(frozenset({"example.com"})))
        service.apply(in_force(ServiceRules(off, 5.0, 0.0), pipe, REMEMBERING))
        client.auth(4, "right")
        assert await client.rest() == ""


async def test_another_line_is_another_login(tmp_path: Path) -> None:
    """One without TLS, for instance: what is known of the same login with TLS is not for it."""
    async with served(tmp_path, Scripted(), cache=REMEMBERING) as (_, client):
        await client.greet()
        for id in range(1, 4):
            assert await log_in(client, id) == ok(id)
        response = "AGFsaWNlQGV4YW1wbGUuY29tAHJpZ2h0"
        client.send(f"AUTH\t4\tPLAIN\tservice=smtp\trip=192.0.2.1\tresp={response}")
        assert (await client.line()).startswith("FAIL\t4\t")


async def test_login_in_steps_is_remembered_too(tmp_path: Path) -> None:
    pipe = Scripted()
    async with served(tmp_path, pipe, cache=REMEMBERING) as (_, client):
        await client.greet()
        assert await log_in(client, 1) == ok(1)
        client.send("AUTH\t2\tLOGIN\tservice=smtp\tsecured\tresp=YWxpY2VAZXhhbXBsZS5jb20=")
        assert await client.line() == "CONT\t2\tUGFzc3dvcmQ6"
        client.send("CONT\t2\tcmlnaHQ=")
        assert await client.line() == ok(2)
    assert len(pipe.asked) == 1


async def test_pipelined_and_divided_lines_are_answered_alike(tmp_path: Path) -> None:
    async with served(tmp_path, Scripted(), cache=REMEMBERING) as (_, client):
        await client.greet()
        for id in range(1, 4):
            assert await log_in(client, id) == ok(id)
        for id in range(4, 24):
            client.auth(id, "right")
        assert [await client.line() for _ in range(20)] == [ok(id) for id in range(4, 24)]
        line = "AUTH\t24\tPLAIN\tservice=smtp\trip=192.0.2.1\tsecured\tresp="
        line += "AGFsaWNlQGV4YW1wbGUuY29tAHJpZ2h0\n"
        client.writer.write(line[:40].encode())
        await client.writer.drain()
        client.writer.write(line[40:].encode())
        assert await client.line() == ok(24)


@pytest.mark.expect_warnings("broke the auth protocol")
@pytest.mark.parametrize("number", ["0", "-1", "", "4294967296", "1x", "\u0661"])
async def test_an_id_that_is_none_is_one_by_heart_neither(tmp_path: Path, number: str) -> None:
    async with served(tmp_path, Scripted(), cache=REMEMBERING) as (_, client):
        await client.greet()
        for id in range(1, 4):
            assert await log_in(client, id) == ok(id)
        fields = "PLAIN\tservice=smtp\trip=192.0.2.1\tsecured"
        client.send(f"AUTH\t{number}\t{fields}\tresp=AGFsaWNlQGV4YW1wbGUuY29tAHJpZ2h0")
        assert await client.rest() == ""


async def test_an_id_is_repeated_as_a_number(tmp_path: Path) -> None:
    async with served(tmp_path, Scripted(), cache=REMEMBERING) as (_, client):
        await client.greet()
        for id in range(1, 4):
            assert await log_in(client, id) == ok(id)
        for number in ("007", "4294967295"):
            fields = "PLAIN\tservice=smtp\trip=192.0.2.1\tsecured"
            client.send(f"AUTH\t{number}\t{fields}\tresp=AGFsaWNlQGV4YW1wbGUuY29tAHJpZ2h0")
            assert await client.line() == ok(int(number))


async def test_a_hit_is_counted_once(tmp_path: Path) -> None:
    """Even if the password was verified anew since its line was learnt."""
    pipe, successes = Scripted(), Successes()
    async with served(tmp_path, pipe) as (service, client):
        passdb = SuccessCache(pipe, REMEMBERING, successes)
        service.apply(InForce(RULES, passdb))
        await client.greet()
        for id in range(1, 4):
            assert await log_in(client, id) == ok(id)
        assert successes.hits == 2
        await passdb.ask(pipe.asked[0], Deadline.after(5.0))
        assert await log_in(client, 4) == ok(4)
        assert successes.hits == 3
    assert len(pipe.asked) == 2


def test_the_lines_that_were_learnt_last_are_known() -> None:
    """To learn one of them again is to know no other one less."""
    answer = Answer(Verdict.ACCEPTED, "alice@example.com", "cache", "OK")
    line = KnownLine(Keys(b"", b""), answer, b"", DecisionLog().prepare({}, refused=False))
    by_heart = ByHeart(size=2)
    for fields in (b"one", b"two", b"one", b"one"):
        by_heart.learn(fields, line)
    assert by_heart.recall(b"two") is line
    by_heart.learn(b"three", line)
    assert by_heart.recall(b"one") is line
    assert by_heart.recall(b"two") is None
    assert len(by_heart) == 2


def test_there_is_no_sole_auth_on_a_connection_that_is_hung_up() -> None:
    line = b"AUTH\t1\tPLAIN\tservice=smtp\n"
    connection = AuthConnection(pid=1, cuid=1, cookie="0" * 32, gate=lambda _: None)
    assert connection.sole_auth(line) is None
    connection.receive_data(b"VERSION\t1\t2\nCPID\t42\n", 0.0)
    assert connection.next_event() is None
    assert connection.sole_auth(line) == (b"1", b"PLAIN\tservice=smtp")
    connection.receive_eof()
    assert connection.sole_auth(line) is None


def test_there_is_no_sole_auth_while_anything_is_under_way() -> None:
    line = b"AUTH\t1\tPLAIN\tservice=smtp\tresp=AGEAYg==\n"
    connection = AuthConnection(pid=1, cuid=1, cookie="0" * 32, gate=lambda _: None)
    connection.receive_data(b"VERSION\t1\t2\nCPID\t42\nAUTH\t1\tLOGIN\tservice=smtp\n", 0.0)
    assert connection.next_event() is None
    assert connection.sole_auth(line) is None
    connection.receive_data(b"CANCEL\t1\n" + line, 0.0)
    request = connection.next_event()
    assert isinstance(request, AuthRequest)
    assert connection.sole_auth(line) is None
    connection.accept(request, "a@example.com")
    assert connection.sole_auth(line) == (b"1", b"PLAIN\tservice=smtp\tresp=AGEAYg==")
