"""Asking scripted directories about alice, and seeing to it that nothing is left behind."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bridge_common.deadline import Deadline
from bridge_common.directory.directory import Directory
from bridge_common.directory.host import Account, Host, Place
from bridge_common.directory.results import AddressesResult, Fault, Result, Trouble
from bridge_common.identity import Identity, LoginForm
from bridge_common.network.tls import Tls
from bridge_common.secret import Secret
from bridge_common.settings.ldap_profile import LdapProfile
from lab.asking import NAME, Contexts, timeless
from lab.directory_entries import GATEWAY
from lab.fake_ldap import FakeDirectory
from lab.fake_server import FakeServer
from lab.leftovers import bounded_memory, settled

T = TypeVar("T")

ALICE = Identity("alice", "example.com", LoginForm.ADDRESS)
SERVICE_PASSWORD = b"gatekeeper"
PEAK_BYTES = 3 * 1024 * 1024
"""What a login may take of memory: what a search brings, and what came of the next one."""


def profile(**keys: Any) -> LdapProfile:
    """Return a profile that searches and binds."""
    usual: dict[str, Any] = {
        "name": "corp",
        "kind": "openldap",
        "security": "plain",
        "hosts": ("127.0.0.1",),
        "bind_dn": GATEWAY,
        "bind_password": Secret(SERVICE_PASSWORD),
        "base_dn": "dc=example,dc=com",
    }
    return LdapProfile(**(usual | keys))


def directory_at(
    ports: Sequence[int],
    contexts: Contexts | None = None,
    *,
    tls_name: str = NAME,
    idle_seconds: float = 60.0,
    **keys: Any,
) -> Directory:
    """Return what asks the servers at these ports of 127.0.0.1, in this order."""
    settings = profile(**keys)
    tls = None
    if contexts is not None and settings.security != "plain":
        tls = Tls(contexts.client, tls_name, settings.security == "ssl")
    account = Account(settings.bind_dn, settings.bind_password)
    hosts = [
        Host(
            Place("127.0.0.1", port, tls),
            account,
            settings.max_connections,
            idle_seconds=idle_seconds,
        )
        for port in ports
    ]
    return Directory(settings, hosts)


@dataclass
class Asking:
    """Servers, and who asks them; ``later`` is by how much the asker's clock is ahead."""

    directory: Directory
    servers: list[FakeServer]
    fakes: Sequence[FakeDirectory]
    later: float = field(default=0.0)

    @property
    def server(self) -> FakeServer:
        return self.servers[0]

    def clock(self) -> float:
        return time.monotonic() + self.later

    async def ask(
        self, password: bytes = b"secret", seconds: float = 5.0, who: Identity = ALICE
    ) -> Result:
        """Ask; the answer is there in time, and took little memory."""
        deadline = Deadline.after(seconds, self.clock)
        return await _in_time(self.directory.authenticate(who, Secret(password), deadline), seconds)

    async def addresses(self, seconds: float = 5.0, who: Identity = ALICE) -> AddressesResult:
        """Ask which addresses are whose; in time and with little memory too."""
        deadline = Deadline.after(seconds, self.clock)
        return await _in_time(self.directory.addresses_of(who, deadline), seconds)

    async def trouble(self, *arguments: Any, **keys: Any) -> tuple[str, Fault, bool]:
        """Ask; return the trouble: with N for ports and seconds, whose it is, password sent."""
        return self.words_of(await self.ask(*arguments, **keys))

    def words_of(self, result: Result | AddressesResult) -> tuple[str, Fault, bool]:
        """Return of a trouble what `trouble` does."""
        assert isinstance(result, Trouble), result
        text = timeless(result.detail)
        for number, server in enumerate(self.servers, start=1):
            name = "N" if len(self.servers) == 1 else f"N{number}"
            text = text.replace(f"port {server.port}", f"port {name}")
        return text, result.fault, result.password_sent

    def asked(self) -> list[list[str]]:
        """Return what each server was asked so far, forgetting it."""
        asked: list[list[str]] = [list(fake.asked) for fake in self.fakes]
        for fake in self.fakes:
            fake.asked.clear()
        return asked


async def _in_time(asked: Awaitable[T], seconds: float) -> T:
    loop = asyncio.get_running_loop()
    began = loop.time()
    with bounded_memory(PEAK_BYTES):
        result = await asked
    assert loop.time() - began < seconds + 0.5
    return result


@contextlib.asynccontextmanager
async def asking(
    *fakes: FakeDirectory, contexts: Contexts | None = None, **keys: Any
) -> AsyncIterator[Asking]:
    """Serve; in the end every connection is gone. ``keys`` are those of `directory_at`."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(FakeServer(fake)) for fake in fakes]
        ports = [server.port for server in servers]
        directory = directory_at(ports, contexts, security=fakes[0].security, **keys)
        try:
            yield Asking(directory, servers, fakes)
        finally:
            directory.close()
        await settled(lambda: all(server.all_left() for server in servers))
