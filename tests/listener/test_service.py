"""One client connection: claims in, replies out; over a real socket, on asyncio and uvloop."""

import asyncio
from pathlib import Path

import pytest
from lab.serving import RULES, Client, Scripted, decision, in_force, served

from sasl_bridge.admission import AdmissionRules
from sasl_bridge.service import ServiceRules
from sasl_bridge.verdict import Verdict


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
        service.apply(in_force(RULES, new))
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


@pytest.mark.expect_warnings("switched off")
async def test_a_reload_between_prompt_and_password_counts(tmp_path: Path) -> None:
    """Switched off means that no server is asked, whenever the dialogue began."""
    pipe = Scripted()
    async with served(tmp_path, pipe) as (service, client):
        await client.greet()
        client.send("AUTH\t1\tLOGIN\tservice=smtp\tsecured\tresp=YWxpY2VAZXhhbXBsZS5jb20=")
        assert await client.line() == "CONT\t1\tUGFzc3dvcmQ6"
        off = AdmissionRules(False, True, RULES.admission.identity)
        service.apply(in_force(ServiceRules(off, 5.0, 0.0), pipe))
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
