"""What a probe of a directory may not do, how many run at a time, and what it leaves in the log."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lab.asking import serving
from lab.asking_ldap import ALICE, DN, SERVICE
from lab.fake_server import Peer, hang
from lab.ldap_replies import Entries
from lab.leftovers import settled
from lab.probing import ALICE as LOGIN
from lab.probing import by_turns
from lab.profile_probing import ROOT, probe_profile, profile_of, profile_prober

from bridge_common.runtime.control import BadRequest, Busy
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.server import Server


async def refusal(profile: LdapProfile, **request: Any) -> str:
    with pytest.raises(BadRequest) as refused:
        await probe_profile(profile, **request)
    return str(refused.value)


async def test_a_login_of_another_s_domain_is_told_to_no_directory() -> None:
    async with serving(hang) as server:
        told = await refusal(profile_of(server.port, domains=("example.org",)), **LOGIN)
        assert not server.peers
    assert told == "profile corp is not asked about logins of example.com (domains)"


@pytest.mark.parametrize(
    ("login", "password", "reason"),
    [
        ("a@example.net", "x", "the login's domain is not one of ours"),
        ("alice@example.com", "", "the password is empty"),
        ("alice@example.com", "a\0b", "the password holds a NUL, CR or LF"),
        ("*@example.com", "x", "the login holds a character that login_characters does not allow"),
    ],
)
async def test_what_admission_refuses_is_not_tried(login: str, password: str, reason: str) -> None:
    async with serving(hang) as server:
        told = await refusal(profile_of(server.port), login=login, password=password)
        assert not server.peers
    assert told == f"this login is not tried at any server: {reason}"


async def test_requests_that_cannot_be_used(tmp_path: Path) -> None:
    profile = profile_of(1)
    unreadable = replace(profile, security="ssl", ca_file=str(tmp_path / "none"))
    assert str(tmp_path / "none") in await refusal(unreadable)
    with pytest.raises(BadRequest, match=r"^no profile 'x' in the settings in force; .*: corp$"):
        await profile_prober(profile).probe({"profile": "x"})
    with pytest.raises(BadRequest, match=r"; there are: none$"):
        await profile_prober().probe({"profile": "corp"})
    with pytest.raises(BadRequest, match="profile must be a string"):
        await profile_prober(profile).probe({"profile": 1})


async def test_a_server_that_is_a_directory_names_its_profile() -> None:
    entry = Server(name="staff", protocol="ldap", ldap_profile="corp")
    prober = profile_prober(profile_of(1), servers=(entry,))
    with pytest.raises(BadRequest, match=r"^server staff .*: use bridgectl profile test corp$"):
        await prober.probe({"server": "staff"})


async def test_few_run_at_the_same_time_servers_included() -> None:
    async with serving(hang) as server:
        where = Server(name="first", host="127.0.0.1", port=server.port, security="plain")
        prober = profile_prober(profile_of(server.port), servers=(where,), seconds=60.0)
        running = [
            asyncio.create_task(prober.probe(one))
            for one in ({"profile": "corp"}, {"server": "first"})
        ]
        await settled(lambda: len(server.peers) == 2)
        for request in ({"profile": "corp"}, {"server": "first"}):
            with pytest.raises(Busy, match="2 tests are running already"):
                await prober.probe(request)
        for task in running:
            task.cancel()
        await asyncio.wait(running)


# The log


async def test_a_login_leaves_a_decision_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with serving(Entries(ALICE, SERVICE, ROOT)) as server:
        prober = profile_prober(profile_of(server.port))
        await prober.probe({"profile": "corp", **LOGIN, "login": "ALICE@example.com"})
        await prober.probe({"profile": "corp"})
    line, looked = (
        record.getMessage() for record in caplog.records if "corp" in record.getMessage()
    )
    assert line.startswith(
        "login=alice@example.com typed=ALICE@example.com mechanism=probe verdict=accepted "
        "server=corp reason=bound seconds=0."
    )
    assert looked == "probe of profile corp: ready"
    assert "secret" not in caplog.text


@pytest.mark.expect_warnings("mechanism=probe verdict=unavailable")
async def test_a_login_that_nobody_waited_for_leaves_one_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The directory may have seen the password; its second connection is the login's."""
    good = Entries(ALICE, SERVICE, ROOT)
    async with serving(by_turns(good, good, hang)) as server:
        prober = profile_prober(profile_of(server.port), seconds=60.0)
        running = asyncio.create_task(prober.probe({"profile": "corp", **LOGIN}))
        await settled(lambda: len(server.peers) == 3 and b"secret" in server.peers[2].heard)
        running.cancel()
        await asyncio.wait({running})
    assert 'server=corp reason="ended without an answer"' in caplog.text


@pytest.mark.expect_warnings("mechanism=probe verdict=unavailable")
async def test_a_directory_that_hangs_up_on_a_login_is_asked_no_second_time() -> None:
    good = Entries(ALICE, SERVICE, ROOT)

    def hang_up(peer: Peer) -> None:
        peer.hear_bytes(14 + len(DN) + len("secret"))

    async with serving(by_turns(good, good, hang_up)) as server:
        report = await probe_profile(profile_of(server.port), **LOGIN)
        assert len(server.peers) == 3
    assert report["state"] == "unavailable"
    assert report["detail"] == f"connection closed by 127.0.0.1 port {server.port}"
    assert report["login"]["password_sent"]


@pytest.mark.expect_warnings("mechanism=probe verdict=unavailable")
async def test_a_login_that_gets_no_answer_ends_at_the_deadline() -> None:
    good = Entries(ALICE, SERVICE, ROOT)
    async with serving(by_turns(good, good, hang)) as server:
        report = await probe_profile(profile_of(server.port), seconds=0.5, **LOGIN)
    assert report["state"] == "unavailable"
    assert report["login"]["password_sent"]
    where = f"from 127.0.0.1 port {server.port} within 0.5 s"
    assert report["detail"] == f"no answer to a login {where}"
