"""The lab's own directories answer as the tests about them take for granted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ldap
import pytest
from lab.certificates import Certificates, make_certificates
from lab.directory_entries import (
    BASE,
    GATEWAY,
    GATEWAY_PASSWORD,
    GROUPS,
    Group,
    Person,
    replacement,
)
from lab.domain_controller import GATEWAY as AD_GATEWAY
from lab.domain_controller import DomainController
from lab.processes import lab_folder
from lab.slapd import Slapd
from ldap.controls.pwdpolicy import PasswordExpiredControl, PasswordExpiringControl

PASSWORD = "pässword: «secret»"
EXPIRED = {"pwdMaxAge": "1", "pwdGraceAuthNLimit": "1"}
EXPIRING = {"pwdMaxAge": "2000000000", "pwdExpireWarning": "2000000000"}
ALICE = Person("alice", PASSWORD, ("alice@example.com", "a.liddell@example.com"))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with lab_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def tls(folder: Path) -> Certificates:
    return make_certificates(folder)


def connect(uri: str, tls: Certificates) -> Any:
    connection = ldap.initialize(uri)
    connection.set_option(ldap.OPT_REFERRALS, 0)
    connection.set_option(ldap.OPT_TIMEOUT, 10)
    connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(tls.authority))
    connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_DEMAND)
    connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    return connection


def result(connection: Any, login: str, password: str = PASSWORD) -> int:
    """Return the result code of a simple bind."""
    try:
        connection.simple_bind_s(login, password)
    except ldap.LDAPError as error:
        code: int = error.args[0]["result"]
        return code
    return 0


def data_code(domain: DomainController, name: str, password: str = PASSWORD) -> str:
    """Return what Active Directory says beside a refused bind, or nothing if it is granted."""
    connection = connect(f"ldaps://{domain.address}", domain.tls)
    try:
        connection.simple_bind_s(f"{name}@corp.example.com", password)
    except ldap.INVALID_CREDENTIALS as error:
        told: str = error.args[0]["info"]
        return told.partition(" data ")[2].partition(",")[0]
    return ""


def found(connection: Any, text: str, base: str = BASE) -> tuple[list[str], int]:
    """Return the DNs that a search finds, and the number of continuation references."""
    answers = connection.search_s(base, ldap.SCOPE_SUBTREE, text, ["1.1"])
    dns = [dn for dn, _ in answers if dn is not None]
    return dns, len(answers) - len(dns)


def test_slapd_is_searched_by_the_gateway_only(folder: Path, tls: Certificates) -> None:
    staff = Group("staff", (ALICE.dn,))
    everybody = Group("everybody", (staff.dn,))
    elsewhere = ["ldap://127.0.0.1:9/dc=elsewhere"]
    groups = [staff, everybody]
    with Slapd(folder / "searched", [ALICE], tls, groups=groups, continuations=elsewhere) as slapd:
        gateway = connect(slapd.uri, tls)
        gateway.start_tls_s()
        assert result(gateway, GATEWAY, GATEWAY_PASSWORD) == 0
        assert found(gateway, "(mail=a.liddell@example.com)") == ([ALICE.dn], 1)
        nested = f"(&(uid=alice)(memberOf=cn=everybody,{GROUPS}))"
        assert found(gateway, nested) == ([ALICE.dn], 1)
        assert gateway.search_s(ALICE.dn, ldap.SCOPE_BASE, attrlist=["userPassword"])[0][1] == {}
        with pytest.raises(ldap.NO_SUCH_OBJECT):
            found(connect(slapd.uri, tls), "(uid=alice)")


def test_slapd_answers_to_a_bind_as_it_is_told(folder: Path, tls: Certificates) -> None:
    moved = Person("moved", PASSWORD, bind_result="0x0a ref=ldap://127.0.0.1:9/")
    busy = Person("busy", PASSWORD, bind_result="0x33")
    policy = {"pwdLockout": "TRUE", "pwdMaxFailure": "2"}
    people = [ALICE, moved, busy]
    with Slapd(folder / "told", people, password_policy=policy) as slapd:
        connection = connect(slapd.uri, tls)
        assert result(connection, moved.dn) == 10
        assert result(connection, busy.dn) == 51
        assert result(connection, ALICE.dn) == 0
        assert [result(connection, ALICE.dn, "wrong") for _ in range(2)] == [49, 49]
        assert result(connection, ALICE.dn) == 49
        slapd.set_password(ALICE.dn, "another")
        assert result(connection, ALICE.dn, "another") == 0
        assert slapd.binds(ALICE.dn) == 5


@pytest.mark.parametrize(
    ("policy", "changed", "control"),
    [
        (EXPIRED, "pwdChangedTime: 20200101000000Z", PasswordExpiredControl),
        (EXPIRING, "pwdChangedTime: 20200101000000Z", PasswordExpiringControl),
        ({"pwdMustChange": "TRUE"}, "pwdReset: TRUE", PasswordExpiredControl),
    ],
    ids=["expired", "expiring", "reset"],
)
def test_slapd_tells_unasked_that_a_password_is_to_be_changed(
    tls: Certificates, policy: dict[str, str], changed: str, control: type
) -> None:
    with lab_folder() as own, Slapd(own / "slapd", [ALICE], password_policy=policy) as slapd:
        slapd.set_password(ALICE.dn, PASSWORD)
        slapd.modify(replacement(ALICE.dn, *changed.split(": ")))
        connection = connect(slapd.uri, tls)
        _, _, _, controls = connection.simple_bind_s(ALICE.dn, PASSWORD)
        assert [type(one) for one in controls] == [control]


def test_slapd_may_have_a_second_one_at_the_same_ports(folder: Path, tls: Certificates) -> None:
    with (
        Slapd(folder / "first", [ALICE]) as first,
        Slapd(folder / "second", [], beside=first) as second,
    ):
        assert first.ports == second.ports
        assert result(connect(first.uri, tls), ALICE.dn) == 0
        assert result(connect(second.uri, tls), ALICE.dn) == 49
        assert first.connections(ALICE.dn, GATEWAY) == 1
        assert second.connections(GATEWAY) == 0


def test_slapd_demands_encryption_and_limits_what_is_found(folder: Path, tls: Certificates) -> None:
    with Slapd(folder / "strict", [ALICE], tls, security="ssf=128", sizelimit="1") as slapd:
        assert result(connect(slapd.uri, tls), ALICE.dn) == 13
        gateway = connect(f"ldaps://127.0.0.1:{slapd.port}", tls)
        assert result(gateway, GATEWAY, GATEWAY_PASSWORD) == 0
        with pytest.raises(ldap.SIZELIMIT_EXCEEDED):
            found(gateway, "(objectClass=*)")


def test_slapd_is_suspended_stopped_and_started_with_its_data(
    folder: Path, tls: Certificates
) -> None:
    with Slapd(folder / "suspended", [ALICE]) as slapd:
        slapd.set_password(ALICE.dn, "another")
        slapd.pause()
        frozen = connect(slapd.uri, tls)
        with pytest.raises(ldap.TIMEOUT):
            frozen.result(frozen.simple_bind(ALICE.dn, "another"), timeout=0.1)
        slapd.stop()
        with pytest.raises(ldap.SERVER_DOWN):
            connect(slapd.uri, tls).simple_bind_s(ALICE.dn, "another")
        slapd.start()
        assert result(connect(slapd.uri, tls), ALICE.dn, "another") == 0


def test_a_domain_controller_tells_why_it_refuses(domain: DomainController) -> None:
    states = {
        "disabled": domain.disable,
        "ended": domain.expire_account,
        "old": domain.expire_password,
        "new": domain.require_new_password,
        "never": domain.forbid_every_hour,
    }
    for name, change in states.items():
        domain.create_user(name, PASSWORD)
        assert data_code(domain, name) == ""
        change(name)
    domain.create_user("elsewhere", PASSWORD)
    domain.restrict_to_workstation("elsewhere", "DESK")
    assert {name: data_code(domain, name) for name in (*states, "elsewhere", "nobody")} == {
        "disabled": "533",
        "ended": "701",
        "old": "532",
        "new": "773",
        "never": "530",
        "elsewhere": "531",
        "nobody": "52e",
    }


def test_a_domain_controller_locks_and_unlocks_an_account(domain: DomainController) -> None:
    domain.create_user("locked", PASSWORD)
    domain.lock_out_after("locked", 2)
    assert [data_code(domain, "locked", "wrong") for _ in range(3)] == ["52e", "52e", "775"]
    assert data_code(domain, "locked") == "775"
    domain.unlock("locked")
    assert data_code(domain, "locked") == ""


def test_a_domain_controller_finds_people_and_is_started_again(domain: DomainController) -> None:
    addresses = ("SMTP:bob@example.com", "smtp:robert@example.com")
    dn = domain.create_user("bob", PASSWORD, mail="bob@example.com", proxy_addresses=addresses)
    staff = domain.create_group("everybody", domain.create_group("staff", dn))
    nested = f"(&(cn=bob)(memberOf:1.2.840.113556.1.4.1941:={staff}))"
    domain.pause()
    frozen = connect(f"ldap://{domain.address}", domain.tls)
    with pytest.raises(ldap.TIMEOUT):
        frozen.result(frozen.simple_bind(AD_GATEWAY, "any"), timeout=0.1)
    domain.stop()
    domain.start()
    plain = connect(f"ldap://{domain.address}", domain.tls)
    assert result(plain, "CORP\\bob") == 8
    plain.start_tls_s()
    assert result(plain, "CORP\\bob") == 0
    for port, references in ((636, 3), (3269, 0)):
        gateway = connect(f"ldaps://{domain.address}:{port}", domain.tls)
        assert result(gateway, AD_GATEWAY, GATEWAY_PASSWORD) == 0
        base = "DC=corp,DC=example,DC=com"
        assert found(gateway, "(proxyAddresses=smtp:robert@example.com)", base) == (
            [dn],
            references,
        )
        assert found(gateway, nested, base) == ([dn], references)
