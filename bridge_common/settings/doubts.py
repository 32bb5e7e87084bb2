"""What is allowed in the settings, but probably not what the administrator meant.

Knows what makes usable settings unsafe, slow or without effect. Does not know what makes them
unusable (`rules`), files or TOML.
Pure: yields findings, raises nothing. Paths are without names (`server[2].port`).
"""

from collections.abc import Iterator, Sequence

from bridge_common.settings.cache import doubts_about_cache
from bridge_common.settings.endpoint import InetEndpoint, parse_endpoint
from bridge_common.settings.findings import Finding
from bridge_common.settings.kinds import format_duration
from bridge_common.settings.model import IdentitySettings, Settings
from bridge_common.settings.placeholders import tells_domains_apart
from bridge_common.settings.profile_doubts import doubts_about_profiles
from bridge_common.settings.restraint import doubts_about_restraint
from bridge_common.settings.secrecy_doubts import doubts_about_secrecy
from bridge_common.settings.sender_doubts import doubts_about_sender
from bridge_common.settings.served import candidates, domains_of, serves_several
from bridge_common.settings.server import USUAL_PORTS, Server, numbered
from bridge_common.settings.texts import ANY_DOMAIN
from bridge_common.settings.toml_text import quote

# With four servers the default time-out leaves 1.5 s to each, no more than a slow one needs.
_MOST_CANDIDATES = 3
_MOST_NAMED = 3  # the rest of a long list of domains is only counted
_SENDING_PORTS = frozenset({25, 465, 587})  # SMTP and submission: no mailbox is read there


def doubts_about(settings: Settings) -> Iterator[Finding]:
    """Yield what is allowed, but what the administrator should have meant."""
    for endpoint in settings.smtp_auth.listen:
        if isinstance(parse_endpoint(endpoint), InetEndpoint):
            message = f"{endpoint}: Postfix shows a second 454 after trouble over inet:"
            yield Finding("smtp_auth.listen", f"{message}; use unix: for Postfix")
    if settings.identity.domains == (ANY_DOMAIN,):
        message = "every domain that the servers know may log in and send mail through you"
        yield Finding("identity.domains", message)
    listed = settings.smtp_auth.method == "pop3-imap"  # else nobody asks the list
    for path, server in numbered(settings.servers):
        if server.enabled and server.protocol != "ldap" and listed:
            yield from _doubts_about_server(path, server, settings.identity)
    yield from doubts_about_profiles(settings)
    yield from doubts_about_sender(settings)
    yield from doubts_about_cache(settings.cache)
    yield from doubts_about_restraint(settings.restraint)
    yield from _domains_nobody_serves(settings)
    yield from _domains_many_serve(settings)


# One server


def _doubts_about_server(
    path: str, server: Server, identity: IdentitySettings
) -> Iterator[Finding]:
    yield from doubts_about_secrecy(path, server, (server.host,))
    yield from _doubts_about_port(path, server)
    # Not an error: without effect it accepts nobody. An untold client address, in contrast, is one:
    # whoever set forward_client relies on it.
    if server.in_use_is_success and server.protocol != "pop3":
        message = f"has no effect with {server.protocol}: [IN-USE] is an answer of POP3"
        yield Finding(f"{path}.in_use_is_success", message)
    if serves_several(server.domains, identity) and not tells_domains_apart(server.login_format):
        message = "the same user in two domains is one account on this server"
        yield Finding(f"{path}.login_format", f"{message}; limit domains to one, or add {{domain}}")


def _doubts_about_port(path: str, server: Server) -> Iterator[Finding]:
    port = server.port
    uses = [use for use, usual in USUAL_PORTS.items() if usual == port]
    if port in _SENDING_PORTS:
        message = f"{port} is for sending mail: no {server.protocol} server is there"
        yield Finding(f"{path}.port", message)
    elif uses and (server.protocol, server.security) not in uses:
        usual = " or ".join(quote(security) for _, security in uses)
        message = f"{port} is the usual port of {uses[0][0]} with {usual}"
        asked = f"{server.protocol} with {quote(server.security)}"
        yield Finding(f"{path}.port", f"{message}; {asked} will hang or fail there")


# The whole list


def _domains_nobody_serves(settings: Settings) -> Iterator[Finding]:
    if not settings.smtp_auth.enabled:
        return
    for domain in settings.identity.domains:
        if not candidates(domain, settings):
            who = "no enabled server serves"
            if settings.smtp_auth.method == "ldap":
                who = f"[[ldap_profile]] {quote(settings.smtp_auth.ldap_profile)} does not serve"
            message = f"{who} {quote(domain)}: its logins are always refused"
            yield Finding("identity.domains", message)


def _domains_many_serve(settings: Settings) -> Iterator[Finding]:
    """Yield one doubt for all domains that have the same candidates."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for domain in _domains_told_apart(settings):
        alike.setdefault(candidates(domain, settings), []).append(domain)
    timeout = format_duration(settings.smtp_auth.connection_timeout)
    for asking, domains in alike.items():
        if len(asking) > _MOST_CANDIDATES:
            asked = f"{len(asking)} servers are asked about a login of {_enumerated(domains)}"
            shares = f"each has only its share of connection_timeout ({timeout})"
            yield Finding("server", f"{asked}: {shares}; limit domains, or enable fewer")


def _domains_told_apart(settings: Settings) -> list[str]:
    """Return our domains, in order; where all may log in, also those that servers name."""
    named = [domain for server in settings.servers for domain in domains_of(server, settings)]
    ours = settings.identity.domains
    return list(dict.fromkeys((*ours, *named))) if ANY_DOMAIN in ours else list(ours)


def _enumerated(domains: Sequence[str]) -> str:
    if ANY_DOMAIN in domains:
        return "any domain"
    shown = ", ".join(map(quote, domains[:_MOST_NAMED]))
    more = len(domains) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown
