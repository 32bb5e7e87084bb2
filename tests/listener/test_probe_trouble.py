"""The daemon's probe of servers that cannot be used: both clients say why, and survive it."""

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from lab.asking import Channel, Contexts, serving, timeless, told_the_password
from lab.fake_imap import mailboxes
from lab.fake_server import Behaviour, Peer, Step, hang, hear, hear_hello, script
from lab.probing import ALICE, probe, server_of

from bridge_common.settings.server import Server

pytestmark = pytest.mark.expect_warnings("mechanism=probe verdict=unavailable")


def plain(contexts: Contexts) -> Channel:
    return Channel("imap", "plain", contexts)


# Certificates that do not pass

FLAWS = {
    "expired": ("certificate has expired", "The certificate expired on "),
    "self-signed": ("certificate is self-signed", "No authority that is trusted here signed "),
    "unknown authority": (
        "certificate is not signed by a trusted authority",
        "The certificate was issued by ",
    ),
    "other name": (
        "certificate is not valid for mail.example.com",
        "The certificate is for other.example.com, not for mail.example.com: ",
    ),
}


@pytest.mark.parametrize("security", ["ssl", "tls"])
@pytest.mark.parametrize("flaw", FLAWS)
async def test_a_bad_certificate_is_shown_and_gets_no_login(channel: Channel, flaw: str) -> None:
    bad = replace(channel, contexts=replace(channel.contexts, server=channel.contexts.bad[flaw]))
    async with bad.serving(bad.good()) as server:
        report = await probe(server_of(bad, server.port), **ALICE)
        assert not told_the_password(server.heard)
    trouble, sentence = FLAWS[flaw]
    assert report["state"] == "unavailable"
    assert report["first"]["detail"] == report["second"]["detail"] == trouble
    assert report["certificate"]["trouble"] == trouble
    assert report["certificate"]["fingerprint"]
    assert report["differences"] == []
    assert report["advice"][0].startswith(sentence)


async def test_without_the_check_a_login_is_tried_and_the_flaw_is_told(contexts: Contexts) -> None:
    bad = replace(contexts, server=contexts.bad["expired"])
    channel = Channel("imap", "ssl", bad)
    async with channel.serving(channel.good()) as server:
        report = await probe(server_of(channel, server.port, verify=False, ca_file=""), **ALICE)
    assert report["first"]["state"] == report["second"]["state"] == "accepted"
    assert report["certificate"]["trouble"] == "certificate is not signed by a trusted authority"
    assert any("`verify = false`" in sentence for sentence in report["advice"])


# Servers that cannot be used


async def test_a_dead_port(contexts: Contexts) -> None:
    async with serving(hang) as server:
        pass
    report = await probe(server_of(plain(contexts), server.port), **ALICE)
    trouble = f"connection refused by 127.0.0.1 port {server.port}"
    assert report["state"] == "unavailable"
    assert report["first"]["detail"] == report["second"]["detail"] == trouble
    assert report["first"]["tried"][0]["trouble"] == trouble
    assert report["advice"][0].startswith("Nothing takes connections at 127.0.0.1 port ")


async def test_a_name_that_leads_nowhere(contexts: Contexts) -> None:
    report = await probe(server_of(plain(contexts), 1, host="no-such-host.invalid"))
    assert report["first"]["addresses"] == ()
    assert report["first"]["detail"].startswith("no address for no-such-host.invalid: ")
    assert report["second"]["detail"] == report["first"]["detail"]


async def test_a_server_that_speaks_no_tls(contexts: Contexts) -> None:
    async with serving(plain(contexts).good()) as server:
        report = await probe(server_of(Channel("imap", "ssl", contexts), server.port))
    assert report["state"] == "unavailable"
    assert "does not begin with TLS" in report["advice"][0]
    assert report["second"]["detail"] == f"127.0.0.1 port {server.port} does not speak TLS"


async def test_a_server_without_starttls(contexts: Contexts) -> None:
    async with serving(plain(contexts).good()) as server:
        report = await probe(server_of(Channel("imap", "tls", contexts), server.port), **ALICE)
        assert not told_the_password(server.heard)
    assert report["first"]["detail"] == "the server does not offer STARTTLS"
    assert report["second"]["state"] == "unavailable"
    assert report["advice"][0].startswith("The server does not offer STARTTLS: ")


ENCRYPT = (
    'The server takes no password on an unencrypted connection: set `security = "ssl"` or "tls".'
)
NO_WAY: dict[str, list[Any]] = {
    "imap": ["IMAP4rev1 LOGINDISABLED"],
    "pop3": [("STLS",), ("SASL XOAUTH2",), ()],
}


async def test_a_server_that_lets_nobody_log_in(channel: Channel) -> None:
    """Seen without a login too, and by both."""
    for announced in NO_WAY[channel.protocol]:
        async with channel.serving(channel.good(capabilities=announced)) as server:
            looked = await probe(server_of(channel, server.port))
            tried = await probe(server_of(channel, server.port), **ALICE)
            assert not told_the_password(server.heard)
        sentence = (
            "The server takes no password on this connection: allow PLAIN there for "
            f"{channel.protocol.upper()}, at least from this machine."
        )
        if channel.security == "plain":
            sentence = ENCRYPT
        for report in (looked, tried):
            assert report["state"] == report["second"]["state"] == "unavailable"
            assert report["differences"] == []
            assert report["advice"] == [sentence]
        assert looked["first"]["detail"] == tried["first"]["detail"]


async def test_logindisabled_with_plain_in_the_clear(contexts: Contexts) -> None:
    """Neither client believes that PLAIN is meant for it there."""
    channel = plain(contexts)
    async with serving(channel.good(capabilities="IMAP4rev1 LOGINDISABLED AUTH=PLAIN")) as server:
        report = await probe(server_of(channel, server.port), **ALICE)
        assert not told_the_password(server.heard)
    assert report["differences"] == []
    assert report["advice"] == [ENCRYPT]


@pytest.mark.parametrize("security", ["plain", "ssl"])
@pytest.mark.parametrize(("asked", "there"), [("imap", "pop3"), ("pop3", "imap")])
async def test_another_mail_protocol(
    contexts: Contexts, security: Any, asked: Any, there: Any
) -> None:
    other = Channel(there, security, contexts)
    async with other.serving(other.good()) as server:
        report = await probe(server_of(Channel(asked, security, contexts), server.port), **ALICE)
        assert not told_the_password(server.heard)
    assert report["first"]["banner"].endswith("fake server ready")
    assert report["advice"][0].startswith(
        f"A server for {there.upper()} answers at 127.0.0.1 port {server.port}: "
    )
    assert report["differences"] == []


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize(
    "greeting", [b"220 mx.example.com ESMTP\r\n", b"220 mx ESMTP\r\n", b"220-mx\r\n220 mx\r\n"]
)
async def test_a_server_of_smtp(contexts: Contexts, protocol: Any, greeting: bytes) -> None:
    async with serving(script(greeting, hang)) as server:
        report = await probe(server_of(Channel(protocol, "plain", contexts), server.port), 1.0)
    assert report["advice"][0].startswith(
        f"What answers at 127.0.0.1 port {server.port} sounds like SMTP or FTP, not like "
    )


TURNED_AWAY = "The server is there but turns us away: "
BEGINNINGS = {
    "a greeting about addresses": ((b"* BYE no address for you\r\n",), TURNED_AWAY),
    "a greeting about certificates": ((b"* BYE certificate required\r\n",), TURNED_AWAY),
    "silence after it": ((b"* OK ready\r\n", hang), "The server greets and then falls silent: "),
    "BYE after it": ((b"* OK ready\r\n", hear, b"* BYE LOGINDISABLED\r\n"), TURNED_AWAY),
    "BAD to CAPABILITY": (
        (b"* OK ready\r\n", hear, b"{tag} BAD connection refused by you\r\n"),
        "The server does not say what it can do (CAPABILITY), ",
    ),
    "BAD to the login": (
        (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", hear, b"{tag} BAD what\r\n"),
        "The server answers the login with neither a yes nor a no, ",
    ),
    "a hang-up": ((), "The server hangs up: "),
}


@pytest.mark.parametrize(("steps", "sentence"), BEGINNINGS.values(), ids=BEGINNINGS)
async def test_a_server_that_goes_wrong(
    contexts: Contexts, steps: tuple[Step, ...], sentence: str
) -> None:
    async with serving(script(*steps)) as server:
        report = await probe(server_of(plain(contexts), server.port), 1.0, **ALICE)
    assert report["state"] == "unavailable"
    assert report["advice"][0].startswith(sentence)
    assert not [one for one in report["advice"] if "no second opinion" in one]


async def test_bytes_behind_starttls(contexts: Contexts) -> None:
    greeting = b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"
    injecting = script(greeting, hear, b"{tag} OK go\r\n* OK injected\r\n", hang)
    async with serving(injecting) as server:
        report = await probe(server_of(Channel("imap", "tls", contexts), server.port), 1.0, **ALICE)
    assert report["advice"][0].startswith(
        "The server gives its leave to begin TLS by STARTTLS and then goes on without it"
    )


async def test_a_silent_handshake_behind_starttls(contexts: Contexts) -> None:
    greeting = b"* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"
    async with serving(script(greeting, hear, b"{tag} OK go\r\n", hang)) as server:
        report = await probe(server_of(Channel("imap", "tls", contexts), server.port), 1.0, **ALICE)
    assert report["advice"][0].startswith(
        "The server gives its leave to begin TLS by STARTTLS and then does not answer in TLS: "
    )
    assert not [one for one in report["advice"] if "set `security" in one]


async def test_a_greeting_of_err_refuses_no_login(contexts: Contexts) -> None:
    async with serving(script(b"-ERR [SYS/TEMP] not now\r\n")) as server:
        report = await probe(server_of(Channel("pop3", "plain", contexts), server.port), **ALICE)
    assert report["second"]["detail"] == "-ERR [SYS/TEMP] not now"
    assert report["differences"] == []
    assert len(report["advice"]) == 1
    assert report["advice"][0].startswith(TURNED_AWAY)


@pytest.mark.parametrize("name", ["63.example.com", "2001:0db8:0::1"])
async def test_a_good_certificate_is_for_the_right_name(tmp_path: Path, name: str) -> None:
    """However many names it holds, and however an address is written."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    many = (f"{number}.example.com" for number in range(64))
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*many, "2001:db8::1").configure_cert(server_side)
    async with serving(mailboxes({}), server_side) as server:
        where = {"host": "127.0.0.1", "port": server.port, "ca_file": str(tmp_path / "ca.pem")}
        settings: dict[str, Any] = {**where, "tls_name": name, "forward_client": "none"}
        report = await probe(Server(name="first", **settings))
    assert report["state"] == "ready"
    assert report["certificate"]["trouble"] == ""
    assert report["certificate"]["covers"]
    assert report["certificate"]["number_of_names"] == 65
    assert not [one for one in report["advice"] if "certificate is for" in one]


async def test_a_silent_server_ends_both_in_time(contexts: Contexts) -> None:
    began = asyncio.get_running_loop().time()
    async with serving(hang) as server:
        report = await probe(server_of(plain(contexts), server.port), 1.0, **ALICE)
    assert asyncio.get_running_loop().time() - began < 10
    endpoint = f"127.0.0.1 port {server.port}"
    assert timeless(report["first"]["detail"]) == f"no greeting from {endpoint} within N s"
    assert timeless(report["second"]["detail"]) == "no greeting or capabilities within N s"
    assert report["advice"][0].startswith("The connection stands, but the server says nothing: ")


async def test_a_hello_of_tls_without_an_answer(contexts: Contexts) -> None:
    async with serving(script(hear_hello, hang)) as server:
        report = await probe(server_of(Channel("imap", "ssl", contexts), server.port), 1.0)
    assert timeless(report["second"]["detail"]) == "no TLS handshake within N s"
    assert report["advice"][0].startswith("Something listens at port ")


def flood(start: bytes, piece: bytes) -> Behaviour:
    def behave(peer: Peer) -> None:
        peer.say(start)
        while True:
            peer.say(piece)

    return behave


FLOODS = {
    "lines": flood(b"* OK ready\r\n", b"* 1 EXISTS\r\n" * 1000),
    "one line": flood(b"* OK ", b"x" * 65536),
    "literals": flood(b"* OK ready\r\n", b"* LIST () {60000}\r\n" + b"x" * 60000 + b"\r\n"),
    "a literal without an end": flood(b"* OK ready\r\n* X {999999999}\r\n", b"x" * 65536),
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_endless_data_hurts_nobody(contexts: Contexts, kind: str) -> None:
    async with serving(FLOODS[kind]) as server:
        report = await probe(server_of(plain(contexts), server.port), 1.0)
    assert report["first"]["state"] == report["second"]["state"] == "unavailable"
    assert report["second"]["detail"]
    assert report["advice"][0].startswith("The server sends far more than belongs to a login: ")


async def test_what_was_seen_before_the_silence_is_told(contexts: Contexts) -> None:
    """The second client gets an answer to everything but the login."""
    good = b"* OK ready\r\n", hear, b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n{tag} OK done\r\n"
    async with serving(script(*good, hear, hang)) as server:
        report = await probe(server_of(plain(contexts), server.port), 1.5, **ALICE)
    second = report["second"]
    assert timeless(second["detail"]) == "no answer to the login within N s"
    assert second["banner"] == "OK ready"
    assert second["capabilities"] == ("AUTH=PLAIN", "IMAP4REV1")


async def test_an_echo_of_the_password_is_withheld(contexts: Contexts) -> None:
    echo = b"* OK ready\r\n", hear, b"* CAPABILITY IMAP4rev1\r\n{tag} OK done\r\n", hear
    async with serving(script(*echo, b"{tag} NO wrong password: secret\r\n")) as server:
        report = await probe(server_of(plain(contexts), server.port), **ALICE)
    assert "secret" not in str(report)
    assert report["second"]["detail"] == "(text withheld, it repeats the password)"
