"""The addresses that real directories say a login owns: OpenLDAP's, and Active Directory's."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from lab import directory_entries, domain_controller
from lab.directory_entries import GATEWAY, GROUPS, PEOPLE, Person, entry, replacement
from lab.domain_controller import DomainController
from lab.gateway import Gateway
from lab.leftovers import open_sockets
from lab.openldap import ALICE, BOB
from lab.ports import LOOPBACK
from lab.slapd import Slapd

from bridge_common.deadline import Deadline
from bridge_common.directory.build import build_directory
from bridge_common.directory.directory import Directory
from bridge_common.directory.results import (
    AddressesResult,
    ManyEntries,
    NoEntry,
    OwnAddresses,
    Trouble,
)
from bridge_common.identity import Identity, LoginForm
from bridge_common.secret import Secret
from bridge_common.settings.ldap_profile import LdapProfile
from policyd.ownership.directory import Addresses, DirectoryAddresses

IN_GROUPS = "(&(objectClass=groupOfNames)(member={dn}))"
SALES = f"cn=sales,{GROUPS}"
_SOCKETS_EACH = 3  # the connection, and the pair that decodes what it says


def slapd_profile(slapd: Slapd, **keys: Any) -> LdapProfile:
    usual: dict[str, Any] = {
        "name": "corp",
        "kind": "openldap",
        "security": "plain",
        "hosts": (LOOPBACK,),
        "port": slapd.ports["ldap"]["plain"],
        "bind_dn": GATEWAY,
        "bind_password": Secret(directory_entries.GATEWAY_PASSWORD.encode()),
        "base_dn": directory_entries.BASE,
    }
    return LdapProfile(**(usual | keys))


def domain_profile(domain: DomainController, **keys: Any) -> LdapProfile:
    usual: dict[str, Any] = {
        "name": "corp",
        "kind": "active-directory",
        "hosts": (domain.address,),
        "bind_dn": domain_controller.GATEWAY,
        "bind_password": Secret(domain_controller.GATEWAY_PASSWORD.encode()),
        "base_dn": domain_controller.BASE,
        "ca_file": str(domain.tls.authority),
    }
    return LdapProfile(**(usual | keys))


@contextlib.asynccontextmanager
async def directory_of(profile: LdapProfile) -> AsyncIterator[Directory]:
    directory = build_directory(profile)
    try:
        yield directory
    finally:
        directory.close()


async def addresses(
    profile: LdapProfile, login: str, form: LoginForm = LoginForm.ADDRESS
) -> AddressesResult:
    """Return what the directory says of this login."""
    local, _, domain = login.partition("@")
    async with directory_of(profile) as directory:
        who = Identity(local, domain, form)
        return await directory.addresses_of(who, Deadline.after(8.0))


# OpenLDAP


def group(cn: str, *members: str, **attributes: list[str]) -> str:
    """Return the LDIF of a group that may have addresses."""
    classes = ("groupOfNames", "extensibleObject")
    return entry(f"cn={cn},{GROUPS}", *classes, cn=[cn], member=members, **attributes)


@pytest.fixture(scope="module")
def slapd(running_gateway: Gateway) -> Iterator[Slapd]:
    alice = Person("alice", "hers", ("Alice@Example.com", "a.smith@bücher.example"))
    twins = [Person(uid, "theirs", ("twins@example.com",)) for uid in ("castor", "pollux")]
    files = [group(f"files{number}", BOB.dn) for number in range(150)]
    lists = [
        group(f"list{number}", twins[0].dn, mail=[f"list{number}@example.com"])
        for number in range(101)
    ]
    groups = [
        group("sales", alice.dn, BOB.dn, mail=["Sales@example.com"]),
        group("nobody", alice.dn),
        group("others", BOB.dn, mail=["others@example.com"]),
    ]
    ldif = "".join([*groups, *files, *lists])
    with running_gateway.slapd([alice, BOB, *twins], ldif=ldif) as slapd:
        yield slapd


async def test_an_account_of_openldap_and_its_groups(slapd: Slapd) -> None:
    own = ("alice@example.com", "a.smith@xn--bcher-kva.example")
    profile = slapd_profile(slapd, send_as_filter=IN_GROUPS)
    known = OwnAddresses(own, ("sales@example.com",))
    assert await addresses(profile, "alice@example.com") == known
    assert await addresses(profile, "alice@example.net", LoginForm.BARE) == known
    assert await addresses(slapd_profile(slapd), "alice@example.com") == OwnAddresses(own, ())


async def test_a_hundred_and_fifty_groups_without_an_address_hide_none_with_one(
    slapd: Slapd,
) -> None:
    profile = slapd_profile(slapd, send_as_filter=IN_GROUPS)
    found = await addresses(profile, "bob@example.com")
    assert isinstance(found, OwnAddresses)
    assert found.own == ("bob@example.com",)
    assert sorted(found.send_as) == ["others@example.com", "sales@example.com"]
    assert found.missing == ""


async def test_more_groups_than_are_asked_for_are_not_taken_for_all(slapd: Slapd) -> None:
    keys = {"login_filter": "(uid={local})", "send_as_filter": IN_GROUPS}
    found = await addresses(slapd_profile(slapd, **keys), "castor@example.com")
    assert isinstance(found, OwnAddresses)
    assert len(found.send_as) == 100
    assert found.missing == "send_as_filter: Size limit exceeded (4)"


async def test_a_shared_mailbox_that_names_who_may_send_as_it(slapd: Slapd) -> None:
    slapd.modify(replacement(SALES, "seeAlso", f"uid=castor,{PEOPLE}"))
    keys = {"login_filter": "(uid={local})", "send_as_filter": "(seeAlso={dn})"}
    found = await addresses(slapd_profile(slapd, **keys), "castor@example.com")
    assert found == OwnAddresses(("twins@example.com",), ("sales@example.com",))


async def test_nobody_several_and_our_own_account(slapd: Slapd) -> None:
    profile = slapd_profile(slapd)
    assert isinstance(await addresses(profile, "carol@example.com"), NoEntry)
    assert isinstance(await addresses(profile, "twins@example.com"), ManyEntries)
    ours = slapd_profile(slapd, login_filter="(cn={local})")
    assert isinstance(await addresses(ours, "gateway@example.com"), NoEntry)


async def test_a_base_that_is_not_there_is_trouble(slapd: Slapd) -> None:
    found = await addresses(slapd_profile(slapd, base_dn="dc=elsewhere"), "alice@example.com")
    assert isinstance(found, Trouble)
    assert found.detail == "search: No such object (32)"


# Active Directory


AD_GROUPS = "(&(objectClass=group)(member:1.2.840.113556.1.4.1941:={dn}))"


async def test_an_account_of_active_directory_and_its_groups(domain: DomainController) -> None:
    proxies = (
        "SMTP:Ophelia@example.com",
        "smtp:o.jones@example.com",
        "smtp:ophelia@bücher.example",
        "X500:/o=Example/cn=ophelia@example.com",
        "SIP:ophelia@sip.example.com",
    )
    dn = domain.create_user("ophelia", "hers", mail="ophelia@example.com", proxy_addresses=proxies)
    inner = domain.create_group("owner-inner", dn)
    domain.create_group("owner-outer", inner)
    domain.change("owner-outer", mail="Outer@example.com", proxyAddresses="smtp:o2@example.com")
    own = ("ophelia@example.com", "o.jones@example.com", "ophelia@xn--bcher-kva.example")
    direct = domain_profile(domain, send_as_filter="(&(objectClass=group)(member={dn}))")
    nested = domain_profile(domain, send_as_filter=AD_GROUPS)
    for login in ("ophelia@example.com", "o.jones@example.com", "ophelia@corp.example.com"):
        assert await addresses(direct, login) == OwnAddresses(own, ())
        outer = ("outer@example.com", "o2@example.com")
        assert await addresses(nested, login) == OwnAddresses(own, outer)
    bare = await addresses(direct, "ophelia@example.net", LoginForm.WINDOWS)
    assert bare == OwnAddresses(own, ())


async def test_a_shared_mailbox_of_active_directory(domain: DomainController) -> None:
    dn = domain.create_user("hamlet", "his", mail="hamlet@example.com")
    domain.create_user("owner-shared", "nobody's", mail="shared@example.com", secretary=dn)
    domain.disable("owner-shared")
    profile = domain_profile(domain, send_as_filter="(&(objectClass=user)(secretary={dn}))")
    found = await addresses(profile, "hamlet@example.com")
    assert found == OwnAddresses(("hamlet@example.com",), ("shared@example.com",))


async def test_nobody_of_active_directory_and_our_own_account(domain: DomainController) -> None:
    """At the domain's root references come with every answer, and are no entries."""
    profile = domain_profile(domain)
    assert isinstance(await addresses(profile, "yorick@example.com"), NoEntry)
    assert isinstance(await addresses(profile, domain_controller.GATEWAY), NoEntry)


# Away


async def test_a_directory_that_is_down_is_trouble_and_then_is_not(gateway: Gateway) -> None:
    slapd = gateway.slapd([ALICE])
    async with directory_of(slapd_profile(slapd)) as directory:
        later = 0.0
        loop = asyncio.get_running_loop()
        known = DirectoryAddresses(directory, clock=lambda: loop.time() + later)
        who = Identity("alice", "example.com", LoginForm.ADDRESS)
        port = slapd.ports["ldap"]["plain"]
        down = Addresses(
            frozenset(), f"ldap_profile corp: connection refused by {LOOPBACK} port {port}"
        )
        owned = Addresses(frozenset({"alice@example.com"}))
        assert await known.look_up(who, Deadline.after(4.0)) == down
        with slapd:
            assert await known.look_up(who, Deadline.after(4.0)) == down
            later = 2.1
            assert await known.look_up(who, Deadline.after(4.0)) == owned
        assert known.recall(who) == owned
        later = 63.0
        assert await known.look_up(who, Deadline.after(4.0)) == down


async def test_a_hundred_who_wait_for_a_frozen_directory_hold_few_connections(
    gateway: Gateway,
) -> None:
    """The kernel still takes connections for it; afterwards all is as before."""
    loop = asyncio.get_running_loop()
    people = [Person(f"u{one}", "x", (f"u{one}@example.com",)) for one in range(100)]
    logins = [Identity(f"u{one}", "example.com", LoginForm.ADDRESS) for one in range(100)]
    most = 10
    with gateway.slapd(people) as slapd:
        async with directory_of(slapd_profile(slapd, max_connections=most)) as directory:
            before = len(open_sockets())
            known = DirectoryAddresses(directory)

            async def look_up(login: Identity, seconds: float) -> Addresses:
                began = loop.time()
                found = await known.look_up(login, Deadline.after(seconds))
                assert loop.time() - began < seconds + 1.0
                return found

            slapd.pause()
            waiting = asyncio.gather(*[look_up(login, 2.0) for login in logins])
            peak = 0
            while not waiting.done():
                peak = max(peak, len(open_sockets()) - before)
                await asyncio.sleep(0.05)
            assert peak == most * _SOCKETS_EACH
            assert all(one.trouble and not one.addresses for one in await waiting)
            slapd.resume()
            others = DirectoryAddresses(directory)
            known = others
            found = await asyncio.gather(*[look_up(login, 8.0) for login in logins])
            assert [one.addresses for one in found] == [{one.mail[0]} for one in people]
            assert len(open_sockets()) - before <= most * _SOCKETS_EACH
