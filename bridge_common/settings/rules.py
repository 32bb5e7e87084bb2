"""What must hold between settings.

Knows the rules that one key alone cannot break. Does not know files or TOML, nor what is allowed
but doubtful (`doubts`).
Pure: yields findings, raises nothing. Paths are without names (`server[2].port`).
"""

from collections.abc import Iterable, Iterator, Mapping

from bridge_common.settings.declaration import keys_of
from bridge_common.settings.endpoint import (
    InetEndpoint,
    is_loopback,
    parse_endpoint,
)
from bridge_common.settings.findings import Finding
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.model import IdentitySettings, Settings, SmtpAuth
from bridge_common.settings.profile_rules import problems_with_profiles
from bridge_common.settings.served import strangers
from bridge_common.settings.server import ForwardClient, Protocol, Server, numbered
from bridge_common.settings.texts import ANY_DOMAIN
from bridge_common.settings.toml_text import quote

_LONGEST_SHUFFLE = 1.2  # failure_delay is lengthened by a fifth at most
_FORWARDED_BY: Mapping[ForwardClient, Protocol] = {"id": "imap", "xclient": "pop3"}


def problems_in(settings: Settings) -> Iterator[Finding]:
    """Yield what makes the settings unusable, though each key by itself is right."""
    yield from _contradictions_in_smtp_auth(settings.smtp_auth)
    yield from _contradictions_in_identity(settings.identity)
    yield from _nobody_to_ask_or_to_admit(settings)
    yield from _names_used_twice(numbered(settings.servers))
    yield from _names_used_twice(numbered(settings.ldap_profiles, "ldap_profile"))
    for path, server in numbered(settings.servers):
        yield from _contradictions_in_server(path, server, settings.identity)
    yield from problems_with_profiles(settings)


def _contradictions_in_smtp_auth(smtp_auth: SmtpAuth) -> Iterator[Finding]:
    timeout, delay = smtp_auth.connection_timeout, smtp_auth.failure_delay
    if delay * _LONGEST_SHUFFLE >= timeout:
        yield Finding(
            "smtp_auth.failure_delay",
            f"{delay:g}s, lengthened by a fifth, must stay below connection_timeout ({timeout:g}s)",
            ("smtp_auth.connection_timeout",),
        )
    if not smtp_auth.listen:
        yield Finding("smtp_auth.listen", "must name at least one endpoint")
    for text in smtp_auth.listen:
        endpoint = parse_endpoint(text)
        remote = isinstance(endpoint, InetEndpoint) and not is_loopback(endpoint)
        if remote and not smtp_auth.allow_remote:
            message = f"{text} can be reached from other machines, which needs allow_remote = true"
            yield Finding("smtp_auth.listen", message, ("smtp_auth.allow_remote",))
    if smtp_auth.control in smtp_auth.listen:
        yield Finding("smtp_auth.control", "is also in listen", ("smtp_auth.listen",))


def _contradictions_in_identity(identity: IdentitySettings) -> Iterator[Finding]:
    if ANY_DOMAIN in identity.domains and len(identity.domains) > 1:
        yield Finding("identity.domains", f"{quote(ANY_DOMAIN)} must stand alone")
    if identity.username_format == "username" and not identity.default_domain:
        message = 'is required with username_format = "username"'
        yield Finding("identity.default_domain", message, ("identity.username_format",))
    for domain in strangers((identity.default_domain,), identity):
        message = f"{quote(domain)} is not one of domains"
        yield Finding("identity.default_domain", message, ("identity.domains",))
    seen: set[str] = set()
    for name, domain in identity.windows_domains.items():
        if name.lower() in seen:
            yield Finding("identity.windows_domains", f"{quote(name)} is there twice")
        seen.add(name.lower())
        for stranger in strangers((domain,), identity):
            message = f"{name}: {quote(stranger)} is not one of domains"
            yield Finding("identity.windows_domains", message, ("identity.domains",))


def _nobody_to_ask_or_to_admit(settings: Settings) -> Iterator[Finding]:
    if not settings.smtp_auth.enabled:
        return
    if not settings.identity.domains:
        message = 'must list your own domains, or ["*"] for every domain there is'
        yield Finding("identity.domains", message, ("smtp_auth.enabled",))
    listed = settings.smtp_auth.method == "pop3-imap"
    if listed and not any(server.enabled for server in settings.servers):
        flags = (f"{path}.enabled" for path, _ in numbered(settings.servers))
        message = "smtp_auth is enabled, but there is no enabled [[server]] to ask"
        yield Finding("server", message, ("smtp_auth.enabled", "smtp_auth.method", *flags))


def _names_used_twice(entries: Iterable[tuple[str, Server | LdapProfile]]) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for path, entry in entries:
        if entry.name in first:
            earlier = first[entry.name]
            message = f"{quote(entry.name)} is already the name of {earlier}"
            yield Finding(f"{path}.name", message, (f"{earlier}.name",))
        first.setdefault(entry.name, path)


def _contradictions_in_server(
    path: str, server: Server, identity: IdentitySettings
) -> Iterator[Finding]:
    for domain in strangers(server.domains, identity):
        message = f"{quote(domain)} is not one of [identity] domains"
        yield Finding(f"{path}.domains", message, ("identity.domains",))
    if server.protocol != "ldap":
        yield from _contradictions_in_mail_server(path, server)


def _contradictions_in_mail_server(path: str, server: Server) -> Iterator[Finding]:
    if not server.host:
        message = f"is missing; for example: host = {keys_of(Server)['host'].example}"
        yield Finding(f"{path}.host", message, (f"{path}.protocol",))
    if server.ldap_profile:
        message = f"is for ldap, not for {server.protocol}"
        yield Finding(f"{path}.ldap_profile", message, (f"{path}.protocol",))
    protocol = _FORWARDED_BY.get(server.forward_client, server.protocol)
    if protocol != server.protocol:
        message = f"{quote(server.forward_client)} is for {protocol}, not for {server.protocol}"
        yield Finding(f"{path}.forward_client", message, (f"{path}.protocol",))
