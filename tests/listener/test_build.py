"""What each key of a server does to the pipe that is built from it, against real sockets."""

import asyncio
import dataclasses
import ssl
from pathlib import Path
from typing import Any

import pytest
from lab.asking import ASKING, GOOD, GOOD_POP3, GREETING, Contexts, make_contexts, serving
from lab.fake_imap import FULL, mailboxes
from lab.fake_pop3 import maildrops
from lab.fake_server import Behaviour, hang, hear, script
from lab.settings import server

from bridge_common.deadline import Deadline
from bridge_common.errors import Problem, SettingsError
from bridge_common.settings.model import Settings
from bridge_common.settings.read import parse_settings
from sasl_bridge.passdb.build import build_parts, build_passdb
from sasl_bridge.passdb.interface import Passdb
from sasl_bridge.verdict import Answer, Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE

ALICE = {"alice@example.com": b"secret"}
NOBODY = mailboxes({})
HANGS_UP = script()
SILENT = script(hang)
FULL_UP = script(GREETING, hear, b"{tag} NO The store is resting, come back later\r\n", hang)
NO_LOGIN_COMMAND = mailboxes(ALICE, "IMAP4rev1 LOGINDISABLED SASL-IR AUTH=PLAIN")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Contexts, str]:
    """Return servers' certificates and the file with the authority that signed the good ones."""
    folder = tmp_path_factory.mktemp("authority")
    return make_contexts(folder), str(folder / "ca.pem")


def old_pop3(answer: bytes) -> Behaviour:
    """Return a server that does not know CAPA, and answers a password with this."""
    return script(b"+OK ready\r\n", hear, b"-ERR what?\r\n", hear, b"+OK\r\n", hear, answer, hang)


def encrypting(protocol: str, tls: ssl.SSLContext) -> Behaviour:
    """Return a server that lets nobody log in before STARTTLS or STLS."""
    return maildrops(ALICE, tls=tls) if protocol == "pop3" else mailboxes(ALICE, tls=tls)


def pipe(*servers: str) -> Passdb:
    """Build from a settings file's text; example.com and example.org are ours."""
    return build_passdb(settings_of(*servers))


def settings_of(*servers: str, failure_delay: str = "0s") -> Settings:
    text = f"""
[smtp_auth]
enabled = true
failure_delay = "{failure_delay}"

[identity]
domains = ["example.com", "example.org"]
"""
    return parse_settings("\n".join([text, *servers])).settings


async def ask(passdb: Passdb, seconds: float = 3.0, client: str = "") -> Answer:
    """Ask about alice@example.com and her right password."""
    asking = dataclasses.replace(ASKING, client=client)
    return await passdb.verify(asking, Deadline.after(seconds))


# Protocol and security


async def test_protocol_is_how_the_server_is_asked() -> None:
    async with serving(GOOD) as imap, serving(GOOD_POP3) as pop3:
        assert (await ask(pipe(server("one", imap.port, protocol="imap")))).verdict is ACCEPTED
        assert (await ask(pipe(server("one", pop3.port, protocol="pop3")))).verdict is ACCEPTED
        assert (await ask(pipe(server("one", imap.port, protocol="pop3")))).verdict is UNAVAILABLE
        assert (await ask(pipe(server("one", pop3.port, protocol="imap")))).verdict is UNAVAILABLE
    assert len(pop3.peers) == 2
    assert pop3.peers[0].heard.startswith(b"CAPA\r\nAUTH PLAIN")
    assert pop3.peers[0].heard.endswith(b"QUIT\r\n")


async def test_tls_is_begun_by_starttls_or_stls_and_nothing_of_the_login_comes_before(
    authority: tuple[Contexts, str],
) -> None:
    contexts, ca_file = authority
    tls = {"security": "tls", "ca_file": ca_file}
    async with (
        serving(encrypting("imap", contexts.server)) as imap,
        serving(encrypting("pop3", contexts.server)) as pop3,
    ):
        by_imap = await ask(pipe(server("one", imap.port, protocol="imap", **tls)))
        by_pop3 = await ask(pipe(server("one", pop3.port, protocol="pop3", **tls)))
    assert (by_imap.verdict, by_pop3.verdict) == (ACCEPTED, ACCEPTED)
    assert imap.in_the_clear.split(b" ", 1)[1] == b"STARTTLS\r\n"
    assert pop3.in_the_clear == b"CAPA\r\nSTLS\r\n"


@pytest.mark.parametrize(
    ("protocol", "good", "missing", "goodbye"),
    [("imap", GOOD, "STARTTLS", b" LOGOUT\r\n"), ("pop3", GOOD_POP3, "STLS", b"QUIT\r\n")],
)
async def test_a_server_that_does_not_offer_tls_gets_nothing(
    protocol: str, good: Behaviour, missing: str, goodbye: bytes
) -> None:
    async with serving(good) as plain:
        answer = await ask(pipe(server("one", plain.port, protocol=protocol, security="tls")))
    assert (answer.verdict, answer.password_sent) == (UNAVAILABLE, False)
    assert answer.reason == f"the server does not offer {missing}"
    said = plain.heard.removeprefix(b"CAPA\r\n")
    assert said.endswith(goodbye)
    assert said.count(b"\r\n") == 1


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
async def test_what_is_said_of_certificates_holds_for_starttls_and_stls_too(
    authority: tuple[Contexts, str], protocol: str
) -> None:
    contexts, ca_file = authority
    how: dict[str, Any] = {"protocol": protocol, "security": "tls"}
    trusting = how | {"ca_file": ca_file}
    async with serving(encrypting(protocol, contexts.bad["other name"])) as other:
        unknown = await ask(pipe(server("one", other.port, **how)))
        unnamed = await ask(pipe(server("one", other.port, **trusting)))
        assert (unknown.verdict, unnamed.verdict) == (UNAVAILABLE, UNAVAILABLE)
        assert other.heard == other.in_the_clear
        assert not unnamed.password_sent
        name = {"tls_name": "other.example.com"}
        assert (await ask(pipe(server("one", other.port, **trusting, **name)))).verdict is ACCEPTED
        whoever = server("one", other.port, verify=False, **how)
        assert (await ask(pipe(whoever))).verdict is ACCEPTED


# Certificates


async def test_an_authority_that_the_machine_does_not_know_gets_no_password(
    authority: tuple[Contexts, str],
) -> None:
    contexts, _ = authority
    async with serving(GOOD, contexts.server) as imap:
        answer = await ask(pipe(server("imap", imap.port, security="ssl")))
    assert answer.verdict is UNAVAILABLE
    assert answer.reason == "certificate is not signed by a trusted authority"
    assert not answer.password_sent
    assert imap.heard == b""


async def test_verify_false_asks_whoever_answers(authority: tuple[Contexts, str]) -> None:
    contexts, _ = authority
    async with serving(GOOD, contexts.bad["self-signed"]) as imap:
        answer = await ask(pipe(server("imap", imap.port, security="ssl", verify=False)))
    assert answer.verdict is ACCEPTED


async def test_ca_file_is_who_is_trusted(authority: tuple[Contexts, str]) -> None:
    contexts, ca_file = authority
    async with (
        serving(GOOD, contexts.server) as imap,
        serving(GOOD, contexts.bad["unknown authority"]) as stranger,
    ):
        tls = {"security": "ssl", "ca_file": ca_file}
        assert (await ask(pipe(server("imap", imap.port, **tls)))).verdict is ACCEPTED
        assert (await ask(pipe(server("imap", stranger.port, **tls)))).verdict is UNAVAILABLE
    assert stranger.heard == b""


async def test_tls_name_is_what_the_certificate_must_hold(authority: tuple[Contexts, str]) -> None:
    """The host is 127.0.0.1, which must be in the certificate only if there is no tls_name."""
    contexts, ca_file = authority
    tls = {"security": "ssl", "ca_file": ca_file}
    async with serving(GOOD, contexts.bad["other name"]) as imap:
        unnamed = await ask(pipe(server("imap", imap.port, **tls)))
        assert (unnamed.verdict, imap.heard) == (UNAVAILABLE, b"")
        named = await ask(pipe(server("imap", imap.port, tls_name="other.example.com", **tls)))
        assert named.verdict is ACCEPTED
    async with serving(GOOD, contexts.server) as imap:
        named = await ask(pipe(server("imap", imap.port, tls_name="other.example.com", **tls)))
        assert (named.verdict, imap.heard) == (UNAVAILABLE, b"")


# Who is asked


async def test_a_server_never_hears_of_another_domain() -> None:
    async with serving(GOOD) as other, serving(GOOD) as ours:
        both = pipe(
            server("other", other.port, domains=["example.org"]),
            server("ours", ours.port, domains=["example.com"]),
        )
        answer = await ask(both)
    assert (answer.verdict, answer.source) == (ACCEPTED, "ours")
    assert other.peers == []


async def test_a_login_that_nobody_serves_is_refused_and_nobody_asked() -> None:
    async with serving(GOOD) as other:
        answer = await ask(pipe(server("other", other.port, domains=["example.org"])))
    assert (answer.verdict, answer.reason) == (REJECTED, "no server serves example.com")
    assert other.peers == []


async def test_a_disabled_server_is_never_contacted() -> None:
    async with serving(GOOD) as off, serving(NOBODY) as on:
        answer = await ask(pipe(server("off", off.port, enabled=False), server("on", on.port)))
    assert (answer.verdict, answer.source) == (REJECTED, "on")
    assert off.peers == []


async def test_on_reject_stop_keeps_the_next_server_from_being_asked() -> None:
    async with serving(NOBODY) as first, serving(GOOD) as second:
        one = server("first", first.port, on_reject="stop")
        answer = await ask(pipe(one, server("second", second.port)))
    assert (answer.verdict, answer.source) == (REJECTED, "first")
    assert second.peers == []


@pytest.mark.parametrize("keys", [{}, {"on_reject": "next"}])
async def test_on_reject_next_asks_the_next_server(keys: dict[str, str]) -> None:
    async with serving(NOBODY) as first, serving(GOOD) as second:
        answer = await ask(pipe(server("first", first.port, **keys), server("second", second.port)))
    assert (answer.verdict, answer.source) == (ACCEPTED, "second")


@pytest.mark.parametrize(("required", "verdict"), [(True, UNAVAILABLE), (False, REJECTED)])
async def test_only_a_required_server_keeps_a_no_from_being_a_no(
    required: bool, verdict: Verdict
) -> None:
    async with serving(HANGS_UP) as down, serving(NOBODY) as up:
        one = server("down", down.port, required=required)
        answer = await ask(pipe(one, server("up", up.port)))
    assert answer.verdict is verdict


async def test_failure_delay_shortens_the_share_of_a_silent_server() -> None:
    """The next server is asked after half of what the delay leaves of 3 s: 1 s, or 1.5 s."""
    async with serving(SILENT) as first, serving(GOOD) as second:
        servers = server("first", first.port), server("second", second.port)
        both = [settings_of(*servers, failure_delay=delay) for delay in ("1s", "0s")]
        parts = [build_parts(settings) for settings in both]
        pipes = map(build_passdb, both, parts)
        delayed, prompt = await asyncio.gather(*map(ask, pipes))
        for one in parts:
            one.close()
    assert (delayed.verdict, delayed.source) == (ACCEPTED, "second")
    assert (prompt.verdict, prompt.source) == (ACCEPTED, "second")
    assert 0.99 < delayed.steps[0].seconds < 1.45
    assert prompt.steps[0].seconds > 1.49


# Who is told for whom we ask


@pytest.mark.parametrize(
    ("protocol", "word", "told"),
    [
        ("imap", "id", b' ID ("x-originating-ip" "192.0.2.7")\r\n'),
        ("pop3", "xclient", b"\r\nXCLIENT ADDR=192.0.2.7\r\n"),
    ],
)
async def test_forward_client_tells_the_clients_address_if_it_is_known(
    protocol: str, word: str, told: bytes
) -> None:
    takes_it = {
        "imap": mailboxes(ALICE, f"{FULL} ID"),
        "pop3": maildrops(ALICE, xclient=True),
    }
    async with serving(takes_it[protocol]) as trusting:
        telling = pipe(server("one", trusting.port, protocol=protocol, forward_client=word))
        silent = pipe(server("one", trusting.port, protocol=protocol, forward_client="none"))
        for passdb, client in [(telling, "192.0.2.7"), (telling, ""), (silent, "192.0.2.7")]:
            assert (await ask(passdb, client=client)).verdict is ACCEPTED
    first, unknown, untold = (peer.heard for peer in trusting.peers)
    assert first.count(told) == 1
    assert first.index(told) < first.index(b"PLAIN")
    for heard in (unknown, untold):
        assert b"192.0.2.7" not in heard
        assert b" ID " not in heard
        assert b"XCLIENT" not in heard


# What is said, and what it means


@pytest.mark.parametrize(
    ("login_format", "known"), [("{local}", "alice"), ("{domain}/{local}", "example.com/alice")]
)
async def test_login_format_is_how_the_server_knows_the_login(
    login_format: str, known: str
) -> None:
    async with serving(mailboxes({known: b"secret"})) as imap:
        answer = await ask(pipe(server("imap", imap.port, login_format=login_format)))
        assert answer.verdict is ACCEPTED
        assert (await ask(pipe(server("imap", imap.port)))).verdict is REJECTED


async def test_unavailable_texts_are_trouble_and_no_refusal() -> None:
    async with serving(FULL_UP) as imap:
        told = server("imap", imap.port, unavailable_texts=["store is resting"])
        assert (await ask(pipe(told))).verdict is UNAVAILABLE
        assert (await ask(pipe(server("imap", imap.port)))).verdict is REJECTED


async def test_unavailable_texts_are_trouble_and_no_refusal_in_pop3_too() -> None:
    full_up = old_pop3(b"-ERR The store is resting, come back later\r\n")
    async with serving(full_up) as pop3:
        texts = ["store is resting"]
        told = server("pop3", pop3.port, protocol="pop3", unavailable_texts=texts)
        assert (await ask(pipe(told))).verdict is UNAVAILABLE
        untold = server("pop3", pop3.port, protocol="pop3")
        assert (await ask(pipe(untold))).verdict is REJECTED


@pytest.mark.parametrize(
    ("keys", "verdict"),
    [
        ({}, UNAVAILABLE),
        ({"in_use_is_success": False}, UNAVAILABLE),
        ({"in_use_is_success": True}, ACCEPTED),
    ],
)
async def test_in_use_is_success_only_if_somebody_says_so(
    keys: dict[str, bool], verdict: Verdict
) -> None:
    async with serving(old_pop3(b"-ERR [IN-USE] someone reads it\r\n")) as pop3:
        answer = await ask(pipe(server("pop3", pop3.port, protocol="pop3", **keys)))
    assert (answer.verdict, answer.password_sent) == (verdict, True)


async def test_unencrypted_a_server_that_forbids_login_gets_no_password() -> None:
    """RFC 3501 section 6.2.3 speaks of LOGIN; in the clear we take it for AUTHENTICATE too."""
    async with serving(NO_LOGIN_COMMAND) as imap:
        answer = await ask(pipe(server("imap", imap.port, security="plain")))
    assert (answer.verdict, answer.password_sent) == (UNAVAILABLE, False)
    assert imap.heard.endswith(b" LOGOUT\r\n")
    assert imap.heard.count(b"\r\n") == 1


async def test_encrypted_it_is_asked_by_authenticate(authority: tuple[Contexts, str]) -> None:
    contexts, ca_file = authority
    async with serving(NO_LOGIN_COMMAND, contexts.server) as imap:
        answer = await ask(pipe(server("imap", imap.port, security="ssl", ca_file=ca_file)))
    assert answer.verdict is ACCEPTED
    assert b" AUTHENTICATE PLAIN " in imap.heard


# What cannot be built


def test_every_unusable_ca_file_is_named(tmp_path: Path) -> None:
    """A disabled server's file is not read, but the server counts."""
    (tmp_path / "words.pem").write_text("no certificate")
    files = "missing.pem", "missing.pem", "words.pem"
    servers = [
        server(
            f"imap{number}", 993, security="ssl", enabled=number != 2, ca_file=f"{tmp_path}/{file}"
        )
        for number, file in enumerate(files, start=1)
    ]
    with pytest.raises(SettingsError) as caught:
        pipe(*servers)
    advice = "name a file that the daemon's user may read"
    missing = f"{tmp_path}/missing.pem: No such file or directory; {advice}"
    no_pem = f"{tmp_path}/words.pem: holds no certificate in PEM form"
    assert caught.value.problems == (
        Problem('server[1] "imap1".ca_file', missing),
        Problem('server[3] "imap3".ca_file', no_pem),
    )
