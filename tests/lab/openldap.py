"""The lab's OpenLDAP as the one profile of a gateway, and whom the tests know in it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lab.bridge import Bridge
from lab.corp import PASSWORD, field, told
from lab.directory_entries import PEOPLE, Person
from lab.gateway import Gateway
from lab.settings import ldap_profile, listed_profile
from lab.slapd import Slapd
from lab.smtp import Reply

ALICE = Person("alice", PASSWORD, ("alice@example.com",))
BOB = Person("bob", "his", ("bob@example.com",))

PLAIN: dict[str, Any] = {"security": "plain"}
SEARCH: dict[str, Any] = {}
DIRECT: dict[str, Any] = {"auth": "direct", "bind_template": f"uid={{local}},{PEOPLE}"}


def slapd_bridge(
    gateway: Gateway,
    slapd: Slapd,
    *,
    domains: Sequence[str] = ("example.com",),
    identity: Mapping[str, Any] | None = None,
    timeout: str = "8s",
    **keys: Any,
) -> Bridge:
    """Return a daemon that asks this server, not yet started; ``keys`` are of its profile.

    ``identity`` are keys of `[identity]` besides ``domains``.
    """
    profile = ldap_profile("corp", slapd, **keys)
    about: dict[str, Any] = {"domains": domains, "identity": identity or {}}
    about |= {"connection_timeout": timeout}
    return gateway.bridge(profile, method="ldap", ldap_profile="corp", **about)


def reasons(bridge: Bridge, number: int) -> list[str]:
    """Return why, of each of so many decisions."""
    return [field(line, "reason") for line in bridge.decisions(number)]


def bridge_of_profiles(
    gateway: Gateway,
    slapd: Slapd,
    profiles: Mapping[str, Mapping[str, Any]],
    **smtp_auth: Any,
) -> Bridge:
    """Return a daemon with several profiles of one server, each with these keys.

    Each serves the domain NAME.test, where the local part of a login is a uid.
    """
    servers = []
    for name, keys in profiles.items():
        usual = {} if keys.get("auth") == "direct" else {"login_filter": "(uid={local})"}
        domains = [f"{name}.test"]
        servers.append(ldap_profile(name, slapd, domains=domains, **(usual | dict(keys))))
        servers.append(listed_profile(name))
    domains = [f"{name}.test" for name in profiles]
    return gateway.bridge(*servers, domains=domains, **smtp_auth)


def told_by_each(
    gateway: Gateway, profiles: Iterable[str], uid: str, password: str = PASSWORD
) -> dict[str, Reply]:
    """Return what a user is told by each of these profiles of a `bridge_of_profiles`."""
    return {name: told(gateway, f"{uid}@{name}.test", password) for name in profiles}


def reason_of_each(bridge: Bridge, profiles: Iterable[str], number: int = 1) -> dict[str, str]:
    """Return the reason of the last decision of each of these profiles, once there are so many."""
    lines = {name: bridge.lines_with(rf"verdict=.* server={name} ", number) for name in profiles}
    return {name: field(found[-1], "reason") for name, found in lines.items()}
