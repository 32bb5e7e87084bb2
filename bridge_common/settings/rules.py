"""What must hold between settings.

Knows the rules that one key alone cannot break. Does not know files or TOML, nor what is allowed
but doubtful (`doubts`).
Pure: yields findings, raises nothing. Paths are without names (`server[2].port`).
"""

from collections.abc import Iterable, Iterator, Mapping

from bridge_common.settings.declaration import keys_of
from bridge_common.settings.findings import Finding
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.listen_rules import endpoints_of_both, problems_with_listening
from bridge_common.settings.model import IdentitySettings, Settings, SmtpAuth
from bridge_common.settings.profile_rules import problems_with_profiles
from bridge_common.settings.sender import SenderContext, switched_on
from bridge_common.settings.sender_rules import problems_with_sender
from bridge_common.settings.served import strangers
from bridge_common.settings.server import ForwardClient, Protocol, Server, numbered
from bridge_common.settings.texts import ANY_DOMAIN
from bridge_common.settings.toml_text import quote

_LONGEST_SHUFFLE = 1.2  # failure_delay is lengthened by a fifth at most
_FORWARDED_BY: Mapping[ForwardClient, Protocol] = {"id": "imap", "xclient": "pop3"}


def problems_in(settings: Settings) -> Iterator[Finding]:
    """Yield what makes the settings unusable, though each key by itself is right."""
    yield from _contradictions_in_smtp_auth(settings.smtp_auth)
    yield from problems_with_listening("smtp_auth", settings.smtp_auth)
    yield from _contradictions_in_identity(settings.identity)
    yield from _nobody_to_admit(settings)
    yield from _nobody_to_ask(settings)
    yield from _names_used_twice(numbered(settings.servers))
    yield from _names_used_twice(numbered(settings.ldap_profiles, "ldap_profile"))
    for path, server in numbered(settings.servers):
        yield from _contradictions_in_server(path, server, settings.identity)
    yield from problems_with_profiles(settings)
    yield from problems_with_listening("sender", settings.sender)
    yield from endpoints_of_both(settings)
    yield from _names_used_twice(numbered(settings.sender.contexts, "sender.context"))
    yield from problems_with_sender(settings)


def _contradictions_in_smtp_auth(smtp_auth: SmtpAuth) -> Iterator[Finding]:
    timeout, delay = smtp_auth.connection_timeout, smtp_auth.failure_delay
    if delay * _LONGEST_SHUFFLE >= timeout:
        yield Finding(
            "smtp_auth.failure_delay",
            f"{delay:g}s, lengthened by a fifth, must stay below connection_timeout ({timeout:g}s)",
            ("smtp_auth.connection_timeout",),
        )


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


def _nobody_to_admit(settings: Settings) -> Iterator[Finding]:
    needed_by = switched_on(settings.sender)
    if settings.smtp_auth.enabled:
        needed_by = ("smtp_auth.enabled", *needed_by)
    if needed_by and not settings.identity.domains:
        message = 'must list your own domains, or ["*"] for every domain there is'
        yield Finding("identity.domains", message, needed_by)


def _nobody_to_ask(settings: Settings) -> Iterator[Finding]:
    if not settings.smtp_auth.enabled:
        return
    listed = settings.smtp_auth.method == "pop3-imap"
    if listed and not any(server.enabled for server in settings.servers):
        flags = (f"{path}.enabled" for path, _ in numbered(settings.servers))
        message = "smtp_auth is enabled, but there is no enabled [[server]] to ask"
        yield Finding("server", message, ("smtp_auth.enabled", "smtp_auth.method", *flags))


def _names_used_twice(
    entries: Iterable[tuple[str, Server | LdapProfile | SenderContext]],
) -> Iterator[Finding]:
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
