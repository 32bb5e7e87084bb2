"""The lab's Active Directory as the one profile of a gateway, and what Postfix tells its users.

Mail is in example.com; user principal names are in corp.example.com.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from lab.bridge import Bridge
from lab.domain_controller import DomainController
from lab.gateway import Gateway
from lab.settings import ldap_profile
from lab.smtp import Reply

PASSWORD = "pässword: «secret»"


def corp_bridge(
    gateway: Gateway,
    domain: DomainController,
    *,
    domains: Sequence[str] = ("example.com", "corp.example.com"),
    identity: Mapping[str, Any] | None = None,
    restraint: Mapping[str, Any] | None = None,
    **keys: Any,
) -> Bridge:
    """Return a daemon that asks the domain, not yet started; ``keys`` are of its profile.

    ``identity`` are keys of `[identity]` besides ``domains``, ``restraint`` those of `[restraint]`.
    """
    profile = ldap_profile("corp", domain, **keys)
    about: dict[str, Any] = {"domains": domains, "identity": identity or {}, "restraint": restraint}
    return gateway.bridge(profile, method="ldap", ldap_profile="corp", **about)


def told(gateway: Gateway, login: str, password: str = PASSWORD) -> Reply:
    """Return what a mail program is told that logs in on port 465."""
    with gateway.submissions() as session:
        session.secure()
        return session.plain(login, password)


def field(decision: str, name: str) -> str:
    """Return a field of a line of the daemon's log; texts of several words are quoted there."""
    written = decision.partition(f" {name}=")[2]
    if not written.startswith('"'):
        return written.partition(" ")[0]
    text: str = json.JSONDecoder().raw_decode(written)[0]
    return text
