"""Who is blocked is refused before anybody is asked, whatever is remembered of the login."""

from dataclasses import replace
from pathlib import Path

import pytest
from lab.serving import Client, Scripted, decision, served

from bridge_common.block import Block
from bridge_common.deadline import Deadline
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.success_cache import CacheRules
from sasl_bridge.verdict import Answer, Verdict

REMEMBERING = CacheRules(ttl=300.0)
ALICE = "alice@example.com"
OK = "OK\t{}\tuser=alice@example.com"
REFUSED = "FAIL\t{}\tuser=alice@example.com\treason=the login or the password is wrong"


async def log_in(client: Client, id: int, login: str = ALICE) -> str:
    client.auth(id, "right", login)
    return await client.line()


@pytest.mark.parametrize(
    "block",
    [
        Block(ALICE),
        Block("alice@", "starts-with"),
        Block("@example.com", "contains"),
        Block("192.0.2.1"),
        Block("192.0.2.0/24"),
    ],
)
async def test_nobody_is_asked_about_who_is_blocked(tmp_path: Path, block: Block) -> None:
    pipe = Scripted()
    async with served(tmp_path, pipe) as (service, client):
        service.blocks.add(block)
        await client.greet()
        assert await log_in(client, 1) == REFUSED.format(1)
    assert pipe.asked == []
    assert service.verdicts[Verdict.REJECTED] == 1


async def test_the_log_says_that_it_is_a_block_and_whose(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with served(tmp_path, Scripted()) as (service, client):
        service.blocks.add(Block(ALICE, reason="stolen"))
        await client.greet()
        await log_in(client, 1)
    assert decision(caplog) == (
        "login=alice@example.com client=192.0.2.1 mechanism=PLAIN verdict=rejected server=blocks "
        'reason="blocked: alice@example.com, by the administrator: stolen" seconds=N'
    )


async def test_a_login_that_is_known_by_heart_is_refused_as_soon_as_it_is_blocked(
    tmp_path: Path,
) -> None:
    async with served(tmp_path, Scripted(), cache=REMEMBERING) as (service, client):
        await client.greet()
        for id in range(1, 4):
            assert await log_in(client, id) == OK.format(id)
        service.blocks.add(Block(ALICE))
        assert await log_in(client, 4) == REFUSED.format(4)
        service.blocks.remove(ALICE)
        assert await log_in(client, 5) == OK.format(5)


async def test_another_block_costs_a_login_that_is_known_by_heart_no_question(
    tmp_path: Path,
) -> None:
    pipe = Scripted()
    async with served(tmp_path, pipe, cache=REMEMBERING) as (service, client):
        await client.greet()
        for id in range(1, 4):
            assert await log_in(client, id) == OK.format(id)
        service.blocks.add(Block("bob@example.com"))
        for id in range(4, 7):
            assert await log_in(client, id) == OK.format(id)
    assert len(pipe.asked) == 1


async def test_a_block_also_stops_a_login_that_is_being_verified(tmp_path: Path) -> None:
    pipe = Scripted()
    async with served(tmp_path, pipe) as (service, client):
        await client.greet()
        client.auth(1, "wait")
        await pipe.busy.wait()
        service.blocks.add(Block(ALICE))
        pipe.go_on.set()
        assert await client.line() == REFUSED.format(1)


class OneAccount(Scripted):
    """Whatever alias one logs in by, the account is Alice's."""

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        answer = await super().verify(credentials, deadline)
        return replace(answer, identity=ALICE)


async def test_a_block_of_the_account_stops_its_aliases_verified_and_remembered(
    tmp_path: Path,
) -> None:
    async with served(tmp_path, OneAccount(), cache=REMEMBERING) as (service, client):
        await client.greet()
        for id in (1, 2, 3):
            assert await log_in(client, id, "sales@example.com") == OK.format(id)
        service.blocks.add(Block(ALICE))
        assert await log_in(client, 4, "sales@example.com") == REFUSED.format(4)
        assert await log_in(client, 5, "other@example.com") == REFUSED.format(5)
        service.blocks.remove(ALICE)
        assert await log_in(client, 6, "sales@example.com") == OK.format(6)


async def test_a_client_without_an_address_is_no_address_that_is_blocked(tmp_path: Path) -> None:
    async with served(tmp_path, Scripted()) as (service, client):
        service.blocks.add(Block("0.0.0.0/0"), Block("::/0"))
        await client.greet()
        client.send("AUTH\t1\tPLAIN\tservice=smtp\tsecured\tresp=AGFsaWNlQGV4YW1wbGUuY29tAHJpZ2h0")
        assert await client.line() == OK.format(1)
