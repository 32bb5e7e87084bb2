"""What is allowed in an `[[ldap_profile]]`, but probably not what the administrator meant.

Does not know what makes it unusable (`profile_rules`).
Pure: yields findings, raises nothing. Paths are without names (`ldap_profile[1].port`).
"""

from collections.abc import Iterator, Mapping

from bridge_common.settings.findings import Finding
from bridge_common.settings.ldap_profile import GLOBAL_CATALOG_PORTS, DirectorySecurity, LdapProfile
from bridge_common.settings.model import IdentitySettings, Settings
from bridge_common.settings.secrecy_doubts import doubts_about_secrecy
from bridge_common.settings.sender import switched_on
from bridge_common.settings.served import domains_by_local_alone, profiles_asked
from bridge_common.settings.server import numbered
from bridge_common.settings.toml_text import quote

_OWNED = ("match_login", "foreign_sender")  # the rules that ask what a login owns
_UNENCRYPTED: tuple[DirectorySecurity, ...] = ("plain", "tls")
_KNOWN_PORTS: Mapping[int, tuple[str, tuple[DirectorySecurity, ...]]] = {
    389: ("ldap", _UNENCRYPTED),
    636: ("ldap", ("ssl",)),
    3268: ("the global catalog", _UNENCRYPTED),
    3269: ("the global catalog", ("ssl",)),
}


def doubts_about_profiles(settings: Settings) -> Iterator[Finding]:
    """Yield what is doubtful about each profile that is asked, and which ones nobody names."""
    if settings.smtp_auth.ldap_profile and settings.smtp_auth.method != "ldap":
        message = f"has no effect with method = {quote(settings.smtp_auth.method)}"
        yield Finding("smtp_auth.ldap_profile", message)
    asked = profiles_asked(settings)
    named = {server.ldap_profile for server in settings.servers}
    named |= {settings.smtp_auth.ldap_profile, settings.sender.ldap_profile}
    searched = settings.sender.ldap_profile if switched_on(settings.sender, *_OWNED) else ""
    for path, profile in numbered(settings.ldap_profiles, "ldap_profile"):
        if profile.name in asked or profile.name == searched:
            yield from _doubts_about_profile(path, profile)
        if profile.name in asked:
            yield from _doubts_about_bare_logins(path, profile, settings.identity)
        if profile.name not in named:
            message = "is not used: neither [smtp_auth] nor a [[server]] nor [sender] names it"
            yield Finding(path, message)


def _doubts_about_profile(path: str, profile: LdapProfile) -> Iterator[Finding]:
    yield from doubts_about_secrecy(path, profile, profile.hosts)
    yield from _doubts_about_port(path, profile)
    anonymous = profile.auth == "search" and not profile.bind_dn
    if anonymous and profile.kind == "active-directory":
        message = "is empty, but Active Directory lets nobody search without an account"
        yield Finding(f"{path}.bind_dn", message)


def _doubts_about_port(path: str, profile: LdapProfile) -> Iterator[Finding]:
    what, securities = _KNOWN_PORTS.get(profile.port, ("", ()))
    if what and profile.security not in securities:
        usual = " or ".join(map(quote, securities))
        message = f"{profile.port} is the usual port of {what} with {usual}"
        failing = f"{quote(profile.security)} will hang or fail there"
        yield Finding(f"{path}.port", f"{message}; {failing}")


def _doubts_about_bare_logins(
    path: str, profile: LdapProfile, identity: IdentitySettings
) -> Iterator[Finding]:
    """Yield where a bare login may become somebody else's: by `{local}` alone, of one domain."""
    for domain in domains_by_local_alone(profile, identity):
        if profile.port in GLOBAL_CATALOG_PORTS:
            message = (
                "the global catalog also knows the domains below base_dn: by {local} alone, a bare "
                "or DOMAIN\\user login may be somebody of another one; "
                "use port 636 or 389, or write {login}"
            )
            yield Finding(f"{path}.bare_login_filter", message)
        if not profile.identity_attribute:
            message = (
                f"is empty: a bare or DOMAIN\\user login becomes user@{domain}, whether or not "
                'that is the account\'s address; set it, to "mail" for example'
            )
            yield Finding(f"{path}.identity_attribute", message)
