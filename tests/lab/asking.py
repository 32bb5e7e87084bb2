"""Asking a fake server through the carrier, and seeing to it that nothing is left behind."""

import asyncio
import contextlib
import datetime as dt
import re
import ssl
import warnings
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import trustme

from bridge_common.deadline import Deadline
from bridge_common.identity import Identity, LoginForm
from bridge_common.network.addresses import Addresses
from bridge_common.network.tls import Tls, tls_context
from bridge_common.secret import Secret
from lab.fake_imap import FULL, mailboxes
from lab.fake_pop3 import maildrops
from lab.fake_server import Behaviour, FakeServer, Peer, Step
from lab.leftovers import bounded_memory, settled
from lab.stages import Protocol, Stage, failing_at, stages
from sasl_bridge.credentials import Credentials
from sasl_bridge.dialogue.interface import DialogueRules, Security
from sasl_bridge.passdb.remote import RemotePassdb, RemoteServer, dialogues
from sasl_bridge.verdict import Answer

ALICE = Identity("alice", "example.com", LoginForm.ADDRESS)
ASKING = Credentials(ALICE, Secret(b"secret"))
ASKING_FROM_AFAR = Credentials(ALICE, Secret(b"secret"), "192.0.2.7")
NAME = "mail.example.com"
"""The name in good certificates."""

GOOD = mailboxes({"alice@example.com": b"secret"})
GOOD_POP3 = maildrops({"alice@example.com": b"secret"})
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
    server_1_1: ssl.SSLContext
    bad: dict[str, ssl.SSLContext]


@dataclass(frozen=True)
class Sides:
    """TLS from the start on both sides, or on neither."""

    server: ssl.SSLContext | None
    client: ssl.SSLContext | None


@dataclass(frozen=True)
class Asked:
    """A server that was asked, and what came of it."""

    answer: Answer
    server: FakeServer

    @property
    def peer(self) -> Peer:
        """The only connection that there was."""
        (peer,) = self.server.peers
        return peer

    @property
    def reason(self) -> str:
        """Why, with N for the port, and for the seconds that nothing came."""
        return timeless(self.answer.reason).replace(f"port {self.server.port}", "port N")


def timeless(reason: str) -> str:
    """Put N for the seconds of a silence: on a busy machine a login may begin late."""
    return re.sub(r"within \d+\.\d s", "within N s", reason)


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
        server_1_1=_outdated_context(good),
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


def _outdated_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return a server's that knows nothing later than TLS 1.1."""
    context = _server_context(certificate)
    context.set_ciphers("ALL:@SECLEVEL=0")  # OpenSSL 3 offers TLS 1.1 no longer above level 0
    with warnings.catch_warnings():  # Python's own word that this is outdated
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def remote(
    port: int,
    tls: ssl.SSLContext | None = None,
    *,
    protocol: Protocol = "imap",
    security: Security | None = None,
    host: str = "127.0.0.1",
    tls_name: str = NAME,
    login_format: str = "{login}",
    addresses: Addresses | None = None,
    max_connections: int = 50,
    **rules: Any,
) -> RemotePassdb:
    """Return what asks the server there; ``rules`` are further ones of `DialogueRules`.

    ``security``: by default "ssl" where there is a context, else "plain".
    """
    server = RemoteServer(protocol, host, port, login_format, max_connections)
    security = security or ("ssl" if tls else "plain")
    encrypted = Tls(tls, tls_name or host, from_start=security == "ssl") if tls else None
    begin = dialogues(protocol, DialogueRules(security=security, **rules))
    return RemotePassdb(server, begin, encrypted, addresses)


async def verify(
    passdb: RemotePassdb, seconds: float = 1.0, password: bytes = b"secret", client: str = ""
) -> Answer:
    """Ask; the answer is there in time, took little memory, and leaves no task at that moment."""
    loop = asyncio.get_running_loop()
    tasks = asyncio.all_tasks()
    began = loop.time()
    with bounded_memory():
        answer = await passdb.verify(
            Credentials(ALICE, Secret(password), client), Deadline.after(seconds)
        )
    assert loop.time() - began < seconds + 0.5
    assert asyncio.all_tasks() <= tasks
    return answer


@contextlib.asynccontextmanager
async def serving(
    behave: Behaviour, tls: ssl.SSLContext | None = None, **where: Any
) -> AsyncIterator[FakeServer]:
    """Serve; in the end every client has left."""
    with FakeServer(behave, tls, **where) as server:
        yield server
        await settled(server.all_left)


@dataclass(frozen=True)
class Channel:
    """A protocol in one security, on both sides."""

    protocol: Protocol
    security: Security
    contexts: Contexts

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """How far a login can get."""
        return stages(self.protocol, self.security, self.contexts.server)

    def failing_at(self, stage: Stage, *instead: Step) -> Behaviour:
        """Return a server that is good up to this stage, and does something else there."""
        return failing_at(stage, self.stages, *instead)

    def good(self, *, password: bytes = b"secret", **keys: Any) -> Behaviour:
        """Return a server that knows alice; ``keys`` are those of `mailboxes` or `maildrops`."""
        behave = mailboxes if self.protocol == "imap" else maildrops
        tls = self.contexts.server if self.security == "tls" else None
        return behave({ALICE.address: password}, tls=tls, **keys)

    def serving(
        self, behave: Behaviour, **where: Any
    ) -> contextlib.AbstractAsyncContextManager[FakeServer]:
        """Serve; a ``behave`` of STARTTLS begins it itself."""
        return serving(behave, self.contexts.server if self.security == "ssl" else None, **where)

    def remote(self, port: int, **keys: Any) -> RemotePassdb:
        tls = None if self.security == "plain" else self.contexts.client
        return remote(port, tls, protocol=self.protocol, security=self.security, **keys)

    async def ask(self, behave: Behaviour, seconds: float = 5.0) -> Asked:
        """Have one such server asked about alice, whose address it is told."""
        async with self.serving(behave) as server:
            passdb = self.remote(server.port, forward_client=True)
            answer = await verify(passdb, seconds, client="192.0.2.7")
        return Asked(answer, server)

    def took_leave(self, peer: Peer) -> bool:
        """Say whether the last thing that was heard is a farewell, encrypted as all the rest."""
        farewell = b" LOGOUT\r\n" if self.protocol == "imap" else b"QUIT\r\n"
        return peer.heard.endswith(farewell)

    def check_secrecy(self, asked: Asked, *, sent: bool) -> None:
        """See to it that the password was sent or not, and without TLS only if that is agreed."""
        assert asked.answer.password_sent == sent
        assert told_the_password(asked.server.heard) == sent
        if self.security != "plain":
            assert not told_the_password(asked.server.in_the_clear)


def told_the_password(heard: bytes) -> bool:
    """Say whether the password is there: as it is, or in PLAIN's base64."""
    return b"secret" in heard or b"AGFsaWNlQGV4YW1wbGUuY29tAHNlY3JldA==" in heard
