"""A probe asks about a login as a login does: nobody else's password, and with the same verdict."""

from dataclasses import replace

import pytest
from lab.asking import serving
from lab.asking_ldap import ALICE, NAMES, SERVICE
from lab.directory_entries import GATEWAY
from lab.ldap_replies import Entries, Told
from lab.probing import ADMISSION
from lab.probing import ALICE as LOGIN
from lab.profile_probing import ROOT, probe_profile, profile_of, profile_prober

from bridge_common.decisions import DecisionLog
from bridge_common.runtime.control import BadRequest
from bridge_common.settings.model import Settings
from bridge_common.settings.server import Server
from sasl_bridge.passdb.build import build_parts
from sasl_bridge.probe.prober import Prober, ProbeRules

pytestmark = pytest.mark.expect_warnings("mechanism=probe verdict=unavailable")

NO_AUTHORITY = Told(49, "80090311: LdapErr: comment: AcceptSecurityContext error, data 51f, v1db1")


async def test_our_own_account_is_no_login_here_either() -> None:
    own = replace(SERVICE, attributes={"mail": ["gw@example.com"], "objectClass": ["person"]})
    entries = Entries(ALICE, own, ROOT)
    async with serving(entries) as server:
        report = await probe_profile(
            profile_of(server.port), login="gw@example.com", password="guess"
        )
    assert report["state"] == "rejected"
    detail = f"{GATEWAY} is our own account (bind_dn), which is no login"
    assert report["login"]["detail"] == detail
    assert entries.binds == [GATEWAY, GATEWAY]  # its own password, once for each part of the probe
    assert report["login"]["password_sent"] is False


async def test_a_login_that_would_be_a_dn_is_not_tried() -> None:
    entries = Entries(ALICE, SERVICE, ROOT)
    async with serving(entries) as server:
        profile = profile_of(server.port, auth="direct", bind_template="{login}")
        identity = replace(ADMISSION.identity, login_characters=frozenset("cnx="))
        prober = Prober(DecisionLog())
        parts = build_parts(Settings(ldap_profiles=(profile,)))
        prober.apply(ProbeRules(parts, replace(ADMISSION, identity=identity), 5.0, 0.0))
        request = {"profile": "corp", "login": "cn=x@example.com", "password": "pw"}
        report = await prober.probe(request)
    assert report["state"] == "rejected"
    detail = "a login with a = in it would be a distinguished name here"
    assert report["login"]["detail"] == detail
    assert entries.binds == []


async def test_a_login_that_no_entry_of_the_list_brings_here_is_not_tried() -> None:
    entries = Entries(ALICE, SERVICE, ROOT)
    async with serving(entries) as server:
        profile = profile_of(server.port)
        staff = Server(name="staff", protocol="ldap", ldap_profile="corp", domains=("example.org",))
        why = "profile corp is not asked about logins of example.com"
        with pytest.raises(BadRequest, match=why):
            await profile_prober(profile, servers=(staff,)).probe({"profile": "corp", **LOGIN})
    assert entries.binds == []


async def test_an_identity_that_no_entry_of_the_list_serves_is_rejected() -> None:
    names = NAMES | {"employeeType": ["ceo@example.org"]}
    async with serving(Entries(replace(ALICE, attributes=names), SERVICE, ROOT)) as server:
        profile = profile_of(server.port, identity_attribute="employeeType")
        staff = Server(name="staff", protocol="ldap", ldap_profile="corp", domains=("example.com",))
        prober = profile_prober(profile, servers=(staff,))
        report = await prober.probe({"profile": "corp", **LOGIN})
    assert report["state"] == "rejected"


class _NoTimeForMembers(Entries):
    """Finds logins, but is out of time for the addresses of groups."""

    def _search(self, content: bytes) -> list[bytes]:
        self.search = Told(3) if b"member" in content else Told(0)
        return super()._search(content)


async def test_a_search_for_more_addresses_that_fails_holds_no_login_up() -> None:
    """The password does not wait for it: a login does without."""
    entries = _NoTimeForMembers(ALICE, SERVICE, ROOT)
    async with serving(entries) as server:
        profile = profile_of(server.port, send_as_filter="(member={dn})")
        report = await probe_profile(profile, **LOGIN)
    assert report["state"] == "accepted"
    trouble = f"127.0.0.1 port {server.port}: Time limit exceeded (3)"
    assert report["login"]["send_as_trouble"] == trouble


async def test_an_account_that_a_host_cannot_ask_anybody_about_is_tried_at_the_next() -> None:
    sick = Entries(ALICE, replace(SERVICE, bind=NO_AUTHORITY), ROOT)
    well = Entries(ALICE, SERVICE, ROOT)
    async with (
        serving(sick) as server,
        serving(well, address="127.0.0.2", port=server.port),
    ):
        report = await probe_profile(profile_of(server.port, "127.0.0.1", "127.0.0.2"), **LOGIN)
    assert report["state"] == "accepted"
    assert report["login"]["host"] == "127.0.0.2"
