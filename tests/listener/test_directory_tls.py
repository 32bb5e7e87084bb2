"""Directories and TLS: no password to one that is not what it should be; in the words of IMAP."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lab.asking import NAME, Contexts
from lab.asking_directory import ALICE, Asking, asking, profile
from lab.fake_ldap import DN, FakeDirectory, Security, bound, raw
from lab.fake_server import FakeServer, Peer, hang
from lab.leftovers import settled

from bridge_common.deadline import Deadline
from bridge_common.directory.build import build_directory
from bridge_common.directory.results import Bound, Entry, Fault, Result, Trouble
from bridge_common.network.tls import tls_context
from bridge_common.secret import Secret

HOST = Fault.HOST
BOUND = Bound(Entry(DN.decode(), {}))

FLAWS = {
    "expired": "certificate has expired",
    "self-signed": "certificate is self-signed",
    "unknown authority": "certificate is not signed by a trusted authority",
    "other name": "certificate is not valid for mail.example.com",
}


@pytest.fixture(params=["ssl", "tls"])
def security(request: pytest.FixtureRequest) -> Security:
    """TLS from the start, and StartTLS."""
    kinds: dict[str, Security] = {"ssl": "ssl", "tls": "tls"}
    return kinds[request.param]


def nothing_was_said_in_tls(ask: Asking) -> bool:
    return ask.server.heard == ask.server.in_the_clear


async def test_all_is_said_in_tls(security: Security, contexts: Contexts) -> None:
    async with asking(FakeDirectory(security, contexts.server), contexts=contexts) as ask:
        assert await ask.ask() == BOUND
        assert await ask.ask() == BOUND
        begun = ["start_tls"] if security == "tls" else []
        first = [*begun, "service", "search", *begun, "login"]
        assert ask.asked() == [[*first, "search", "login"]]
        assert b"gatekeeper" not in ask.server.in_the_clear
        assert b"secret" not in ask.server.in_the_clear
        assert b"alice" not in ask.server.in_the_clear


# Certificates


@pytest.mark.parametrize(("flaw", "reason"), FLAWS.items(), ids=FLAWS)
async def test_a_bad_certificate_gets_no_password(
    security: Security, contexts: Contexts, flaw: str, reason: str
) -> None:
    async with asking(FakeDirectory(security, contexts.bad[flaw]), contexts=contexts) as ask:
        assert await ask.trouble() == (reason, HOST, False)
        assert nothing_was_said_in_tls(ask)


@pytest.mark.parametrize("flaw", FLAWS)
async def test_unless_the_administrator_said_so(
    security: Security, contexts: Contexts, flaw: str
) -> None:
    trusting = replace(contexts, client=tls_context(verify=False, ca_file=""))
    async with asking(FakeDirectory(security, contexts.bad[flaw]), contexts=trusting) as ask:
        assert await ask.ask() == BOUND


async def test_tls_name_is_the_name_in_the_certificate(
    security: Security, contexts: Contexts
) -> None:
    fake = FakeDirectory(security, contexts.bad["other name"])
    async with asking(fake, contexts=contexts, tls_name="other.example.com") as ask:
        assert await ask.ask() == BOUND


# Handshakes


async def test_too_old_tls(security: Security, contexts: Contexts) -> None:
    """1.1 at most, and the server says that it will not do."""
    async with asking(FakeDirectory(security, contexts.server_1_1), contexts=contexts) as ask:
        expected = "TLS with 127.0.0.1 port N failed: tlsv1 alert protocol version"
        assert await ask.trouble() == (expected, HOST, False)
        assert nothing_was_said_in_tls(ask)


async def test_tls_1_2_will_do(security: Security, contexts: Contexts) -> None:
    async with asking(FakeDirectory(security, contexts.server_1_2), contexts=contexts) as ask:
        assert await ask.ask() == BOUND


async def test_too_old_tls_that_is_insisted_on(security: Security, contexts: Contexts) -> None:
    """A server that answers our hello with TLS 1.1 all the same."""

    def server_hello_1_1(peer: Peer) -> None:
        peer.hear_bytes(5)
        hello = b"\x03\x02" + bytes(32) + b"\x00\xc0\x13\x00"
        handshake = b"\x02" + len(hello).to_bytes(3, "big") + hello
        peer.say(b"\x16\x03\x02" + len(handshake).to_bytes(2, "big") + handshake)
        peer.hear_the_end()

    fake = FakeDirectory(security, handshake=(server_hello_1_1,))
    async with asking(fake, contexts=contexts) as ask:
        expected = "TLS with 127.0.0.1 port N failed: unsupported protocol"
        assert await ask.trouble() == (expected, HOST, False)


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"220 hello\r\n", bound()])
async def test_tls_where_there_is_none(security: Security, contexts: Contexts, said: bytes) -> None:
    """A server that takes our hello for nonsense, and says so in its own way."""

    def nonsense(peer: Peer) -> None:
        peer.hear_bytes(5)

    fake = FakeDirectory(security, handshake=(nonsense, raw(said), hang))
    async with asking(fake, contexts=contexts) as ask:
        expected = "127.0.0.1 port N does not speak TLS"
        assert await ask.trouble() == (expected, HOST, False)


async def test_a_hangup_in_the_handshake(security: Security, contexts: Contexts) -> None:
    def half_a_hello(peer: Peer) -> None:
        peer.hear_bytes(1)
        peer.say(b"\x16\x03\x03\x00\x40")
        peer.reset()

    fake = FakeDirectory(security, handshake=(half_a_hello,))
    async with asking(fake, contexts=contexts) as ask:
        expected = "connection reset by 127.0.0.1 port N"
        assert await ask.trouble() == (expected, HOST, False)


async def test_tls_ends_in_the_middle_of_a_record(security: Security, contexts: Contexts) -> None:
    """What was cut off is no answer."""

    def cut(peer: Peer) -> None:
        assert isinstance(peer.connection, ssl.SSLSocket)
        with socket.socket(fileno=peer.connection.detach()) as plain:
            plain.sendall(b"\x17\x03\x03\x00\x40" + bytes(10))

    async with asking(
        FakeDirectory(security, contexts.server, login=(cut,)), contexts=contexts
    ) as ask:
        detail, fault, sent = await ask.trouble()
        assert detail in {
            "connection reset by 127.0.0.1 port N",
            "connection closed by 127.0.0.1 port N",
        }
        assert (fault, sent) == (HOST, True)


# As the settings have it


@contextmanager
def built(fake: FakeDirectory, **keys: Any) -> Iterator[tuple[FakeServer, Any]]:
    with FakeServer(fake) as server:
        directory = build_directory(profile(port=server.port, security=fake.security, **keys))
        try:
            yield server, directory
        finally:
            directory.close()


async def once(fake: FakeDirectory, **keys: Any) -> Result:
    """Ask a directory that was built of such settings."""
    with built(fake, **keys) as (server, directory):
        deadline = Deadline.after(5.0)
        result: Result = await directory.authenticate(ALICE, Secret(b"secret"), deadline)
        directory.close()
        await settled(server.all_left)
    return result


async def test_settings_of_tls(security: Security, contexts: Contexts) -> None:
    """The host is the name in the certificate, if there is no tls_name."""
    ca_file = str(contexts.ca_file)
    good = FakeDirectory(security, contexts.server)
    other = FakeDirectory(security, contexts.bad["other name"])
    assert await once(good, ca_file=ca_file) == BOUND
    assert await once(good, ca_file=ca_file, tls_name=NAME) == BOUND
    assert await once(other, ca_file=ca_file, tls_name="other.example.com") == BOUND
    assert await once(other, ca_file=ca_file, verify=False) == BOUND
    wrong = "certificate is not valid for 127.0.0.1"
    assert await once(other, ca_file=ca_file) == Trouble(wrong, HOST)


async def test_without_a_ca_file_the_systems_authorities_are_trusted(
    contexts: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL's own variable names the file that stands for the system's."""
    good = FakeDirectory("ssl", contexts.server)
    unknown = "certificate is not signed by a trusted authority"
    assert await once(good) == Trouble(unknown, HOST)
    monkeypatch.setenv("SSL_CERT_FILE", str(contexts.ca_file))
    assert await once(good) == BOUND


async def test_settings_without_tls() -> None:
    """Each host is asked in its turn, by its own name; our own account is the same everywhere."""
    with built(FakeDirectory(), hosts=("127.0.0.2", "127.0.0.1")) as (server, directory):
        deadline = Deadline.after(5.0)
        assert await directory.authenticate(ALICE, Secret(b"secret"), deadline) == BOUND
        first, second = directory.hosts
        assert (first.place.host, second.place.host) == ("127.0.0.2", "127.0.0.1")
        assert first.account is second.account
        directory.close()
        await settled(server.all_left)


def test_a_ca_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate\n")
    with pytest.raises(ssl.SSLError):
        build_directory(profile(security="ssl", ca_file=str(tmp_path / "ca.pem")))
    with pytest.raises(FileNotFoundError):
        build_directory(profile(security="tls", ca_file=str(tmp_path / "none.pem")))
