"""A real Dovecot far away: logins that find a connection waiting, also while it is restarted."""

import asyncio
import contextlib
import os
import statistics
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lab.bridge import PROJECT
from lab.dovecot import Dovecot
from lab.gateway import Gateway
from lab.leftovers import settled
from lab.ports import LOOPBACK, free_port
from lab.processes import end_process, start
from lab.serving import Client
from lab.settings import server

ALICE = "alice@example.com"
ROUND_TRIP = 0.06


@contextlib.contextmanager
def far_away(gateway: Gateway, near: int) -> Iterator[int]:
    """Yield a port with TLS, behind which the server is, at a distance."""
    port, tls = free_port(), gateway.tls
    command = [sys.executable, "-m", "bench.far", str(port), str(near)]
    command += [str(tls.certificate), str(tls.key), str(ROUND_TRIP * 1000)]
    path = f"{PROJECT}:{PROJECT / 'tests'}"
    child = start(command, cwd=PROJECT, env=os.environ | {"PYTHONPATH": path})
    try:
        yield port
    finally:
        end_process(child)


async def listening(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(LOOPBACK, port)
                writer.close()
                return
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def client_of(path: Path) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        client = Client(reader, writer)
        await client.greet()
        yield client
    finally:
        writer.close()


@dataclass(frozen=True)
class Login:
    """When one began and ended, and what Postfix was told: the first word, or nothing."""

    begun: float
    ended: float
    answer: str

    @property
    def seconds(self) -> float:
        return self.ended - self.begun


async def log_in(path: Path, password: str = "hers") -> Login:
    loop = asyncio.get_running_loop()
    async with client_of(path) as client:
        begun = loop.time()
        client.auth(1, password, ALICE)
        answer = (await _answer(client)).partition("\t")[0]
        return Login(begun, loop.time(), answer)


async def _answer(client: Client) -> str:
    try:
        return await client.line()
    except asyncio.IncompleteReadError:  # hung up: try later
        return ""


def settings_of(gateway: Gateway, port: int, protocol: str) -> str:
    ca_file = str(gateway.tls.authority)
    return server("far", port, protocol=protocol, security="ssl", ca_file=ca_file)


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
async def test_after_the_first_few_a_login_takes_one_round_trip(
    gateway: Gateway, protocol: str
) -> None:
    """A fresh connection takes four, and so do the first logins."""
    with (
        gateway.dovecot({ALICE: "hers"}) as dovecot,
        far_away(gateway, dovecot.ports[protocol]["plain"]) as port,
        gateway.bridge(settings_of(gateway, port, protocol)),
    ):
        await listening(port)
        path = gateway.postfix.auth_socket
        logins = []
        for _ in range(25):
            logins.append(await log_in(path))
            await asyncio.sleep(0.1)
        assert (await log_in(path, "wrong")).answer == "FAIL"
        assert {login.answer for login in logins} == {"OK"}
        cold = statistics.median(login.seconds for login in logins[:4])
        warm = statistics.median(login.seconds for login in logins[6:])
        assert cold > 3 * ROUND_TRIP
        assert ROUND_TRIP <= warm < cold / 2


async def test_a_restart_under_load_costs_no_login_that_could_be_verified(
    gateway: Gateway,
) -> None:
    """Only those fail that fall into the time when Dovecot is away; nobody's password is wrong."""
    with (
        gateway.dovecot({ALICE: "hers"}) as dovecot,
        far_away(gateway, dovecot.ports["imap"]["plain"]) as port,
        gateway.bridge(settings_of(gateway, port, "imap")),
    ):
        await listening(port)
        logins: list[Login] = []
        load = [
            asyncio.create_task(_log_in_again_and_again(gateway.postfix.auth_socket, logins))
            for _ in range(8)
        ]
        await settled(lambda: len(logins) > 100, 30)
        stopped, back = await _restarted(dovecot, logins)
        await settled(lambda: sum(login.begun > back for login in logins) > 100, 30)
        for task in load:
            task.cancel()
        await asyncio.wait(load)
    assert {login.answer for login in logins} <= {"OK", ""}
    failed = [login for login in logins if not login.answer]
    assert all(login.ended > stopped and login.begun < back for login in failed)


async def _log_in_again_and_again(path: Path, logins: list[Login]) -> None:
    while True:
        logins.append(await log_in(path))
        await asyncio.sleep(0.02)


async def _restarted(dovecot: Dovecot, logins: list[Login]) -> tuple[float, float]:
    """Restart it; return when that began, and when a login got through again."""
    loop = asyncio.get_running_loop()
    stopped = loop.time()
    await asyncio.to_thread(dovecot.stop)
    await asyncio.to_thread(dovecot.start)
    started = loop.time()
    await settled(lambda: any(_got_through(login, started) for login in logins), 30)
    return stopped, next(login.ended for login in logins if _got_through(login, started))


def _got_through(login: Login, since: float) -> bool:
    return login.begun > since and login.answer == "OK"
