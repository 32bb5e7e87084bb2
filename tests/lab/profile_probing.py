"""Probing directories: the settings of one, and the daemon's prober for it."""

from collections.abc import Mapping
from typing import Any

from bridge_common.decisions import DecisionLog
from bridge_common.secret import Secret
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.model import Settings
from bridge_common.settings.server import Server
from lab.asking_ldap import ALICE, SERVICE
from lab.directory_entries import BASE, GATEWAY
from lab.fake_server import Peer
from lab.ldap_replies import Entries, Entry
from lab.ports import LOOPBACK
from lab.probing import ADMISSION
from sasl_bridge.passdb.build import build_parts
from sasl_bridge.probe.prober import Prober, ProbeRules

ROOT = Entry(BASE, attributes={"o": ["Example"]})
"""What `base_dn` names."""


def profile_of(port: int, *hosts: str, **keys: Any) -> LdapProfile:
    """Return the settings for a directory at this port, by default of loopback, in the clear."""
    usual: dict[str, Any] = {"name": "corp", "kind": "openldap", "security": "plain", "port": port}
    usual["hosts"] = hosts or (LOOPBACK,)
    if keys.get("auth") != "direct":
        usual |= {"bind_dn": GATEWAY, "bind_password": Secret(SERVICE.password), "base_dn": BASE}
    return LdapProfile(**(usual | keys))


def profile_prober(
    *profiles: LdapProfile, servers: tuple[Server, ...] = (), seconds: float = 5.0
) -> Prober:
    """Return a prober with these directories and servers in force."""
    prober = Prober(DecisionLog())
    parts = build_parts(Settings(servers=servers, ldap_profiles=profiles))
    prober.apply(ProbeRules(parts, ADMISSION, seconds, failure_delay=0.0))
    return prober


async def probe_profile(
    profile: LdapProfile, seconds: float = 5.0, **request: str
) -> Mapping[str, Any]:
    """Return the report on the directory."""
    prober = profile_prober(profile, seconds=seconds)
    return await prober.probe({"profile": profile.name, **request})


def good(*entries: Entry, **told: Any) -> Entries:
    """Return a directory with these entries, by default alice's, and what a probe asks for."""
    return Entries(*(entries or (ALICE,)), SERVICE, ROOT, **told)


def hear_something(peer: Peer) -> None:
    """Have the first request."""
    peer.hear_bytes(31)  # StartTLS is as long, the others are longer
