"""The carrier against a server on a real socket: what it makes of it, and that nothing is left."""

import asyncio
import contextlib
import datetime
import os
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme

from bridge_common.deadline import Deadline
from bridge_common.identity import Identity, LoginForm
from bridge_common.secret import Secret
from lab.fake_imap import (
    FULL,
    Behaviour,
    FakeImap,
    Peer,
    drip,
    hang,
    hear,
    mailboxes,
    reset,
    script,
)
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.addresses import Addresses
from sasl_bridge.passdb.remote import RemotePassdb, RemoteServer, expand_login, imap_dialogues
from sasl_bridge.passdb.tls import tls_context
from sasl_bridge.verdict import Answer, Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE
ALICE = Identity("alice", "example.com", LoginForm.ADDRESS)
GOOD = mailboxes({"alice@example.com": b"secret"})
GREETING = f"* OK [CAPABILITY {FULL}] ready\r\n".encode()
NO_IR_GREETING = b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"
NAME = "mail.example.com"


@dataclass(frozen=True)
class Certificates:
    """A trusted authority, and servers' contexts with certificates good and bad."""

    client: ssl.SSLContext
    server: ssl.SSLContext
    server_1_2: ssl.SSLContext
    bad: dict[str, ssl.SSLContext]


def server_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder: Path = tmp_path_factory.mktemp("certificates")
    authority, stranger = trustme.CA(), trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    itself = folder / "self.pem"
    (stranger.private_key_pem).write_to_path(str(itself))
    stranger.cert_pem.write_to_path(str(itself), append=True)
    self_signed = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    self_signed.load_cert_chain(itself)
    yesterday = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    good = authority.issue_cert(NAME, "127.0.0.1")
    older = server_context(good)
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    return Certificates(
        client=tls_context(verify=True, ca_file=str(folder / "ca.pem")),
        server=server_context(good),
        server_1_2=older,
        bad={
            "expired": server_context(authority.issue_cert(NAME, not_after=yesterday)),
            "self-signed": self_signed,
            "unknown authority": server_context(stranger.issue_cert(NAME)),
            "other name": server_context(authority.issue_cert("other.example.com")),
        },
    )


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
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the folder's own descriptor is gone again
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
    return count


async def settled(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Let the loop run until the condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def serving(behave: Behaviour, tls: ssl.SSLContext | None = None) -> Any:
    """Serve; in the end every connection is closed, on both sides."""
    with FakeImap(behave, tls) as server:
        sockets = open_sockets()
        yield server
        await asyncio.to_thread(server.wait_until_left)
        await settled(lambda: open_sockets() == sockets)


# A server that does what it should


@pytest.mark.parametrize("announce", [True, False], ids=["in-greeting", "on-request"])
@pytest.mark.parametrize(
    "capabilities", [FULL, "IMAP4rev1 AUTH=PLAIN", "IMAP4rev1", "IMAP4rev1 LITERAL+"]
)
@pytest.mark.parametrize("password", [b"secret", 'p "ä\\{5+} '.encode()], ids=["plain", "strange"])
async def test_right_and_wrong_passwords(
    certificates: Certificates, capabilities: str, password: bytes, announce: bool
) -> None:
    behave = mailboxes({"alice@example.com": password}, capabilities, announce=announce)
    async with serving(behave, certificates.server) as server:
        passdb = remote(server.port, certificates.client)
        right = await verify(passdb, password=password)
        wrong = await verify(passdb, password=password + b"x")
    assert (right.verdict, right.reason) == (ACCEPTED, "OK in")
    assert right.identity == "alice@example.com"
    assert right.source == "imap"
    assert right.password_sent
    assert [(s.server, s.verdict, s.detail) for s in right.steps] == [("imap", ACCEPTED, "OK in")]
    assert 0 < right.steps[0].seconds < 1
    assert (wrong.verdict, wrong.reason) == (REJECTED, "NO [AUTHENTICATIONFAILED] out")
    assert wrong.password_sent
    assert all(peer.heard.endswith(b" LOGOUT\r\n") for peer in server.peers)


async def test_without_encryption() -> None:
    async with serving(GOOD) as server:
        answer = await verify(remote(server.port))
    assert answer.verdict is ACCEPTED
    assert server.heard.endswith(b" LOGOUT\r\n")


async def test_tags_cannot_be_foreseen() -> None:
    async with serving(GOOD) as server:
        await verify(remote(server.port))
        await verify(remote(server.port))
    first, second = (peer.heard.partition(b" ")[0] for peer in server.peers)
    assert first != second
    assert len(first) == len("0123abcd1")


@pytest.mark.parametrize(
    ("login_format", "login"),
    [
        ("{login}", "alice@example.com"),
        ("{local}", "alice"),
        ("{domain}/{local}", "example.com/alice"),
        ("{{local}}{other}", "{alice}{other}"),
    ],
)
async def test_the_login_as_the_server_knows_it(login_format: str, login: str) -> None:
    async with serving(mailboxes({login: b"secret"})) as server:
        answer = await verify(remote(server.port, login_format=login_format))
    assert answer.verdict is ACCEPTED
    assert answer.identity == "alice@example.com"


def test_what_a_login_holds_is_not_expanded_again() -> None:
    strange = Identity("{domain}", "example.com", LoginForm.ADDRESS)
    assert expand_login("{local}+{login}", strange) == "{domain}+{domain}@example.com"


async def test_many_at_once(certificates: Certificates) -> None:
    async with serving(GOOD, certificates.server) as server:
        passdb = remote(server.port, certificates.client)
        asking = Credentials(ALICE, Secret(b"secret"))
        answers = await asyncio.gather(
            *(passdb.verify(asking, Deadline.after(8.0)) for _ in range(30))
        )
    assert {answer.verdict for answer in answers} == {ACCEPTED}
    assert len(server.peers) == 30


# Silence


@pytest.mark.parametrize(
    ("behave", "reason", "sent"),
    [
        (script(hang), "no greeting within 0.2 s", False),
        (script(b"* OK ready\r\n", hear, hang), "no answer to CAPABILITY within 0.2 s", False),
        (script(NO_IR_GREETING, hear, hang), "no leave to send the password within 0.2 s", False),
        (
            script(NO_IR_GREETING, hear, b"+ \r\n", hear, hang),
            "no answer to the login within 0.2 s",
            True,
        ),
        (script(GREETING, hear, hang), "no answer to the login within 0.2 s", True),
        (
            script(drip((GREETING[at : at + 1] for at in range(99)), 0.02), hang),
            "no greeting within 0.2 s",
            False,
        ),
    ],
    ids=["greeting", "capability", "leave", "answer", "answer-at-once", "drip"],
)
@pytest.mark.parametrize("encrypted", [True, False], ids=["tls", "plain"])
async def test_silence(
    certificates: Certificates, behave: Behaviour, reason: str, sent: bool, encrypted: bool
) -> None:
    tls = certificates if encrypted else None
    async with serving(behave, tls and tls.server) as server:
        answer = await verify(remote(server.port, tls and tls.client), seconds=0.2)
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, reason)
    assert answer.password_sent == sent
    assert answer.steps[0].seconds >= 0.19


async def test_silence_in_the_handshake(certificates: Certificates) -> None:
    async with serving(script(hang)) as server:
        answer = await verify(remote(server.port, certificates.client), seconds=0.2)
    expected = f"no TLS handshake with 127.0.0.1 port {server.port} within 0.2 s"
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, expected)
    assert not answer.password_sent


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port that lets no further connection be made: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)  # noqa: FBT003 - the name says it
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_silence_of_the_network(full_port: int) -> None:
    sockets = open_sockets()
    answer = await verify(remote(full_port), seconds=0.2)
    expected = f"no connection to 127.0.0.1 port {full_port} within 0.2 s"
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, expected)
    await settled(lambda: open_sockets() == sockets)


async def test_silence_of_the_resolver() -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def lookup(*_: object, **__: object) -> list[Any]:
        asyncio.run_coroutine_threadsafe(ended.wait(), loop).result()
        return []

    passdb = remote(1, host=NAME, addresses=Addresses(NAME, lookup=lookup))
    answer = await passdb.verify(Credentials(ALICE, Secret(b"secret")), Deadline.after(0.2))
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, f"no address for {NAME} within 0.2 s")
    ended.set()


async def test_no_time_at_all() -> None:
    async with serving(GOOD) as server:
        answer = await verify(remote(server.port), seconds=0.0)
    assert answer.verdict is UNAVAILABLE
    assert not server.heard


# Nonsense


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (script(b"* PREAUTH welcome\r\n", hang), "the server greets with PREAUTH welcome"),
        (script(b"* BYE too busy\r\n"), "the server greets with BYE too busy"),
        (
            script(GREETING + b"a1 OK in\r\n", hang),
            "the server answered before it was asked",
        ),
        (
            script(GREETING, hear, b"a1 OK in\r\n", hang),
            "the server sent something else than an answer to the login",
        ),
        (
            script(GREETING, hear, b"{tag} BAD what is AGFsaWNlQGV4YW1wbGUuY29tAHNlY3JldA==\r\n"),
            "the server answers the login with (text withheld, it repeats the password)",
        ),
        (
            script(GREETING, hear, b"{tag} OK", hang_up := (lambda _peer: None)),
            "connection closed, no answer to the login came",
        ),
        (script(GREETING, hear, hang_up), "connection closed, no answer to the login came"),
        (script(hang_up), "connection closed, no greeting came"),
        (
            script(b"\x16\x03\x01\x02\x00\x01\x00\xff\r\n" * 5, hang),
            "the server sent a malformed line",
        ),
        (
            script(b"x" * 10_485_760, hang),
            "the server sent a line of more than 8192 bytes",
        ),
        (
            script(GREETING, hear, b"* OK wait\r\n" * 1_000_000, hang),
            "the server sent more than 65536 bytes",
        ),
    ],
    ids=[
        *("preauth", "bye", "early-ok", "wrong-tag", "echo", "cut", "hangup", "hangup-at-once"),
        *("garbage", "endless-line", "endless-lines"),
    ],
)
@pytest.mark.parametrize("encrypted", [True, False], ids=["tls", "plain"])
async def test_nonsense(
    certificates: Certificates, behave: Behaviour, reason: str, encrypted: bool
) -> None:
    tls = certificates if encrypted else None
    async with serving(behave, tls and tls.server) as server:
        answer = await verify(remote(server.port, tls and tls.client))
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, reason)


@pytest.mark.parametrize("encrypted", [True, False], ids=["tls", "plain"])
async def test_a_reset(certificates: Certificates, encrypted: bool) -> None:
    tls = certificates if encrypted else None
    async with serving(script(GREETING, hear, reset), tls and tls.server) as server:
        answer = await verify(remote(server.port, tls and tls.client))
    assert answer.verdict is UNAVAILABLE
    assert answer.reason == (
        f"connection reset by 127.0.0.1 port {server.port}, no answer to the login came"
    )
    assert answer.password_sent


# TLS


@pytest.mark.parametrize(
    ("flaw", "reason"),
    [
        ("expired", "certificate has expired"),
        ("self-signed", "certificate is self-signed"),
        ("unknown authority", "certificate is not signed by a trusted authority"),
        ("other name", "certificate is not valid for mail.example.com"),
    ],
)
async def test_a_bad_certificate_gets_no_password(
    certificates: Certificates, flaw: str, reason: str
) -> None:
    async with serving(GOOD, certificates.bad[flaw]) as server:
        answer = await verify(remote(server.port, certificates.client))
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, reason)
    assert not answer.password_sent
    assert server.heard == b""


@pytest.mark.parametrize("flaw", ["expired", "self-signed", "unknown authority", "other name"])
async def test_unless_the_administrator_said_so(certificates: Certificates, flaw: str) -> None:
    async with serving(GOOD, certificates.bad[flaw]) as server:
        trusting = tls_context(verify=False, ca_file="")
        answer = await verify(remote(server.port, trusting))
    assert answer.verdict is ACCEPTED


async def test_the_host_is_the_name_in_the_certificate(certificates: Certificates) -> None:
    async with serving(GOOD, certificates.server) as server:
        answer = await verify(remote(server.port, certificates.client, tls_name=""))
    assert answer.verdict is ACCEPTED


async def test_tls_where_there_is_none(certificates: Certificates) -> None:
    async with serving(GOOD) as server:
        answer = await verify(remote(server.port, certificates.client))
    assert answer.verdict is UNAVAILABLE
    assert answer.reason in {
        f"127.0.0.1 port {server.port} does not speak TLS",
        f"127.0.0.1 port {server.port} spoke or hung up before TLS",
    }
    assert not answer.password_sent


async def test_a_hangup_in_the_handshake(certificates: Certificates) -> None:
    def half_a_hello(peer: Peer) -> None:
        peer.hear_bytes(1)
        peer.say(b"\x16\x03\x03\x00\x40")

    async with serving(half_a_hello) as server:
        answer = await verify(remote(server.port, certificates.client))
    expected = f"connection reset by 127.0.0.1 port {server.port}"
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, expected)


async def test_too_old_tls_is_refused(certificates: Certificates) -> None:
    """A server that answers our hello with TLS 1.1 only."""

    def server_hello_1_1(peer: Peer) -> None:
        peer.hear_bytes(5)
        hello = b"\x03\x02" + bytes(32) + b"\x00\xc0\x13\x00"
        handshake = b"\x02" + len(hello).to_bytes(3, "big") + hello
        peer.say(b"\x16\x03\x02" + len(handshake).to_bytes(2, "big") + handshake)
        peer.hear_the_end()

    async with serving(server_hello_1_1) as server:
        answer = await verify(remote(server.port, certificates.client))
    assert answer.verdict is UNAVAILABLE
    assert answer.reason == (f"TLS with 127.0.0.1 port {server.port} failed: unsupported protocol")


async def test_a_greeting_in_the_packet_that_ends_the_handshake(
    certificates: Certificates,
) -> None:
    """It is heard when the channel is ready, and answered on the encrypted channel."""
    context = certificates.server_1_2

    def behave(peer: Peer) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        secure = context.wrap_bio(incoming, outgoing, server_side=True)

        def until_done(action: Callable[[], Any]) -> Any:
            while True:
                try:
                    return action()
                except ssl.SSLWantReadError:
                    peer.say(outgoing.read())
                    incoming.write(peer.connection.recv(65536))

        until_done(secure.do_handshake)
        secure.write(GREETING)
        peer.say(outgoing.read())
        peer.heard = until_done(lambda: secure.read(4096))
        secure.write(peer.heard.partition(b" ")[0] + b" OK in\r\n")
        peer.say(outgoing.read())
        peer.connection.recv(65536)

    async with serving(behave) as server:
        answer = await verify(remote(server.port, certificates.client))
    assert answer.verdict is ACCEPTED
    assert b" AUTHENTICATE PLAIN " in server.heard


# Addresses


def two_addresses(_host: str, _port: None, **_: object) -> list[Any]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{n}", 0)) for n in (2, 1)]


async def test_a_refused_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    sockets = open_sockets()
    answer = await verify(remote(port))
    expected = f"connection refused by 127.0.0.1 port {port}"
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, expected)
    assert open_sockets() == sockets


async def test_every_address_is_tried_and_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = await verify(remote(port, host=NAME, addresses=Addresses(NAME, lookup=two_addresses)))
    assert answer.verdict is UNAVAILABLE
    assert answer.reason == (
        f"connection refused by 127.0.0.2 port {port}; connection refused by 127.0.0.1 port {port}"
    )


async def test_the_next_address_is_tried_and_the_good_one_remembered() -> None:
    async with serving(GOOD) as server:
        addresses = Addresses(NAME, lookup=two_addresses)
        passdb = remote(server.port, host=NAME, addresses=addresses)
        answer = await verify(passdb)
        assert answer.verdict is ACCEPTED
        assert await addresses.find() == ("127.0.0.1", "127.0.0.2")


async def test_an_address_that_hangs_takes_no_more_than_its_share(
    certificates: Certificates,
) -> None:
    async with serving(GOOD, certificates.server) as server:
        with FakeImap(script(hang), address="127.0.0.2", port=server.port) as hung:
            addresses = Addresses(NAME, lookup=two_addresses)
            passdb = remote(server.port, certificates.client, host=NAME, addresses=addresses)
            answer = await verify(passdb, seconds=1.0)
            await asyncio.to_thread(hung.wait_until_left)
    assert answer.verdict is ACCEPTED
    assert 0.4 < answer.steps[0].seconds < 0.95
    assert len(hung.peers) == 1


# Cancelled


@pytest.mark.parametrize(
    "behave",
    [script(hang), script(GREETING, hear, hang), script(NO_IR_GREETING, hear, hang)],
    ids=["greeting", "answer", "leave"],
)
@pytest.mark.parametrize("client", ["plain", "tls", "handshake"])
async def test_a_cancelled_login_leaves_nothing(
    certificates: Certificates, behave: Behaviour, client: str
) -> None:
    async with serving(behave, certificates.server if client == "tls" else None) as server:
        passdb = remote(server.port, None if client == "plain" else certificates.client)
        asking = passdb.verify(Credentials(ALICE, Secret(b"secret")), Deadline.after(5.0))
        task = asyncio.create_task(asking)
        await settled(lambda: bool(server.peers))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_cancelling_at_any_moment_leaves_nothing(certificates: Certificates) -> None:
    """After each turn of the loop, from the first one to the answer."""
    async with serving(GOOD, certificates.server) as server:
        passdb = remote(server.port, certificates.client)
        for turns in range(40):
            asking = passdb.verify(Credentials(ALICE, Secret(b"secret")), Deadline.after(5.0))
            task = asyncio.create_task(asking)
            for _ in range(turns):
                await asyncio.sleep(0.0005 if turns % 2 else 0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                assert (await task).verdict is ACCEPTED


# Leave


@pytest.mark.parametrize("encrypted", [True, False], ids=["tls", "plain"])
async def test_a_server_that_does_not_let_go_is_cut_off(
    certificates: Certificates, encrypted: bool
) -> None:
    """Nobody waits for its answer to LOGOUT, and the connection ends within a second or so."""
    tls = certificates if encrypted else None

    def behave(peer: Peer) -> None:
        script(GREETING, hear, b"{tag} OK in\r\n")(peer)
        held.wait(10)

    held = threading.Event()
    with FakeImap(behave, tls and tls.server) as server:
        sockets = open_sockets()
        began = asyncio.get_running_loop().time()
        answer = await verify(remote(server.port, tls and tls.client))
        assert answer.verdict is ACCEPTED
        assert asyncio.get_running_loop().time() - began < 0.9
        await settled(lambda: open_sockets() == sockets + 1, seconds=3)  # the server's own end
        held.set()
