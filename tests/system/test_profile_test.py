"""`bridgectl profile test` with a real OpenLDAP and a real Active Directory."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lab.bridge import Bridge
from lab.certificates import Certificates, make_certificates
from lab.directory_entries import BASE, GATEWAY, Person
from lab.domain_controller import DomainController
from lab.processes import lab_folder
from lab.settings import ldap_profile, settings_text
from lab.slapd import Slapd

from bridge_admin.cli import main as bridgectl

PASSWORD = "pässword: «secret»"
ALICE = Person("alice", PASSWORD, ("alice@example.com", "a.smith@example.com"))
TWICE = (
    Person("bob", PASSWORD, ("bob@example.com",)),
    Person("rob", PASSWORD, ("bob@example.com",)),
)
TEMPLATE = f"uid={{local}},ou=people,{BASE}"
OURS = ("example.com", "corp.example.com")


@dataclass
class Tool:
    """`bridgectl profile test` beside a daemon of these profiles."""

    file: Path
    bridge: Bridge
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def text(self, *options: str, name: str = "corp", code: int = 0, password: str = "") -> str:
        """Return what is printed."""
        if password:
            self.monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
            options = (*options, "--password-stdin")
        assert bridgectl(["profile", "test", name, "--settings", str(self.file), *options]) == code
        return self.capsys.readouterr().out

    def report(self, login: str = "", *, password: str = PASSWORD, **about: Any) -> dict[str, Any]:
        """Return what is found, of the login if one is given."""
        options = ("--json", "--login", login) if login else ("--json",)
        text = self.text(*options, password=password if login else "", **about)
        report: dict[str, Any] = json.loads(text)
        return report


@pytest.fixture
def folder() -> Iterator[Path]:
    with lab_folder() as folder:
        yield folder


@pytest.fixture
def tls(folder: Path) -> Certificates:
    (folder / "tls").mkdir()
    return make_certificates(folder / "tls")


@pytest.fixture
def slapd(folder: Path, tls: Certificates) -> Iterator[Slapd]:
    with Slapd(folder / "slapd", [ALICE, *TWICE], tls) as slapd:
        yield slapd


@contextmanager
def tool_of(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *profiles: str,
) -> Iterator[Tool]:
    place = folder / "bridge"
    text = settings_text(place, place / "auth", [*profiles], domains=OURS, enabled=False)
    with Bridge(place, text) as bridge:
        yield Tool(place / "settings.toml", bridge, monkeypatch, capsys)


@pytest.fixture
def with_profiles(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Return what runs a daemon of these profiles."""
    return lambda *profiles: tool_of(folder, monkeypatch, capsys, *profiles)


# OpenLDAP


@pytest.mark.parametrize("security", ["ssl", "tls", "plain"])
@pytest.mark.parametrize("auth", ["search", "direct"])
def test_a_healthy_directory(slapd: Slapd, with_profiles: Any, security: str, auth: str) -> None:
    direct = {"auth": "direct", "bind_template": TEMPLATE, "domains": ["example.com"]}
    keys: dict[str, Any] = direct if auth == "direct" else {}
    with with_profiles(ldap_profile("corp", slapd, security=security, **keys)) as tool:
        ready = tool.report()
        rejected = tool.report("alice@example.com", password="no", code=77)
        accepted = tool.report("alice@example.com")
    states = [report["state"] for report in (ready, rejected, accepted)]
    assert states == ["ready", "rejected", "accepted"]
    (host,) = accepted["hosts"]
    if security == "plain":
        assert (host["tls"], host["certificate"]) == ("", None)
    else:
        assert host["tls"].startswith("TLSv1.3, ")
        assert host["certificate"]["names"] == ["localhost", "127.0.0.1"]
        assert host["certificate"]["trouble"] == ""
        assert host["certificate"]["fingerprint"] == host["fingerprint"]
    login = accepted["login"]
    assert (login["name"], login["identity"]) == (ALICE.dn, "alice@example.com")
    if auth == "search":
        assert host["base"]["detail"] == "is there"
        assert login["addresses"] == ["alice@example.com", "a.smith@example.com"]
    assert slapd.binds(ALICE.dn) == 2


def test_every_host_is_looked_at_and_a_dead_one_is_said_to_be(
    slapd: Slapd, with_profiles: Any
) -> None:
    hosts = ["127.0.0.2", "localhost"]
    with with_profiles(ldap_profile("corp", slapd, hosts=hosts)) as tool:
        text = tool.text("--login", "alice@example.com", password=PASSWORD)
    assert "The certificate of localhost\n  for           localhost, 127.0.0.1\n" in text
    assert text.endswith("\ncorp accepts alice@example.com, but 127.0.0.2 cannot be used.\n")


def test_a_frozen_directory_is_unavailable_in_time(slapd: Slapd, with_profiles: Any) -> None:
    with with_profiles(ldap_profile("corp", slapd, security="plain")) as tool:
        slapd.pause()
        report = tool.report("alice@example.com", code=75)
        slapd.resume()
    assert report["detail"].startswith("no answer to a login from 127.0.0.1 port ")
    assert not report["login"]["password_sent"]


def test_a_service_account_that_is_refused_is_tried_once(slapd: Slapd, with_profiles: Any) -> None:
    keys = {"bind_password": "old", "hosts": ["127.0.0.1", "localhost"]}
    with with_profiles(ldap_profile("corp", slapd, **keys)) as tool:
        text = tool.text("--login", "alice@example.com", code=75, password=PASSWORD)
        log = tool.bridge.decisions(1)[0]
    assert f"  account       {GATEWAY}: service account's" in text
    assert text.endswith("\ncorp cannot be used like this. alice@example.com was not tried.\n")
    assert "reason=\"service account's password refused: Invalid credentials (49)" in log
    assert slapd.binds(GATEWAY) == 1
    assert slapd.binds(ALICE.dn) == 0


def test_no_entry_and_two_of_them(slapd: Slapd, with_profiles: Any) -> None:
    with with_profiles(ldap_profile("corp", slapd)) as tool:
        none = tool.report("carol@example.com", code=77)
        two = tool.report("bob@example.com", code=75)
    wanted = "(&(objectClass=person)(mail=carol@example.com))"
    assert none["detail"] == f"no entry matches {wanted} under {BASE}"
    assert two["detail"] == f"two entries match: {TWICE[0].dn}; {TWICE[1].dn}"
    assert slapd.binds(TWICE[0].dn) == slapd.binds(TWICE[1].dn) == 0


@pytest.mark.parametrize("security", ["ssl", "tls"])
@pytest.mark.parametrize(
    ("keys", "trouble"),
    [
        ({"tls_name": "dc.example.com"}, "certificate is not valid for dc.example.com"),
        ({"ca_file": ""}, "certificate is not signed by a trusted authority"),
    ],
    ids=["wrong name", "unknown authority"],
)
def test_a_mis_certified_directory(
    slapd: Slapd, with_profiles: Any, security: str, keys: dict[str, str], trouble: str
) -> None:
    with with_profiles(ldap_profile("corp", slapd, security=security, **keys)) as tool:
        report = tool.report("alice@example.com", code=75)
    (host,) = report["hosts"]
    assert host["trouble"] == host["certificate"]["trouble"] == trouble
    assert host["certificate"]["issuer"] == "Lab CA"
    assert "BIND" not in slapd.log.read_text()


@pytest.mark.parametrize(("security", "port"), [("ssl", "tls"), ("tls", "ssl")])
def test_the_port_of_another_kind_of_tls(
    slapd: Slapd, with_profiles: Any, security: str, port: str
) -> None:
    keys = {"security": security, "port": slapd.ports["ldap"][port]}
    with with_profiles(ldap_profile("corp", slapd, **keys)) as tool:
        report = tool.report(code=75)
    assert any(f'(`security = "{port}"`)' in one for one in report["advice"])


def test_a_base_that_is_not_there(slapd: Slapd, with_profiles: Any) -> None:
    with with_profiles(ldap_profile("corp", slapd, base_dn="dc=example,dc=net")) as tool:
        report = tool.report(code=75)
    assert report["detail"] == "base_dn: No such object (32)"
    assert report["advice"][0].startswith("There is no `base_dn` of this name")


# Active Directory


def test_an_account_of_active_directory(domain: DomainController, with_profiles: Any) -> None:
    proxies = ("SMTP:proberta@example.com", "smtp:p.smith@example.com", "X500:/o=x/cn=proberta")
    dn = domain.create_user(
        "proberta", PASSWORD, mail="proberta@example.com", proxy_addresses=proxies
    )
    domain.create_group("probe-sales", dn)
    domain.change("probe-sales", mail="probe-sales@example.com")
    keys = {"identity_attribute": "mail", "send_as_filter": "(&(objectClass=group)(member={dn}))"}
    with with_profiles(ldap_profile("corp", domain, **keys)) as tool:
        login = tool.report("p.smith@example.com")["login"]
        domain.disable("proberta")
        disabled = tool.report("proberta@example.com", code=77)
    assert (login["state"], login["identity"]) == ("accepted", "proberta@example.com")
    assert login["found"] == [login["name"]] == [dn]
    assert login["addresses"] == ["proberta@example.com", "p.smith@example.com"]
    assert login["send_as"] == ["probe-sales@example.com"]
    assert disabled["detail"] == "the account is disabled (data 533)"
    assert disabled["advice"][0].startswith("The account is disabled in the directory")


@pytest.mark.parametrize(
    ("keys", "detail", "advice"),
    [
        (
            {"bind_password": "old"},
            "service account's password refused: wrong login or password (data 52e)",
            "Nobody can log in until gateway@corp.example.com (`bind_dn`) can: ",
        ),
        (
            {"security": "plain"},
            'service account refused: the server wants TLS: set security = "ssl" or "tls" ',
            "The directory takes no password on an unencrypted connection: ",
        ),
        (
            {"bind_dn": "", "bind_password": ""},
            "base_dn: Operations error (1): ",
            "Active Directory lets nobody search without an account: ",
        ),
        (
            {"base_dn": "DC=other,DC=example,DC=com"},
            "base_dn: No such object (32)",
            "There is no `base_dn` of this name, or it may not be read by our account",
        ),
    ],
    ids=["password", "no TLS", "anonymous", "base"],
)
def test_what_active_directory_refuses(
    domain: DomainController,
    with_profiles: Any,
    keys: dict[str, str],
    detail: str,
    advice: str,
) -> None:
    with with_profiles(ldap_profile("corp", domain, **keys)) as tool:
        report = tool.report(code=75)
    assert report["detail"].startswith(detail)
    assert report["advice"][0].startswith(advice)


@pytest.mark.parametrize("security", ["ssl", "tls"])
def test_the_global_catalog(domain: DomainController, with_profiles: Any, security: str) -> None:
    keys = {"port": domain.ports["gc"][security], "base_dn": ""}
    with with_profiles(ldap_profile("corp", domain, security=security, **keys)) as tool:
        text = tool.text()
    assert "\n  base          the root: is there\n" in text
    assert "\n  check         passed\n" in text
