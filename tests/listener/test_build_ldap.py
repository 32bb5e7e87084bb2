"""Directories in the pipe that is built from the settings: who is asked, and in which order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from lab.asking import ASKING, GOOD, serving
from lab.asking_ldap import ALICE, SERVICE, closing
from lab.fake_imap import mailboxes
from lab.fake_server import FakeServer, script
from lab.ldap_replies import Entries, Entry
from lab.settings import listed_profile, profile_at, server

from bridge_common.deadline import Deadline
from bridge_common.directory.directory import Directory
from bridge_common.directory.host import Host
from bridge_common.errors import Problem, SettingsError
from bridge_common.settings.model import Settings
from bridge_common.settings.read import parse_settings
from sasl_bridge.daemon import Bridge
from sasl_bridge.passdb.build import NOTHING, Parts, build_parts, build_passdb, problems_in_files
from sasl_bridge.verdict import Answer, Verdict

ACCEPTED, REJECTED, UNAVAILABLE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE

NOBODY = mailboxes({})
HANGS_UP = script()

METHOD_LDAP = 'method = "ldap"\nldap_profile = "corp"'


def settings(*tables: str, smtp_auth: str = "") -> Settings:
    """Return settings in which example.com and example.org are ours."""
    identity = '[identity]\ndomains = ["example.com", "example.org"]'
    text = "\n".join(["[smtp_auth]", smtp_auth, identity, *tables])
    return parse_settings(text).settings


@asynccontextmanager
async def directory(*entries: Entry) -> AsyncIterator[FakeServer]:
    async with serving(Entries(SERVICE, *entries)) as fake:
        yield fake


async def ask(*tables: str, smtp_auth: str = "") -> Answer:
    """Ask about alice@example.com and her right password."""
    wanted = settings(*tables, smtp_auth=smtp_auth)
    parts = build_parts(wanted)
    with closing(parts):
        return await build_passdb(wanted, parts).verify(ASKING, Deadline.after(3.0))


def by(answer: Answer) -> tuple[Verdict, str, list[tuple[str, Verdict]]]:
    """Return the answer, who gave it, and what each said who was asked."""
    return answer.verdict, answer.source, [(step.server, step.verdict) for step in answer.steps]


# The one directory that is asked instead of a list


async def test_method_ldap_asks_the_profile_and_no_server_of_the_list() -> None:
    async with directory(ALICE) as corp, directory(ALICE) as other, serving(GOOD) as imap:
        profiles = profile_at(other.port, "other"), profile_at(corp.port)
        listed = server("imap", imap.port), listed_profile("corp", name="listed")
        answer = await ask(*listed, *profiles, smtp_auth=METHOD_LDAP)
        assert by(answer) == (ACCEPTED, "corp", [("corp", ACCEPTED)])
    assert imap.peers == other.peers == []


async def test_method_ldap_needs_no_server_list() -> None:
    async with directory() as corp:
        answer = await ask(profile_at(corp.port), smtp_auth=METHOD_LDAP)
    assert by(answer) == (REJECTED, "corp", [("corp", REJECTED)])


async def test_method_pop3_imap_asks_no_profile_that_the_list_does_not_name() -> None:
    async with directory(ALICE) as corp, serving(NOBODY) as imap:
        chosen = 'ldap_profile = "corp"'
        answer = await ask(server("imap", imap.port), profile_at(corp.port), smtp_auth=chosen)
    assert answer.verdict is REJECTED
    assert corp.peers == []


# In the list


@pytest.mark.parametrize("first", ["corp", "imap"])
async def test_a_directory_and_a_mail_server_are_asked_in_the_order_of_the_list(first: str) -> None:
    async with directory() as corp, serving(NOBODY) as imap:
        listed = [listed_profile("corp"), server("imap", imap.port)]
        answer = await ask(*(listed if first == "corp" else listed[::-1]), profile_at(corp.port))
    last = {"corp": "imap", "imap": "corp"}[first]
    assert by(answer) == (REJECTED, last, [(first, REJECTED), (last, REJECTED)])


async def test_an_entry_has_a_name_of_its_own() -> None:
    async with directory(ALICE) as corp:
        answer = await ask(listed_profile("corp", name="people"), profile_at(corp.port))
    assert by(answer) == (ACCEPTED, "people", [("people", ACCEPTED)])


async def test_a_yes_of_the_directory_ends_the_list() -> None:
    async with directory(ALICE) as corp, serving(GOOD) as imap:
        answer = await ask(listed_profile("corp"), server("imap", imap.port), profile_at(corp.port))
    assert by(answer) == (ACCEPTED, "corp", [("corp", ACCEPTED)])
    assert imap.peers == []


@pytest.mark.parametrize("on_reject", ["next", "stop"])
async def test_on_reject_is_about_a_directory_too(on_reject: str) -> None:
    async with directory() as corp, serving(GOOD) as imap:
        listed = listed_profile("corp", on_reject=on_reject), server("imap", imap.port)
        answer = await ask(*listed, profile_at(corp.port))
    assert answer.verdict is (REJECTED if on_reject == "stop" else ACCEPTED)
    assert len(imap.peers) == (0 if on_reject == "stop" else 1)


@pytest.mark.parametrize(("required", "verdict"), [(True, UNAVAILABLE), (False, REJECTED)])
async def test_required_is_about_a_directory_too(required: bool, verdict: Verdict) -> None:
    async with serving(HANGS_UP) as corp, serving(NOBODY) as imap:
        listed = listed_profile("corp", required=required), server("imap", imap.port)
        answer = await ask(*listed, profile_at(corp.port))
    assert answer.verdict is verdict


async def test_a_disabled_entry_is_not_asked() -> None:
    async with directory(ALICE) as corp, serving(NOBODY) as imap:
        listed = listed_profile("corp", enabled=False), server("imap", imap.port)
        answer = await ask(*listed, profile_at(corp.port))
    assert by(answer) == (REJECTED, "imap", [("imap", REJECTED)])
    assert corp.peers == []


@pytest.mark.parametrize(
    ("of_profile", "of_entry"),
    [
        (["example.org"], []),
        ([], ["example.org"]),
        (["example.org"], ["example.org"]),
        (["example.com", "example.org"], ["example.org"]),
    ],
)
async def test_a_directory_hears_of_the_domains_that_profile_and_entry_serve_both(
    of_profile: list[str], of_entry: list[str]
) -> None:
    async with directory(ALICE) as corp:
        answer = await ask(
            listed_profile("corp", domains=of_entry), profile_at(corp.port, domains=of_profile)
        )
        assert (answer.verdict, answer.reason) == (REJECTED, "no server serves example.com")
        assert corp.peers == []
        ours = await ask(listed_profile("corp", domains=["example.com"]), profile_at(corp.port))
        assert ours.verdict is ACCEPTED


async def test_two_entries_may_name_one_profile() -> None:
    async with directory(ALICE) as corp:
        listed = (
            listed_profile("corp", name="one", domains=["example.org"]),
            listed_profile("corp", name="two", domains=["example.com"]),
        )
        answer = await ask(*listed, profile_at(corp.port))
    assert by(answer) == (ACCEPTED, "two", [("two", ACCEPTED)])


# What cannot be built


def bad_files(folder: Path) -> tuple[str, str, str]:
    """Return a profile and a mail server, each with a ca_file that is away; and why that is bad."""
    tls = {"security": "ssl", "ca_file": f"{folder}/none.pem"}
    missing = f"{folder}/none.pem: No such file or directory; "
    advice = "name a file that the daemon's user may read"
    return profile_at(636, **tls), server("imap", 993, **tls), missing + advice


def test_a_profile_that_is_asked_needs_a_usable_ca_file(tmp_path: Path) -> None:
    profile, _, why = bad_files(tmp_path)
    for asked in (
        settings(profile, smtp_auth=METHOD_LDAP),
        settings(listed_profile("corp"), profile),
    ):
        expected = (Problem('ldap_profile[1] "corp".ca_file', why),)
        assert problems_in_files(asked) == expected
        with pytest.raises(SettingsError) as caught:
            build_passdb(asked)
        assert caught.value.problems == expected


def test_a_ca_file_that_holds_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("no certificate")
    profile, _, _ = bad_files(tmp_path)
    (problem,) = problems_in_files(settings(profile, smtp_auth=METHOD_LDAP))
    assert problem.message == f"{tmp_path}/none.pem: holds no certificate in PEM form"


def test_files_of_those_who_are_not_asked_do_not_matter(tmp_path: Path) -> None:
    """They may be about to be: they count, and one that is tested before says so."""
    profile, imap, why = bad_files(tmp_path)
    good = profile_at(389, "good")
    by_method = settings(imap, profile, good, smtp_auth=METHOD_LDAP.replace("corp", "good"))
    by_list = settings(listed_profile("corp", enabled=False), server("plain", 143), profile)
    unnamed = settings(server("plain", 143), profile)
    for wanted in (by_method, by_list, unnamed):
        assert problems_in_files(wanted) == ()
        build_passdb(wanted)
        found = {built.settings.name: built.directory for built in build_parts(wanted).profiles}
        assert found["corp"] == Problem('ldap_profile[1] "corp".ca_file', why)


def test_problems_of_servers_and_profiles_are_told_together(tmp_path: Path) -> None:
    profile, imap, why = bad_files(tmp_path)
    assert problems_in_files(settings(imap, listed_profile("corp"), profile)) == (
        Problem('server[1] "imap".ca_file', why),
        Problem('ldap_profile[1] "corp".ca_file', why),
    )


# What a reload leaves


def hosts(parts: Parts, number: int = 0) -> tuple[Host, ...]:
    built = parts.profiles[number].directory
    assert isinstance(built, Directory)
    return built.hosts


def known(host: Host) -> tuple[Any, ...]:
    """Return the addresses (found ones outlive a resolver that is away) and who is asking."""
    return host.addresses, host.slots


TWO_HOSTS = ["dc1.example.com", "dc2.example.com"]


def build(before: Parts, *more: str, **keys: Any) -> Parts:
    usual: dict[str, Any] = {"port": 389, "hosts": TWO_HOSTS}
    return build_parts(settings(profile_at(**(usual | keys)), *more), before)


def test_a_reload_goes_on_with_what_is_known_of_an_unchanged_profile() -> None:
    before = build(NOTHING)
    hosts(before)[0].avoided_until = 5.0
    after = build(before, listed_profile("corp"), server("imap", 143))
    assert [known(host) for host in hosts(after)] == [known(host) for host in hosts(before)]
    assert [host.avoided_until for host in hosts(after)] == [5.0, 0.0]
    first, second = hosts(after)
    assert known(first) != known(second)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"hosts": ["dc2.example.com", "dc1.example.com"]},
        {"hosts": ["dc1.example.com"]},
        {"port": 1389},
        {"security": "tls"},
        {"bind_password": "another"},
        {"bind_dn": "cn=another,dc=example,dc=com"},
        {"max_connections": 1},
    ],
    ids=str,
)
def test_a_changed_profile_is_begun_anew(change: dict[str, Any]) -> None:
    before = build(NOTHING)
    after = build(before, **change)
    for host, earlier in zip(hosts(after), hosts(before), strict=False):
        assert host.addresses is not earlier.addresses
        assert host.slots is not earlier.slots


def test_another_order_of_profiles_mixes_nothing_up() -> None:
    corp, other = (profile_at(389, name, hosts=TWO_HOSTS) for name in ("corp", "other"))
    before = build_parts(settings(corp, other))
    after = build_parts(settings(other, corp), before)
    assert list(map(known, hosts(after, 0))) == list(map(known, hosts(before, 1)))
    assert list(map(known, hosts(after, 1))) == list(map(known, hosts(before, 0)))


def test_a_profile_that_was_unusable_is_no_hindrance_to_its_successor(tmp_path: Path) -> None:
    broken = {"security": "ssl", "ca_file": f"{tmp_path}/none.pem"}
    unusable = build(NOTHING, **broken)
    assert len(hosts(build(unusable))) == 2
    assert isinstance(build(build(NOTHING), **broken).profiles[0].directory, Problem)


async def test_the_logins_of_before_a_reload_still_take_their_turns() -> None:
    """`max_connections` is about the directory, whose load does not end with our settings."""
    async with directory(ALICE) as corp:
        only_one = settings(profile_at(corp.port, max_connections=1), smtp_auth=METHOD_LDAP)
        before = build_parts(only_one)
        after = build_parts(only_one, before)
        with closing(before), closing(after):
            async with hosts(before)[0].session():
                late = await build_passdb(only_one, after).verify(ASKING, Deadline.after(0.4))
                assert late.verdict is UNAVAILABLE
                assert late.reason == ("all 1 sessions at 127.0.0.1 (max_connections) are in use")
            answer = await build_passdb(only_one, after).verify(ASKING, Deadline.after(3.0))
            assert answer.verdict is ACCEPTED


def test_the_daemon_goes_on_with_what_it_knows_of_its_directories(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(profile_at(389))
    bridge = Bridge(file)
    first = bridge.prepare().built
    bridge.apply(first)
    second = bridge.prepare().built
    (before,), (after,) = hosts(first.probing.parts), hosts(second.probing.parts)
    assert known(after) == known(before)
