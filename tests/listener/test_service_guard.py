"""What the service lets the guard count, and when; and the running daemon's guard."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lab.bridge import Bridge
from lab.fake_imap import mailboxes
from lab.fake_server import FakeServer
from lab.serving import RULES, Client, Scripted, served
from lab.settings import server, settings_text
from lab.smtpd import Smtpd

from bridge_admin.cli import main as bridgectl
from bridge_admin.control_client import ask_daemon
from bridge_common.settings.restraint import Restraint
from sasl_bridge.passdb.guard import Guard
from sasl_bridge.passdb.success_cache import CacheRules, Successes
from sasl_bridge.service import AuthService, ServiceRules

ALICE = "alice@example.com"
OK = "OK\t{}\tuser=alice@example.com"
WRONG = "reason=the login or the password is wrong"
OWN = "192.0.2.1"

tells = pytest.mark.expect_warnings("guard: .* (is|would be) blocked for ")


@asynccontextmanager
async def guarded(
    folder: Path,
    *,
    rules: ServiceRules = RULES,
    ttl: float = 0.0,
    **restraint: Any,
) -> AsyncIterator[tuple[AuthService, Client]]:
    """Yield a service whose guard enforces, and a client of it that has greeted."""
    limits: dict[str, Any] = {"failures_per_address": 0, "failing_logins_per_address": 0}
    limits |= {"addresses_per_login": 0, "mode": "enforce", **restraint}
    cache = CacheRules(ttl=ttl)
    async with served(folder, Scripted(), rules=rules, cache=cache) as (service, client):
        service.guard = Guard(service.blocks, Successes())
        service.guard.obey(Restraint(**limits))
        await client.greet()
        yield service, client


async def told(client: Client, id: int, password: str, login: str = ALICE) -> str:
    client.auth(id, password, login)
    return await client.line()


@tells
async def test_wrong_passwords_block_their_address_and_the_right_one_too(tmp_path: Path) -> None:
    async with guarded(tmp_path, failures_per_address=2) as (service, client):
        for id in range(1, 4):
            assert await told(client, id, f"wrong {id}") == f"FAIL\t{id}\tuser={ALICE}\t{WRONG}"
        assert [block.what for block in service.blocks.all()] == [OWN]
        assert await told(client, 4, "right") == f"FAIL\t4\tuser={ALICE}\t{WRONG}"


@tells
async def test_logins_that_admission_refuses_are_counted_too(tmp_path: Path) -> None:
    async with guarded(tmp_path, failing_logins_per_address=2) as (service, client):
        for id, login in enumerate(("root", "admin", "info@elsewhere.example"), start=1):
            assert await told(client, id, "right", login) == f"FAIL\t{id}\t{WRONG}"
        assert [block.what for block in service.blocks.all()] == [OWN]


@pytest.mark.expect_warnings("verdict=unavailable")
async def test_trouble_and_what_a_block_refuses_are_not_counted(tmp_path: Path) -> None:
    async with guarded(tmp_path, failures_per_address=1) as (service, client):
        service.blocks.impose(ALICE, None, "", "administrator")
        for id in range(1, 9):
            await told(client, id, f"wrong {id}")
        assert service.guard.summary()["counted"]["failures_per_address"] == 0
        client.auth(9, "down", "bob@example.com")
        assert await client.rest() == ""  # hung up
        assert service.guard.summary()["counted"]["failures_per_address"] == 0


@tells
async def test_a_wrong_password_counts_before_its_answer_is_held_back(tmp_path: Path) -> None:
    """Or as many could be tried at a time as there are sessions."""
    slow = replace(RULES, failure_delay=0.5)
    async with guarded(tmp_path, rules=slow, failures_per_address=1) as (service, client):
        client.auth(1, "wrong one")
        client.auth(2, "wrong two")
        while not service.blocks.all():
            await asyncio.sleep(0.01)
        assert service.verdicts.total() == 0
        lines = sorted([await client.line(), await client.line()])
        assert [line.split("\t")[:2] for line in lines] == [["FAIL", "1"], ["FAIL", "2"]]


@tells
async def test_a_login_that_is_remembered_counts_from_each_address(tmp_path: Path) -> None:
    """Known by heart it counted when it was learnt; once it is blocked it is known no more."""
    async with guarded(tmp_path, ttl=300.0, addresses_per_login=2) as (service, client):
        for id, last in enumerate((1, 2, 1, 2, 1, 2, 1, 2, 3), start=1):
            client.send(
                f"AUTH\t{id}\tPLAIN\tservice=smtp\trip=192.0.2.{last}\tsecured\t"
                "resp=AGFsaWNlQGV4YW1wbGUuY29tAHJpZ2h0"
            )
            assert await client.line() == OK.format(id)
        assert [block.what for block in service.blocks.all()] == [ALICE]
        for id, last in ((10, 1), (11, 3)):
            client.send(
                f"AUTH\t{id}\tPLAIN\tservice=smtp\trip=192.0.2.{last}\tsecured\t"
                "resp=AGFsaWNlQGV4YW1wbGUuY29tAHJpZ2h0"
            )
            assert await client.line() == f"FAIL\t{id}\tuser={ALICE}\t{WRONG}"


# The daemon


def guard_settings(folder: Path, port: int, **restraint: Any) -> str:
    table = "\n".join(f"{key} = {json.dumps(value)}" for key, value in restraint.items())
    remembering = {"success_ttl": "5m"}
    servers = [f"[restraint]\nlockout_budget = 0\n{table}", server("imap", port)]
    return settings_text(folder, folder / "auth", servers, cache=remembering)


@contextmanager
def mail_server() -> Iterator[FakeServer]:
    with FakeServer(mailboxes({ALICE: b"hers"})) as imap:
        yield imap


def log_in(bridge: Bridge, password: str, client: str = OWN, login: str = ALICE) -> str:
    with Smtpd(bridge.folder / "auth") as smtpd:
        return smtpd.login(login, password, client=client).partition("\t")[0]


def test_the_daemon_blocks_guessers_over_a_restart_until_it_is_told_otherwise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with mail_server() as imap:
        text = guard_settings(tmp_path, imap.port, mode="enforce", failures_per_address=4)
        with Bridge(tmp_path, text) as bridge:
            assert [log_in(bridge, f"guess {n}") for n in range(3)] == ["FAIL"] * 3
            assert log_in(bridge, "hers") == "OK"
        with Bridge(tmp_path, text) as bridge:
            assert log_in(bridge, "guess 3") == "FAIL"
            assert log_in(bridge, "hers") == "OK"
            assert log_in(bridge, "guess 4") == "FAIL"
            assert log_in(bridge, "hers") == "FAIL"
            assert log_in(bridge, "hers", "192.0.2.2") == "OK"
            why = "more than 4 wrong passwords came from it within 30m"
            bridge.lines_with(f"warning: guard: {OWN} is blocked for 1h: {why}")
            status = ask_daemon(bridge.settings_file, "status")
            assert status["guard"]["mode"] == "enforce"
            assert status["guard"]["blocked"]["failures_per_address"] == 1
        with Bridge(tmp_path, text) as bridge:
            assert log_in(bridge, "hers") == "FAIL"
            settings = ["--settings", str(bridge.settings_file)]
            assert bridgectl(["unblock", OWN, *settings]) == 0
            assert log_in(bridge, "hers") == "OK"
    capsys.readouterr()


def test_an_administrator_who_tries_logins_is_not_counted(tmp_path: Path) -> None:
    with mail_server() as imap:
        text = guard_settings(tmp_path, imap.port, mode="enforce", failures_per_address=1)
        with Bridge(tmp_path, text) as bridge:
            for number in range(5):
                answer = ask_daemon(
                    bridge.settings_file,
                    "verify",
                    login=ALICE,
                    password=f"guess {number}",
                    client=OWN,
                )
                assert answer["verdict"] == "rejected"
            assert log_in(bridge, "hers") == "OK"


def test_the_modes_come_into_force_by_a_reload(tmp_path: Path) -> None:
    with mail_server() as imap:
        text = guard_settings(tmp_path, imap.port, failures_per_address=2)
        with Bridge(tmp_path, text) as bridge:
            assert [log_in(bridge, f"guess {n}") for n in range(3)] == ["FAIL"] * 3
            bridge.lines_with(f'{OWN} would be blocked for 1h by mode = "enforce"')
            assert log_in(bridge, "hers") == "OK"
            enforcing = guard_settings(tmp_path, imap.port, failures_per_address=2, mode="enforce")
            bridge.reload(enforcing)
            assert [log_in(bridge, f"guess {n}") for n in range(3)] == ["FAIL"] * 3
            assert log_in(bridge, "hers") == "FAIL"
            exempt = ["192.0.2.0/24"]
            bridge.reload(
                guard_settings(
                    tmp_path,
                    imap.port,
                    failures_per_address=2,
                    mode="enforce",
                    exempt_networks=exempt,
                )
            )
            assert log_in(bridge, "hers") == "OK"
            assert [log_in(bridge, f"guess {n}") for n in range(9)] == ["FAIL"] * 9
            assert log_in(bridge, "hers") == "OK"
