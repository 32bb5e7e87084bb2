"""Who is asked about which domains: the servers of the list, or one directory.

Knows how `[smtp_auth]`, `[[server]]` and `[[ldap_profile]]` narrow each other's domains.
Pure; raises nothing. An empty tuple of served domains stands for all of ours, as in the settings.
"""

from bridge_common.settings.ldap_filter import pins
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.model import IdentitySettings, Settings
from bridge_common.settings.placeholders import DOMAINS
from bridge_common.settings.server import Server
from bridge_common.settings.texts import ANY_DOMAIN


def profile_named(name: str, settings: Settings) -> LdapProfile | None:
    """Return the profile of this name, if there is one."""
    return next((profile for profile in settings.ldap_profiles if profile.name == name), None)


def domains_of(server: Server, settings: Settings) -> tuple[str, ...]:
    """Return the domains that an entry of the list serves: its own, or those of its directory."""
    profile = profile_named(server.ldap_profile, settings) if server.ldap_profile else None
    return server.domains or (profile.domains if profile else ())


def directory_of(server: Server) -> str:
    """Return what the passwords of an entry of the list come from: those who share a budget."""
    return server.directory or server.ldap_profile or server.name


def servers_asked(settings: Settings) -> tuple[Server, ...]:
    """Return the list, or, of a directory asked instead, the entry that it would have there."""
    if settings.smtp_auth.method != "ldap":
        return settings.servers
    profile = profile_named(settings.smtp_auth.ldap_profile, settings)
    if profile is None:
        return ()
    return (Server(name=profile.name, protocol="ldap", ldap_profile=profile.name),)


def domains_reaching(profile: LdapProfile, settings: Settings) -> tuple[str, ...]:
    """Return the domains whose logins reach a directory; its own, as long as nobody asks it."""
    asking = [
        server
        for server in servers_asked(settings)
        if server.enabled and server.ldap_profile == profile.name
    ]
    reached = [domains_of(server, settings) for server in asking] or [profile.domains]
    named = dict.fromkeys(domain for domains in reached for domain in domains)
    return tuple(named) if all(reached) else ()


def candidates(domain: str, settings: Settings) -> tuple[str, ...]:
    """Return the names of those who are asked about a login of this domain, in their order."""
    enabled = [server for server in servers_asked(settings) if server.enabled]
    served = [(server.name, domains_of(server, settings)) for server in enabled]
    return tuple(name for name, domains in served if not domains or domain in domains)


def profiles_asked(settings: Settings) -> frozenset[str]:
    """Return the names of the directories that a login can reach."""
    return frozenset(server.ldap_profile for server in servers_asked(settings) if server.enabled)


def strangers(domains: tuple[str, ...], identity: IdentitySettings) -> list[str]:
    """Return those of the domains that are not ours; the empty one is none."""
    if ANY_DOMAIN in identity.domains:
        return []
    return [name for name in domains if name and name not in identity.domains]


def serves_several(domains: tuple[str, ...], identity: IdentitySettings) -> bool:
    """Return whether logins of more than one domain reach who serves these."""
    served = domains or identity.domains
    return len(served) > 1 or ANY_DOMAIN in served


def bare_domains(domains: tuple[str, ...], identity: IdentitySettings) -> list[str]:
    r"""Return, of the served domains, those that a bare or `DOMAIN\name` login can be of."""
    reached = [identity.default_domain]
    if identity.username_format == "domain":  # else all others are refused
        reached += identity.windows_domains.values()
    return [name for name in dict.fromkeys(reached) if name and (not domains or name in domains)]


def domains_by_local_alone(profile: LdapProfile, identity: IdentitySettings) -> list[str]:
    r"""Return the domains of bare and `DOMAIN\name` logins searched for by `{local}` alone.

    None if no such login reaches the profile, or its filter for them also tells domains apart.
    """
    text = profile.bare_login_filter
    if not text or pins(text, DOMAINS):
        return []
    return bare_domains(profile.domains, identity)
