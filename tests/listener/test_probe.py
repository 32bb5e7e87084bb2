"""The daemon's probe of a server: what both clients see, where they differ, and the laws."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lab.asking import Channel, Contexts, serving
from lab.fake_imap import mailboxes
from lab.fake_server import hang, script
from lab.leftovers import settled
from lab.probe_reports import UNSEEN_TRUST
from lab.probing import ALICE, by_turns, probe, prober_of, server_of

from bridge_common.runtime.control import BadRequest, Busy
from bridge_common.settings.server import Server

# A login that cannot be tried leaves its line as a warning.
pytestmark = pytest.mark.expect_warnings("mechanism=probe verdict=unavailable")


def plain(contexts: Contexts) -> Channel:
    return Channel("imap", "plain", contexts)


def children() -> set[str]:
    """Return the processes that are ours."""
    found: set[str] = set()
    for task in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has ended meanwhile
            found.update(task.read_text().split())
    return found


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() <= before


# What is seen of a good server


async def test_both_look_at_a_server_without_a_login(channel: Channel) -> None:
    async with channel.serving(channel.good()) as server:
        report = await probe(server_of(channel, server.port))
    first, second = report["first"], report["second"]
    assert (report["state"], first["state"], second["state"]) == ("ready", "ready", "ready")
    assert report["differences"] == []
    assert first["addresses"] == ("127.0.0.1",)
    assert [(one["address"], one["trouble"]) for one in first["tried"]] == [("127.0.0.1", "")]
    assert second["addresses"] == ("127.0.0.1",)
    assert first["banner"] == second["banner"]
    assert first["banner"].endswith("fake server ready")
    assert first["capabilities"] == second["capabilities"]
    assert "AUTH=PLAIN" in first["capabilities"] or "SASL PLAIN" in first["capabilities"]
    assert (first["password_sent"], second["password_sent"]) == (False, False)
    encrypted = channel.security != "plain"
    assert first["tls"].startswith("TLSv1.3, ") == encrypted
    assert first["tls"] == second["tls"]
    assert (report["certificate"] is not None) == encrypted
    assert first["fingerprint"] == second["fingerprint"]


async def test_both_try_a_login(channel: Channel) -> None:
    async with channel.serving(channel.good()) as server:
        right = await probe(server_of(channel, server.port), **ALICE)
        wrong = await probe(server_of(channel, server.port), **{**ALICE, "password": "wrong"})
    assert right["state"] == right["first"]["state"] == right["second"]["state"] == "accepted"
    assert (right["first"]["password_sent"], right["second"]["password_sent"]) == (True, True)
    assert right["login"] == "alice@example.com"
    assert right["differences"] == []
    assert wrong["state"] == wrong["first"]["state"] == wrong["second"]["state"] == "rejected"
    no = "NO [AUTHENTICATIONFAILED] out" if channel.protocol == "imap" else "-ERR [AUTH] out"
    assert wrong["first"]["detail"] == wrong["second"]["detail"] == no
    assert wrong["differences"] == []


async def test_the_login_is_written_as_the_server_knows_it(contexts: Contexts) -> None:
    async with serving(plain(contexts).good()) as server:
        asked = server_of(plain(contexts), server.port, login_format="{local}+{domain}")
        report = await probe(asked, **ALICE)
        assert b"AGFsaWNlK2V4YW1wbGUuY29tAHNlY3JldA==" in server.heard  # \0alice+example.com\0...
    assert report["second"]["detail"] == "NO [AUTHENTICATIONFAILED] out"


async def test_a_login_that_the_other_client_cannot_send(contexts: Contexts) -> None:
    """It is no difference: the library is at fault, not the server."""
    good = mailboxes({"alice@example.com": "pässword".encode()}, "IMAP4rev1")
    async with serving(good) as server:
        request = {**ALICE, "password": "pässword"}
        report = await probe(server_of(plain(contexts), server.port), **request)
    assert report["first"]["state"] == "accepted"
    assert report["second"]["state"] == "ready"
    assert report["second"]["detail"] == ("not tried: the library sends nothing but ASCII by LOGIN")
    assert report["differences"] == []


async def test_a_server_of_a_list_has_its_share_of_the_time(contexts: Contexts) -> None:
    async with serving(plain(contexts).good()) as server:
        one = server_of(plain(contexts), server.port)
        away = replace(one, name="away", enabled=False)
        second, elsewhere = (
            replace(one, name="next"),
            replace(one, name="x", domains=("example.net",)),
        )
        ours = replace(one, domains=("example.com",))
        for servers, share in [
            ((one,), 0.0),
            ((one, away), 0.0),
            ((one, second), 2.5),
            ((second, one), 0.0),  # nobody is asked after it
            ((second, replace(one, enabled=False), elsewhere), 5.0 / 3),
            ((one, elsewhere), 2.5),  # both may be asked about a login of that domain
            ((ours, elsewhere), 0.0),
            ((ours, second, elsewhere), 2.5),
            ((one, *(replace(one, name=f"n{number}") for number in range(9))), 1.0),
        ]:
            report = await prober_of(*servers, seconds=5.0).probe({"server": "first"})
            assert report["share"] == share
        report = await prober_of(one, elsewhere).probe({"server": "first", **ALICE})
        assert report["share"] == 0.0


async def test_the_client_s_address_is_told(contexts: Contexts) -> None:
    good = plain(contexts).good(capabilities="IMAP4rev1 ID AUTH=PLAIN")
    async with serving(good) as server:
        asked = server_of(plain(contexts), server.port, forward_client="id")
        report = await probe(asked, **ALICE, client="192.0.2.7")
        assert b'ID ("x-originating-ip" "192.0.2.7")' in server.heard
    assert report["client"] == "192.0.2.7"
    assert report["advice"] == [UNSEEN_TRUST]


async def test_a_password_that_is_no_text_is_not_tried_by_the_other_client(
    channel: Channel,
) -> None:
    async with channel.serving(channel.good(password=b"\xff")) as server:
        report = await probe(server_of(channel, server.port), **{**ALICE, "password": "\udcff"})
    assert report["second"]["state"] == "ready"
    assert report["second"]["detail"].startswith("not tried: the library sends nothing but ")


async def test_a_server_may_announce_a_lot(contexts: Contexts) -> None:
    channel = Channel("pop3", "plain", contexts)
    announced = ("USER", *(f"X-{number}-{'x' * 400}" for number in range(150)))
    async with channel.serving(channel.good(capabilities=announced)) as server:
        report = await probe(server_of(channel, server.port))
    assert report["second"]["state"] == "ready"
    assert len(report["second"]["capabilities"]) == 100


async def test_the_certificate_is_shown(contexts: Contexts) -> None:
    channel = Channel("imap", "ssl", contexts)
    async with channel.serving(channel.good()) as server:
        report = await probe(server_of(channel, server.port))
    certificate = report["certificate"]
    assert certificate["names"] == ("mail.example.com", "127.0.0.1")
    assert "Testing CA" in certificate["issuer"]
    assert certificate["not_before"] == "2000-01-01"
    assert certificate["days_left"] > 3_000
    assert certificate["trouble"] == ""
    assert certificate["fingerprint"] == report["first"]["fingerprint"]


# When they differ


async def test_a_difference_is_shown_as_such(contexts: Contexts) -> None:
    channel = plain(contexts)
    deaf = script(b"* BYE not you\r\n")
    async with serving(by_turns(deaf, channel.good())) as server:
        report = await probe(server_of(channel, server.port), **ALICE)
    assert report["state"] == "unavailable"
    assert report["second"]["state"] == "accepted"
    assert report["differences"][0].startswith("sasl-bridge got no answer that counts, imap")
    assert any("report it as a fault of sasl-bridge" in one for one in report["advice"])


async def test_other_capabilities_and_certificates_are_differences(contexts: Contexts) -> None:
    channel = Channel("pop3", "tls", contexts)
    other = replace(contexts, server=contexts.server_1_2)
    first = channel.good()
    second = replace(channel, contexts=other).good(capabilities=("USER", "SASL PLAIN LOGIN"))
    async with serving(by_turns(first, second)) as server:
        report = await probe(server_of(channel, server.port))
    assert report["first"]["tls"].startswith("TLSv1.3, ")
    assert report["second"]["tls"].startswith("TLSv1.2, ")
    (difference,) = report["differences"]
    assert difference.startswith("only to poplib of Python 3.")
    assert difference.endswith(" was offered SASL LOGIN")


# The laws


async def refusal(server: Server, **request: Any) -> str:
    with pytest.raises(BadRequest) as refused:
        await probe(server, **request)
    return str(refused.value)


async def test_a_login_of_another_s_domain_is_told_to_no_server(contexts: Contexts) -> None:
    async with serving(plain(contexts).good()) as server:
        asked = server_of(plain(contexts), server.port, domains=("example.org",))
        assert await refusal(asked, **ALICE) == (
            "server first is not asked about logins of example.com (domains)"
        )
        assert not server.peers


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"login": "a@example.net", "password": "x"}, "the login's domain is not one of ours"),
        ({"login": "alice@example.com", "password": ""}, "the password is empty"),
        (
            {"login": "alice@example.com", "password": "a\r\nb"},
            "the password holds a NUL, CR or LF",
        ),
    ],
)
async def test_what_admission_refuses_is_not_tried(
    contexts: Contexts, request_: dict[str, Any], reason: str
) -> None:
    async with serving(plain(contexts).good()) as server:
        told = await refusal(server_of(plain(contexts), server.port), **request_)
        assert not server.peers
    assert told == f"this login is not tried at any server: {reason}"


async def test_requests_that_cannot_be_used(contexts: Contexts, tmp_path: Path) -> None:
    good = server_of(plain(contexts), 1)
    unreadable = server_of(Channel("imap", "ssl", contexts), 1, ca_file=str(tmp_path / "none"))
    assert await refusal(good, client="here", **ALICE) == "client: 'here' is no IP address"
    assert str(tmp_path / "none") in await refusal(replace(unreadable, enabled=False))
    with pytest.raises(BadRequest, match=r"^no server 'x' in the settings in force; .*: first$"):
        await prober_of(good).probe({"server": "x"})
    prober = prober_of(good)
    prober.apply(None)
    with pytest.raises(BadRequest, match="no good settings are in force"):
        await prober.probe({"server": "first"})


async def test_a_server_that_is_not_enabled_can_be_tested(contexts: Contexts) -> None:
    async with serving(plain(contexts).good()) as server:
        report = await probe(server_of(plain(contexts), server.port, enabled=False))
    assert report["state"] == "ready"


async def test_few_run_at_the_same_time_and_none_outlives_its_caller(contexts: Contexts) -> None:
    async with serving(hang) as server:
        prober = prober_of(server_of(plain(contexts), server.port), seconds=60.0)
        running = [asyncio.create_task(prober.probe({"server": "first"})) for _ in range(2)]
        await settled(lambda: len(server.peers) == 2)
        with pytest.raises(Busy, match="2 tests are running already"):
            await prober.probe({"server": "first"})
        for task in running:
            task.cancel()
        await asyncio.wait(running)
        again = asyncio.create_task(prober.probe({"server": "first"}))
        await settled(lambda: len(server.peers) == 3)
        again.cancel()
        await asyncio.wait({again})


async def test_the_process_ends_with_its_caller(contexts: Contexts) -> None:
    """The first opinion is had at once; the second waits for a greeting that does not come."""
    before = children()
    async with serving(by_turns(script(b"* BYE\r\n"), hang)) as server:
        prober = prober_of(server_of(plain(contexts), server.port), seconds=60.0)
        running = asyncio.create_task(prober.probe({"server": "first"}))
        await settled(lambda: len(server.peers) == 2)
        assert len(children() - before) == 1
        running.cancel()
        await asyncio.wait({running})
        assert children() <= before


# The log


async def test_a_login_leaves_a_decision_line(
    contexts: Contexts, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with serving(plain(contexts).good()) as server:
        await probe(server_of(plain(contexts), server.port), **ALICE, client="192.0.2.7")
        await probe(server_of(plain(contexts), server.port))
    line, looked = (
        record.getMessage() for record in caplog.records if "first" in record.msg % record.args
    )
    assert line.startswith(
        "login=alice@example.com client=192.0.2.7 mechanism=probe verdict=accepted server=first "
        'reason="OK in" seconds=0.'
    )
    assert looked == "probe of server first: ready"
    assert "secret" not in caplog.text


async def test_a_login_that_nobody_waited_for_leaves_one_too(
    contexts: Contexts, caplog: pytest.LogCaptureFixture
) -> None:
    """The server may have seen the password."""
    async with serving(hang) as server:
        prober = prober_of(server_of(plain(contexts), server.port), seconds=60.0)
        running = asyncio.create_task(prober.probe({"server": "first", **ALICE}))
        await settled(lambda: len(server.peers) == 1)
        running.cancel()
        await asyncio.wait({running})
    assert 'reason="ended without an answer"' in caplog.text
