"""What docs/directory.md shows of `bridgectl profile test`, made from the first example there."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.probe_reports import CERTIFICATE
from lab.profile_reports import ALICE, host, login

from bridge_admin.profile_text import format_profile_probe
from bridge_common.directory.build import build_directory
from bridge_common.secret import Secret
from bridge_common.settings.ldap_profile import LdapProfile
from sasl_bridge.probe.directory_advice import directory_advice
from sasl_bridge.probe.directory_report import (
    Checked,
    DirectoryReport,
    HostSeen,
    LoginTried,
    Reached,
    directory_report_as_json,
)
from sasl_bridge.probe.trouble import trouble_of

PAGE = (Path(__file__).parents[3] / "docs" / "directory.md").read_text(encoding="utf-8")
SAMPLES = re.findall(
    r"^```text\n\$ bridgectl profile test [^\n]*\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
)
PRINTS = {
    "dc1": "7975b1b366915cd07a474e3e37184673bdc32d92a94a6983c2f37a8e91b720c6",
    "dc2": "d1b6f1c1fa3ac1b06c8b4c0b1c9f4a5c4e2d1a90be4c57d1b9a1d2a4f5e6c7b8",
}


def profile() -> LdapProfile:
    """Return that of the page's first example, without what it reads from files."""
    blocks = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    first = next(one for one in blocks if "[[ldap_profile]]" in one)
    keys: dict[str, Any] = tomllib.loads(first)["ldap_profile"][0]
    changes = {"hosts": tuple(keys["hosts"]), "bind_password": Secret(b"x"), "ca_file": ""}
    return LdapProfile(**(keys | changes))


def seen_of(short: str, address: str, seconds: float, **changes: Any) -> HostSeen:
    """Return a controller, which is ready."""
    name = f"{short}.corp.example.com"
    certificate = replace(
        CERTIFICATE,
        names=(name,),
        number_of_names=1,
        subject=name,
        issuer="Corp CA",
        not_before="2026-03-02",
        not_after="2028-03-01",
        days_left=463,
        fingerprint=PRINTS[short],
    )
    usual: dict[str, Any] = {
        "addresses": (address,),
        "tried": (Reached(address, ""),),
        "tls": "TLSv1.3, TLS_AES_256_GCM_SHA384",
        "fingerprint": PRINTS[short],
        "certificate": certificate,
        "seconds": seconds,
    }
    return host(name, **(usual | changes))


def text(hosts: Sequence[HostSeen], tried: LoginTried) -> str:
    report = DirectoryReport(profile(), tuple(hosts), tried)
    return format_profile_probe(directory_report_as_json(report, directory_advice(report)), 80)


def test_a_login_that_is_accepted() -> None:
    hosts = (seen_of("dc1", "192.0.2.10", 0.02), seen_of("dc2", "192.0.2.11", 0.03))
    dn = "CN=Alice Liddell,OU=Staff,DC=corp,DC=example,DC=com"
    tried = login(
        host="dc1.corp.example.com",
        filter=build_directory(profile()).filter_for(ALICE),
        found=(dn,),
        name=dn,
        addresses=("alice@example.com", "a.liddell@example.com"),
        seconds=0.03,
    )
    assert text(hosts, tried) == SAMPLES[0]


def test_a_service_account_whose_password_is_wrong() -> None:
    words = "service account's password refused: wrong login or password (data 52e)"
    refused = Checked(done=False, detail=words)
    first = seen_of("dc1", "192.0.2.10", 0.01, account=refused, base=None)
    trouble = "connection refused by 192.0.2.11 port 636"
    second = HostSeen(
        "dc2.corp.example.com",
        addresses=("192.0.2.11",),
        tried=(Reached("192.0.2.11", trouble),),
        trouble=trouble,
        kind=trouble_of(trouble),
        passed_over=True,
    )
    assert text((first, second), LoginTried(ALICE)) == SAMPLES[1]
