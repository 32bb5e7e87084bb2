"""The carrier and TLS: no password to a server that is not the one it should be."""

import ssl
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
from lab.asking import GOOD, GREETING, Channel, Contexts, remote, serving, verify
from lab.fake_server import Peer

from bridge_common.network.tls import tls_context
from sasl_bridge.dialogue.interface import Security
from sasl_bridge.verdict import Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE


@pytest.fixture(params=["ssl", "tls"])
def security(request: pytest.FixtureRequest) -> Security:
    """TLS from the start, and begun in the dialogue."""
    return cast("Security", request.param)


def with_certificate(channel: Channel, server: ssl.SSLContext) -> Channel:
    """Return the same with a server that has another certificate, or another TLS."""
    return replace(channel, contexts=replace(channel.contexts, server=server))


# Certificates

FLAWS = {
    "expired": "certificate has expired",
    "self-signed": "certificate is self-signed",
    "unknown authority": "certificate is not signed by a trusted authority",
    "other name": "certificate is not valid for mail.example.com",
}


@pytest.mark.parametrize(("flaw", "reason"), FLAWS.items(), ids=FLAWS)
async def test_a_bad_certificate_gets_no_password(channel: Channel, flaw: str, reason: str) -> None:
    flawed = with_certificate(channel, channel.contexts.bad[flaw])
    asked = await flawed.ask(flawed.good())
    assert (asked.answer.verdict, asked.reason) == (UNAVAILABLE, reason)
    channel.check_secrecy(asked, sent=False)
    assert asked.peer.heard == asked.peer.in_the_clear  # nothing was said in such TLS


@pytest.mark.parametrize("flaw", FLAWS)
async def test_unless_the_administrator_said_so(channel: Channel, flaw: str) -> None:
    contexts = replace(channel.contexts, client=tls_context(verify=False, ca_file=""))
    trusting = with_certificate(replace(channel, contexts=contexts), contexts.bad[flaw])
    asked = await trusting.ask(trusting.good())
    assert asked.answer.verdict is ACCEPTED
    channel.check_secrecy(asked, sent=True)


@pytest.mark.parametrize(
    ("flaw", "verdict", "reason"),
    [
        (None, ACCEPTED, "OK in"),
        (
            "unknown authority",
            UNAVAILABLE,
            "certificate is not signed by a trusted authority",
        ),
        ("other name", UNAVAILABLE, "certificate is not valid for mail.example.com"),
    ],
    ids=["good", "unknown-authority", "other-name"],
)
async def test_without_a_ca_file_the_systems_authorities_are_trusted(
    contexts: Contexts,
    monkeypatch: pytest.MonkeyPatch,
    flaw: str | None,
    verdict: Verdict,
    reason: str,
) -> None:
    """OpenSSL's own variable names the file that stands for the system's."""
    monkeypatch.setenv("SSL_CERT_FILE", str(contexts.ca_file))
    client = tls_context(verify=True, ca_file="")
    async with serving(GOOD, contexts.bad[flaw] if flaw else contexts.server) as server:
        answer = await verify(remote(server.port, client))
    assert (answer.verdict, answer.reason) == (verdict, reason)
    assert answer.password_sent == (verdict is ACCEPTED)
    assert (server.heard == b"") == (verdict is UNAVAILABLE)


async def test_the_host_is_the_name_in_the_certificate(contexts: Contexts) -> None:
    async with serving(GOOD, contexts.server) as server:
        answer = await verify(remote(server.port, contexts.client, tls_name=""))
    assert answer.verdict is ACCEPTED


# Handshakes


async def test_too_old_tls(channel: Channel) -> None:
    """1.1 at most, and the server says that it will not do."""
    outdated = with_certificate(channel, channel.contexts.server_1_1)
    asked = await outdated.ask(outdated.good())
    assert asked.answer.verdict is UNAVAILABLE
    assert asked.reason == "TLS with 127.0.0.1 port N failed: tlsv1 alert protocol version"
    channel.check_secrecy(asked, sent=False)


async def test_tls_1_2_will_do(channel: Channel) -> None:
    older = with_certificate(channel, channel.contexts.server_1_2)
    asked = await older.ask(older.good())
    assert asked.answer.verdict is ACCEPTED


async def test_tls_where_there_is_none(contexts: Contexts) -> None:
    async with serving(GOOD) as server:
        answer = await verify(remote(server.port, contexts.client))
    assert answer.verdict is UNAVAILABLE
    assert answer.reason in {
        f"127.0.0.1 port {server.port} does not speak TLS",
        f"127.0.0.1 port {server.port} spoke or hung up before TLS",
    }
    assert not answer.password_sent


async def test_a_hangup_in_the_handshake(contexts: Contexts) -> None:
    def half_a_hello(peer: Peer) -> None:
        peer.hear_bytes(1)
        peer.say(b"\x16\x03\x03\x00\x40")

    async with serving(half_a_hello) as server:
        answer = await verify(remote(server.port, contexts.client))
    expected = f"connection reset by 127.0.0.1 port {server.port}"
    assert (answer.verdict, answer.reason) == (UNAVAILABLE, expected)


async def test_too_old_tls_that_is_insisted_on(contexts: Contexts) -> None:
    """A server that answers our hello with TLS 1.1 all the same."""

    def server_hello_1_1(peer: Peer) -> None:
        peer.hear_bytes(5)
        hello = b"\x03\x02" + bytes(32) + b"\x00\xc0\x13\x00"
        handshake = b"\x02" + len(hello).to_bytes(3, "big") + hello
        peer.say(b"\x16\x03\x02" + len(handshake).to_bytes(2, "big") + handshake)
        peer.hear_the_end()

    async with serving(server_hello_1_1) as server:
        answer = await verify(remote(server.port, contexts.client))
    assert answer.verdict is UNAVAILABLE
    assert answer.reason == (f"TLS with 127.0.0.1 port {server.port} failed: unsupported protocol")


async def test_a_greeting_in_the_packet_that_ends_the_handshake(
    contexts: Contexts,
) -> None:
    """It is heard when the channel is ready, and answered on the encrypted channel."""
    context = contexts.server_1_2

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
        answer = await verify(remote(server.port, contexts.client))
    assert answer.verdict is ACCEPTED
    assert b" AUTHENTICATE PLAIN " in server.heard
