"""Reports of probes of directories, as if there had been one: of a good one, and of others."""

from dataclasses import replace
from typing import Any

from bridge_common.identity import Identity, LoginForm
from bridge_common.settings.ldap_profile import LdapProfile
from lab.probe_reports import CERTIFICATE
from sasl_bridge.probe.directory_report import (
    Checked,
    DirectoryReport,
    HostSeen,
    LoginTried,
    Reached,
)
from sasl_bridge.probe.trouble import trouble_of

PROFILE = LdapProfile(
    name="corp",
    kind="active-directory",
    hosts=("dc1.example.com",),
    bind_dn="gateway@example.com",
    base_dn="DC=example,DC=com",
)
ALICE = Identity("alice", "example.com", LoginForm.ADDRESS)
DN = "CN=Alice,CN=Users,DC=example,DC=com"


def host(name: str = "dc1.example.com", **changes: Any) -> HostSeen:
    """Return a host that is ready."""
    seen: dict[str, Any] = {
        "addresses": ("192.0.2.1",),
        "tried": (Reached("192.0.2.1", ""),),
        "tls": "TLSv1.3, X",
        "fingerprint": CERTIFICATE.fingerprint,
        "account": Checked(done=True, detail="accepted"),
        "base": Checked(done=True, detail="is there"),
        "seconds": 0.04,
        "certificate": replace(CERTIFICATE, names=("dc1.example.com",), number_of_names=1),
    }
    return HostSeen(name, **(seen | changes))


def dead(trouble: str, name: str = "dc1.example.com") -> HostSeen:
    """Return a host of which there is nothing but this trouble at its one address."""
    address = "192.0.2.1"
    return HostSeen(
        name,
        (address,),
        (Reached(address, trouble),),
        trouble=trouble,
        kind=trouble_of(trouble),
        passed_over=True,
        seconds=2.0,
    )


def login(**changes: Any) -> LoginTried:
    """Return alice's, which was accepted."""
    tried: dict[str, Any] = {
        "host": "dc1.example.com",
        "state": "accepted",
        "detail": "bound",
        "filter": "(mail=alice@example.com)",
        "found": (DN,),
        "name": DN,
        "identity": "alice@example.com",
        "addresses": ("alice@example.com", "a.smith@example.com"),
        "password_sent": True,
        "seconds": 0.06,
    }
    return LoginTried(ALICE, **(tried | changes))


def report(*hosts: HostSeen, tried: LoginTried | None = None, **keys: Any) -> DirectoryReport:
    """Return a report on these hosts, or a good one; ``keys`` are of the profile."""
    seen = hosts or (host(),)
    profile = replace(PROFILE, **({"hosts": tuple(one.host for one in seen)} | keys))
    return DirectoryReport(profile, seen, tried)
