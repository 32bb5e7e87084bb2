"""What must hold within an `[[ldap_profile]]`, and between it and those that name it.

Knows the rules that one key alone cannot break. Does not know what is allowed but doubtful
(`profile_doubts`).
Pure: yields findings, raises nothing. Paths are without names (`ldap_profile[1].base_dn`).
"""

from collections.abc import Iterator

from bridge_common.settings.declaration import keys_of
from bridge_common.settings.findings import Finding
from bridge_common.settings.ldap_filter import pins
from bridge_common.settings.ldap_profile import GLOBAL_CATALOG_PORTS, LdapProfile
from bridge_common.settings.model import IdentitySettings, Settings
from bridge_common.settings.placeholders import DOMAINS, tells_domains_apart
from bridge_common.settings.served import (
    domains_by_local_alone,
    profile_named,
    serves_several,
    strangers,
)
from bridge_common.settings.server import Server, numbered
from bridge_common.settings.toml_text import quote

_SEARCH_ONLY = (
    "base_dn",
    "scope",
    "bind_dn",
    "bind_password",
    "login_filter",
    "bare_login_filter",
    "identity_attribute",
    "address_attributes",
    "send_as_filter",
)
_BARE_LOGINS = ("domains", "default_domain", "windows_domains", "username_format")
_OF_AN_ENTRY = {
    "name",
    "protocol",
    "ldap_profile",
    "enabled",
    "domains",
    "on_reject",
    "required",
    "directory",
}


def problems_with_profiles(settings: Settings) -> Iterator[Finding]:
    """Yield what makes profiles, or what names them, unusable."""
    if settings.smtp_auth.method == "ldap" and not settings.smtp_auth.ldap_profile:
        message = 'is required with method = "ldap"'
        yield Finding("smtp_auth.ldap_profile", message, ("smtp_auth.method",))
    yield from _unknown("smtp_auth", settings.smtp_auth.ldap_profile, settings)
    yield from _unknown("sender", settings.sender.ldap_profile, settings)
    yield from _addresses_not_searched(settings)
    for path, server in numbered(settings.servers):
        if server.protocol == "ldap":
            yield from _problems_with_entry(path, server, settings)
    for path, profile in numbered(settings.ldap_profiles, "ldap_profile"):
        yield from _problems_with_profile(path, profile, settings.identity)


def _unknown(path: str, name: str, settings: Settings) -> Iterator[Finding]:
    if name and not profile_named(name, settings):
        profiles = numbered(settings.ldap_profiles, "ldap_profile")
        known = ", ".join(quote(profile.name) for _, profile in profiles)
        message = f"there is no [[ldap_profile]] {quote(name)}; " + (
            f"there are: {known}" if known else "there is none at all"
        )
        names = tuple(f"{profile}.name" for profile, _ in profiles)
        yield Finding(f"{path}.ldap_profile", message, ("ldap_profile", *names))


def _addresses_not_searched(settings: Settings) -> Iterator[Finding]:
    for path, profile in numbered(settings.ldap_profiles, "ldap_profile"):
        if profile.name == settings.sender.ldap_profile and profile.auth != "search":
            message = (
                f"[[ldap_profile]] {quote(profile.name)} has auth = {quote(profile.auth)}, "
                "which searches for nothing: no addresses are found in it"
            )
            yield Finding("sender.ldap_profile", message, (f"{path}.auth", f"{path}.name"))


# An entry of the list


def _problems_with_entry(path: str, server: Server, settings: Settings) -> Iterator[Finding]:
    protocol = f"{path}.protocol"
    if not server.ldap_profile:
        message = 'is required with protocol = "ldap"'
        yield Finding(f"{path}.ldap_profile", message, (protocol,))
    yield from _unknown(path, server.ldap_profile, settings)
    in_profile = keys_of(LdapProfile)
    for name, key in keys_of(Server).items():
        if name not in _OF_AN_ENTRY and getattr(server, name) != key.default:
            known = name in in_profile or name == "host"
            message = "belongs in the [[ldap_profile]]" if known else "is for imap and pop3 only"
            yield Finding(f"{path}.{name}", message, (protocol,))
    profile = profile_named(server.ldap_profile, settings)
    for domain in server.domains if profile and profile.domains else ():
        if profile and domain not in profile.domains:
            message = f"[[ldap_profile]] {quote(profile.name)} does not serve {quote(domain)}"
            yield Finding(f"{path}.domains", message)


# A profile


def _problems_with_profile(
    path: str, profile: LdapProfile, identity: IdentitySettings
) -> Iterator[Finding]:
    if not profile.hosts:
        yield Finding(f"{path}.hosts", "must name at least one host")
    for domain in strangers(profile.domains, identity):
        message = f"{quote(domain)} is not one of [identity] domains"
        yield Finding(f"{path}.domains", message, ("identity.domains",))
    if profile.auth == "search":
        yield from _problems_with_search(path, profile)
    else:
        yield from _problems_with_direct(path, profile)
    yield from _accounts_mixed_up(path, profile, identity)
    yield from _bare_accounts_mixed_up(path, profile, identity)


def _problems_with_search(path: str, profile: LdapProfile) -> Iterator[Finding]:
    auth = (f"{path}.auth",)
    if not profile.base_dn and profile.port not in GLOBAL_CATALOG_PORTS:
        yield Finding(f"{path}.base_dn", 'is required with auth = "search"', auth)
    if profile.bind_template:
        yield Finding(f"{path}.bind_template", 'is for auth = "direct" only', auth)
    if profile.bind_dn and not profile.bind_password:
        # RFC 4513 section 5.1.2: a bind with a name and no password is an anonymous one.
        message = "is required with bind_dn"
        yield Finding(f"{path}.bind_password", message, (f"{path}.bind_dn",))
    if profile.bind_password and not profile.bind_dn:
        message = "is required with bind_password"
        yield Finding(f"{path}.bind_dn", message, (f"{path}.bind_password",))


def _problems_with_direct(path: str, profile: LdapProfile) -> Iterator[Finding]:
    auth = (f"{path}.auth",)
    if not profile.bind_template:
        yield Finding(f"{path}.bind_template", 'is required with auth = "direct"', auth)
    keys = keys_of(LdapProfile)
    for name in _SEARCH_ONLY:
        if getattr(profile, name) != keys[name].default:
            message = 'is for auth = "search" only: with "direct" nothing is searched for'
            yield Finding(f"{path}.{name}", message, auth)


def _accounts_mixed_up(
    path: str, profile: LdapProfile, identity: IdentitySettings
) -> Iterator[Finding]:
    """Yield the texts by which the same user in two of the served domains is one account."""
    if not serves_several(profile.domains, identity):
        return
    apart = {
        "bind_template": tells_domains_apart(profile.bind_template),
        "login_filter": _pins(profile.login_filter, DOMAINS),
        "send_as_filter": _pins(profile.send_as_filter, DOMAINS | {"dn"}),
    }
    for name, told in apart.items():
        if getattr(profile, name) and not told:
            message = (
                "by {local} alone, the same user in two domains is one account; "
                "write {login}, or limit domains to one"
            )
            because = (f"{path}.domains", "identity.domains", f"{path}.kind", f"{path}.auth")
            yield Finding(f"{path}.{name}", message, because)


def _bare_accounts_mixed_up(
    path: str, profile: LdapProfile, identity: IdentitySettings
) -> Iterator[Finding]:
    reached = domains_by_local_alone(profile, identity)
    because = tuple(f"identity.{key}" for key in _BARE_LOGINS)
    because += tuple(f"{path}.{key}" for key in ("domains", "kind", "auth"))
    if reached and profile.port in GLOBAL_CATALOG_PORTS and not profile.base_dn:
        message = (
            f"port {profile.port} is the global catalog's, which knows the whole forest: "
            "by {local} alone, a bare or DOMAIN\\user login may be somebody of another domain; "
            "use port 636 or 389 with base_dn, or write {login}"
        )
        because += (f"{path}.port", f"{path}.base_dn")
        yield Finding(f"{path}.bare_login_filter", message, because)
    elif len(reached) > 1:
        message = (
            f"a bare or DOMAIN\\user login may be of {' or '.join(map(quote, reached))}, "
            "and by {local} alone the same user in each is one account; "
            "write {login}, add a comparison with {domain}, or limit domains to one"
        )
        yield Finding(f"{path}.bare_login_filter", message, because)


def _pins(text: str, names: frozenset[str]) -> bool:
    return bool(text) and pins(text, names)
