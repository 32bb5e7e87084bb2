"""Asking a fake IMAP server through the carrier, and seeing to it that nothing is left behind."""

import asyncio
import contextlib
import datetime as dt
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import trustme

from bridge_common.deadline import Deadline
from bridge_common.identity import Identity, LoginForm
from bridge_common.secret import Secret
from lab.fake_imap import FULL, Behaviour, FakeImap, mailboxes
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.addresses import Addresses
from sasl_bridge.passdb.remote import RemotePassdb, RemoteServer, imap_dialogues
from sasl_bridge.passdb.tls import tls_context
from sasl_bridge.verdict import Answer

ALICE = Identity("alice", "example.com", LoginForm.ADDRESS)
ASKING = Credentials(ALICE, Secret(b"secret"))
NAME = "mail.example.com"
"""The name in good certificates."""

GOOD = mailboxes({"alice@example.com": b"secret"})
GREETING = f"* OK [CAPABILITY {FULL}] ready\r\n".encode()
NO_IR_GREETING = b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"


@dataclass(frozen=True)
class Contexts:
    """A client that trusts one authority; servers with its certificate, and with bad ones.

    ``ca_file`` holds that authority.
    """

    ca_file: Path
    client: ssl.SSLContext
    server: ssl.SSLContext
    server_1_2: ssl.SSLContext
    bad: dict[str, ssl.SSLContext]


@dataclass(frozen=True)
class Sides:
    """TLS on both sides, or on neither."""

    server: ssl.SSLContext | None
    client: ssl.SSLContext | None


def make_contexts(folder: Path) -> Contexts:
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    itself = folder / "self.pem"
    stranger.private_key_pem.write_to_path(str(itself))
    stranger.cert_pem.write_to_path(str(itself), append=True)
    self_signed = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    self_signed.load_cert_chain(itself)
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    good = authority.issue_cert(NAME, "127.0.0.1")
    older = _server_context(good)
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    ca_file = folder / "ca.pem"
    return Contexts(
        ca_file=ca_file,
        client=tls_context(verify=True, ca_file=str(ca_file)),
        server=_server_context(good),
        server_1_2=older,
        bad={
            "expired": _server_context(authority.issue_cert(NAME, not_after=yesterday)),
            "self-signed": self_signed,
            "unknown authority": _server_context(stranger.issue_cert(NAME)),
            "other name": _server_context(authority.issue_cert("other.example.com")),
        },
    )


def _server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # an end without notice is to be noticed
    certificate.configure_cert(context)
    return context


def remote(
    port: int,
    tls: ssl.SSLContext | None = None,
    *,
    host: str = "127.0.0.1",
    tls_name: str = NAME,
    login_format: str = "{login}",
    addresses: Addresses | None = None,
) -> RemotePassdb:
    server = RemoteServer("imap", host, port, login_format, tls_name)
    return RemotePassdb(server, imap_dialogues(encrypted=tls is not None), tls, addresses)


async def verify(passdb: RemotePassdb, seconds: float = 1.0, password: bytes = b"secret") -> Answer:
    """Ask; the answer is there in time, and no task is left."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer = await passdb.verify(Credentials(ALICE, Secret(password)), Deadline.after(seconds))
    assert loop.time() - began < seconds + 0.5
    assert len(asyncio.all_tasks()) == 1
    return answer


def open_sockets() -> int:
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the folder's own descriptor is gone again
            count += str(descriptor.readlink()).startswith("socket:")
    return count


async def settled(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Let the loop run until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def serving(behave: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeImap]:
    """Serve; in the end every connection is closed, on both sides."""
    with FakeImap(behave, tls) as server:
        sockets = open_sockets()
        yield server
        await asyncio.to_thread(server.wait_until_left)
        await settled(lambda: open_sockets() == sockets)
