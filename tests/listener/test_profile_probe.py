"""The daemon's probe of a directory: what is seen of each host, and of a login."""

from dataclasses import replace
from typing import Any

import pytest
from lab.asking import serving
from lab.asking_ldap import ALICE, DN, NAMES, ONCE_MORE, SERVICE
from lab.directory_entries import BASE, GATEWAY
from lab.fake_server import FakeServer, hang, script
from lab.ldap_replies import Entries, Entry, Told
from lab.probing import ALICE as LOGIN
from lab.profile_probing import (
    ROOT,
    good,
    hear_something,
    probe_profile,
    profile_of,
    profile_prober,
)

from bridge_common.deadline import Deadline
from bridge_common.directory.build import build_directory
from bridge_common.directory.results import Fault, Trouble
from bridge_common.identity import Identity, LoginForm
from bridge_common.secret import Secret

# A login that cannot be tried leaves its line as a warning.
pytestmark = pytest.mark.expect_warnings("mechanism=probe verdict=unavailable")

ADDRESS = Identity("alice", "example.com", LoginForm.ADDRESS)
WRONG: dict[str, Any] = {**LOGIN, "password": "wrong"}
DIRECT = {"auth": "direct", "bind_template": "uid={local},ou=people,dc=example,dc=com"}


# The hosts


async def test_a_good_directory_without_a_login() -> None:
    entries = good()
    async with serving(entries) as server:
        report = await probe_profile(profile_of(server.port))
    assert report["state"] == "ready"
    (host,) = report["hosts"]
    assert host["state"] == "ready"
    assert host["tried"] == ({"address": "127.0.0.1", "trouble": ""},)
    assert host["account"] == {"done": True, "detail": "accepted"}
    assert host["base"] == {"done": True, "detail": "is there"}
    assert (report["login"], report["advice"]) == (None, [])
    assert entries.binds == [GATEWAY]
    assert entries.searches == ["objectClass=*"]


async def test_the_report_holds_no_password() -> None:
    async with serving(good()) as server:
        report = await probe_profile(profile_of(server.port), **LOGIN)
    assert report["profile"]["bind_password"] == "<secret>"
    assert "gateway's own" not in str(report)
    assert "'secret'" not in str(report)


async def test_all_hosts_are_looked_at_behind_a_dead_one() -> None:
    """The silent one has its share, a third, and the next one the rest of the time."""
    async with (
        serving(hang, address="127.0.0.2") as silent,
        serving(good(), address="127.0.0.3", port=silent.port),
    ):
        hosts = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
        report = await probe_profile(profile_of(silent.port, *hosts), seconds=0.6)
    refused, silent_one, ready = report["hosts"]
    assert refused["trouble"] == f"connection refused by 127.0.0.1 port {silent.port}"
    where = f"from 127.0.0.2 port {silent.port} within "
    assert silent_one["trouble"].startswith(f"no answer to a login {where}0.3 s")
    assert (refused["kind"], silent_one["kind"]) == (
        "connection refused",
        "silent after the greeting",
    )
    assert ready["state"] == report["state"] == "ready"


async def test_a_directory_that_is_down_is_unavailable_and_no_login_is_tried() -> None:
    with FakeServer(hang) as gone:
        pass
    report = await probe_profile(profile_of(gone.port), **LOGIN)
    trouble = f"connection refused by 127.0.0.1 port {gone.port}"
    assert (report["state"], report["detail"]) == ("unavailable", trouble)
    assert (report["login"]["host"], report["login"]["password_sent"]) == ("", False)


@pytest.mark.parametrize(
    ("said", "trouble", "kind"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "what it says is not LDAP", "garbled"),
        (b"\x30\x84\x7f\xff\xff\xff", "a message is longer than 131072 bytes", "too much"),
    ],
)
async def test_what_is_no_directory(said: bytes, trouble: str, kind: str) -> None:
    async with serving(script(hear_something, said, hang)) as server:
        report = await probe_profile(profile_of(server.port))
    (host,) = report["hosts"]
    assert host["trouble"] == f"127.0.0.1 port {server.port}: {trouble}"
    assert host["kind"] == kind
    assert len(report["advice"]) == 1


async def test_a_name_that_leads_nowhere() -> None:
    report = await probe_profile(profile_of(1, "corp.invalid"))
    (host,) = report["hosts"]
    assert host["trouble"].startswith("no address for corp.invalid: ")
    assert host["kind"] == "no address"


# Our own account


async def test_a_refused_account_is_tried_at_one_host_only() -> None:
    """Each try may be the one that locks it."""
    entries = good()
    async with serving(entries) as server, serving(entries, address="127.0.0.2", port=server.port):
        profile = profile_of(
            server.port, "127.0.0.1", "127.0.0.2", bind_password=Secret(b"old words")
        )
        report = await probe_profile(profile, **LOGIN)
    assert entries.binds == [GATEWAY]
    first, second = report["hosts"]
    words = "service account's password refused: Invalid credentials (49)"
    assert first["account"] == {"done": False, "detail": words}
    assert second["account"]["detail"] == "not tried again, as it was refused before"
    assert report["state"] == first["state"] == second["state"] == "unavailable"
    assert report["detail"].startswith(words)
    assert "old words" not in str(report)


async def test_an_account_that_was_refused_a_moment_ago_is_asked_for_afresh() -> None:
    """Logins spare it for ten seconds; whoever has just mended it wants to know."""
    entries = good()
    async with serving(entries) as server:
        prober = profile_prober(profile_of(server.port))
        entries.entries.remove(SERVICE)
        refused = await prober.probe({"profile": "corp"})
        entries.entries.append(SERVICE)
        mended = await prober.probe({"profile": "corp", **LOGIN})
    assert (refused["state"], mended["state"]) == ("unavailable", "accepted")


async def test_a_base_that_is_not_there() -> None:
    async with serving(good(search=Told(32, "gone"))) as server:
        report = await probe_profile(profile_of(server.port))
    assert report["hosts"][0]["base"] == {"done": False, "detail": "No such object (32): gone"}
    assert (report["state"], report["detail"]) == (
        "unavailable",
        "base_dn: No such object (32): gone",
    )


async def test_a_base_that_is_not_shown_need_not_matter() -> None:
    async with serving(Entries(ALICE, SERVICE)) as server:
        report = await probe_profile(profile_of(server.port))
    assert report["hosts"][0]["base"]["detail"] == "not shown to us, which need not matter"
    assert report["state"] == "ready"


# A login


async def test_a_login_that_is_accepted() -> None:
    names = NAMES | {"proxyAddresses": ["SMTP:alice@example.com", "smtp:A.Smith@example.com"]}
    group = Entry("cn=sales", attributes={"member": [DN], "mail": ["sales@example.com"]})
    entries = good(Entry(DN, b"secret", names), group)
    async with serving(entries) as server:
        profile = profile_of(
            server.port,
            identity_attribute="mail",
            address_attributes=("mail", "proxyAddresses"),
            send_as_filter="(member={dn})",
        )
        report = await probe_profile(profile, **{**LOGIN, "login": "Alice@example.com"})
    login = dict(report["login"])
    assert login.pop("seconds") > 0
    assert login == {
        "login": "alice@example.com",
        "host": "127.0.0.1",
        "state": "accepted",
        "detail": "bound",
        "passed_over": False,
        "filter": "(&(objectClass=person)(mail=alice@example.com))",
        "found": (DN,),
        "name": DN,
        "identity": "alice@example.com",
        "identity_trouble": "",
        "addresses": ("alice@example.com", "a.smith@example.com"),
        "send_as": ("sales@example.com",),
        "send_as_trouble": "",
        "password_sent": True,
    }
    assert entries.binds == [GATEWAY, GATEWAY, DN]


class _KeepsGroups(Entries):
    """A directory that shows nobody its groups; ``why`` None: it does not even say so."""

    why: Told | None = None

    def _search(self, content: bytes) -> list[bytes]:
        if b"member" not in content:
            return super()._search(content)
        return Entries(search=self.why)._search(content) if self.why else []


@pytest.mark.parametrize(
    ("why", "trouble"),
    [
        (Told(50, "not yours"), "Insufficient access (50): not yours"),
        (Told(3, "slow"), "127.0.0.1 port {port}: Time limit exceeded (3): slow"),
        (None, "no answer to a search from 127.0.0.1 port {port} within "),
    ],
    ids=["refused", "no time", "silent"],
)
async def test_a_search_for_more_addresses_that_fails_does_the_login_no_harm(
    why: Told | None, trouble: str
) -> None:
    entries = _KeepsGroups(ALICE, SERVICE, ROOT)
    entries.why = why
    async with serving(entries) as server:
        profile = profile_of(server.port, send_as_filter="(member={dn})")
        report = await probe_profile(profile, seconds=5.0 if why else 1.0, **LOGIN)
    login = report["login"]
    assert (login["state"], login["detail"], login["passed_over"]) == ("accepted", "bound", False)
    assert login["send_as_trouble"].startswith(trouble.format(port=server.port))


async def test_a_password_is_tried_at_one_host_once() -> None:
    entries = good()
    async with serving(entries) as server, serving(entries, address="127.0.0.2", port=server.port):
        profile = profile_of(server.port, "127.0.0.1", "127.0.0.2")
        report = await probe_profile(profile, **WRONG)
    assert (report["state"], report["detail"]) == ("rejected", "Invalid credentials (49)")
    assert report["login"]["host"] == "127.0.0.1"
    assert entries.binds.count(DN) == 1


async def test_a_login_is_tried_at_the_first_host_that_can_be_asked() -> None:
    async with serving(good(), address="127.0.0.2") as server:
        report = await probe_profile(profile_of(server.port, "127.0.0.1", "127.0.0.2"), **LOGIN)
    assert (report["state"], report["login"]["host"]) == ("accepted", "127.0.0.2")


@pytest.mark.parametrize(
    ("keys", "first", "ends"),
    [
        ({}, Entries(ALICE, SERVICE, search=Told(32)), "base_dn: No such object (32)"),
        (
            {},
            Entries(ALICE, replace(SERVICE, bind=Told(53, "no"))),
            "service account refused: Server is unwilling to perform (53): no",
        ),
        (DIRECT, Entries(replace(ALICE, bind=Told(13)), search=Told(13)), "the server wants TLS: "),
    ],
    ids=["base", "account", "TLS"],
)
async def test_a_login_does_not_go_on_from_a_trouble_that_is_not_the_host_s(
    keys: dict[str, str], first: Entries, ends: str
) -> None:
    """Of the password no host hears, as none would in a login; that the next one works is said."""
    second = good()
    async with serving(first) as server, serving(second, address="127.0.0.2", port=server.port):
        profile = profile_of(server.port, "127.0.0.1", "127.0.0.2", **keys)
        ready, tried = [await probe_profile(profile, **one) for one in ({}, LOGIN)]
        directory = build_directory(profile)
        result = await directory.authenticate(ADDRESS, Secret(b"secret"), Deadline.after(5.0))
        directory.close()
    assert isinstance(result, Trouble)
    assert result.fault is not Fault.HOST
    assert ready["state"] == tried["state"] == "unavailable"
    assert tried["detail"].startswith(ends)
    assert (tried["login"]["host"], tried["login"]["password_sent"]) == ("", False)
    words = "not tried, as logins end at 127.0.0.1, which cannot be used"
    assert tried["login"]["detail"] == words


@pytest.mark.parametrize(
    "trouble", [Told(3), Told(51), Told(52), Told(80)], ids=lambda told: str(told.code)
)
async def test_a_login_goes_on_from_a_host_that_cannot_be_asked_now(trouble: Told) -> None:
    """The password was tried at one host; what another one would say of it is not known."""
    busy, other = good(replace(ALICE, bind=trouble)), good()
    async with (
        serving(good(search=trouble)) as server,
        serving(busy, address="127.0.0.2", port=server.port),
        serving(other, address="127.0.0.3", port=server.port),
    ):
        hosts = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
        report = await probe_profile(profile_of(server.port, *hosts), **LOGIN)
    first, second, third = report["hosts"]
    assert (first["kind"], first["passed_over"]) == ("turned away", True)
    assert second["state"] == third["state"] == "ready"
    login = report["login"]
    assert (report["state"], login["host"], login["passed_over"]) == (
        "unavailable",
        "127.0.0.2",
        True,
    )
    assert login["detail"].startswith(f"127.0.0.2 port {server.port}: ")
    assert DN not in other.binds


async def test_a_controller_that_knows_nobody_is_passed_over() -> None:
    nobody = Told(49, "AcceptSecurityContext error, data 51f, v4563")
    async with (
        serving(good(replace(ALICE, bind=nobody))) as server,
        serving(good(), address="127.0.0.2", port=server.port),
    ):
        report = await probe_profile(profile_of(server.port, "127.0.0.1", "127.0.0.2"), **LOGIN)
    assert (report["state"], report["login"]["passed_over"]) == ("unavailable", True)


async def test_no_entry_and_two_of_them() -> None:
    async with serving(good(ALICE, ONCE_MORE)) as server:
        two = await probe_profile(profile_of(server.port), **LOGIN)
        other = {**LOGIN, "login": "bob@example.com"}
        none = await probe_profile(profile_of(server.port), **other)
    names = f"{DN}; {ONCE_MORE.dn}"
    assert (two["state"], two["detail"]) == ("unavailable", f"two entries match: {names}")
    assert two["login"]["found"] == (DN, ONCE_MORE.dn)
    assert not two["login"]["password_sent"]
    wanted = "(&(objectClass=person)(mail=bob@example.com))"
    assert none["state"] == "rejected"
    assert none["detail"] == f"no entry matches {wanted} under {BASE}"


async def test_an_account_without_its_identity() -> None:
    async with serving(good()) as server:
        profile = profile_of(server.port, identity_attribute="employeeType")
        right, wrong = [await probe_profile(profile, **one) for one in (LOGIN, WRONG)]
    trouble = "identity_attribute employeeType has no value"
    assert (right["state"], right["detail"]) == ("unavailable", trouble)
    assert wrong["state"] == "rejected"
    assert wrong["login"]["identity_trouble"] == trouble


async def test_a_directory_that_is_bound_to_directly() -> None:
    """The root is asked for, without a name, so that one sees whether it speaks LDAP."""
    entries = Entries(ALICE)
    async with serving(entries) as server:
        template = "uid={local},ou=people,dc=example,dc=com"
        profile = profile_of(server.port, auth="direct", bind_template=template)
        ready, accepted = [await probe_profile(profile, **one) for one in ({}, LOGIN)]
    assert (ready["state"], accepted["state"]) == ("ready", "accepted")
    assert ready["hosts"][0]["base"] is None
    assert (accepted["login"]["name"], accepted["login"]["filter"]) == (DN, "")
    assert entries.binds == [DN]
    assert entries.searches == ["objectClass=*"] * 2


async def test_a_directory_that_wants_tls() -> None:
    async with serving(Entries(ALICE, search=Told(13, "TLS needed"))) as server:
        profile = profile_of(server.port, auth="direct", bind_template="uid={local},o=x")
        report = await probe_profile(profile, **LOGIN)
    assert report["state"] == "unavailable"
    assert report["detail"].startswith('the server wants TLS: set security = "ssl" or "tls"')
    assert not report["login"]["password_sent"]


async def test_an_answer_that_is_neither_yes_nor_no() -> None:
    account = Entry(DN, b"secret", NAMES, bind=Told(53, "not today"))
    async with serving(good(account)) as server:
        report = await probe_profile(profile_of(server.port), **LOGIN)
    assert (report["state"], report["login"]["password_sent"]) == ("unavailable", True)
    assert report["detail"] == "Server is unwilling to perform (53): not today"
