"""From settings to the one pipe that verifies logins; the only place that composes it.

Reads certificates, so it may block: it runs at start and at reload, never for a login.
Fails with `SettingsError`, which names the key; logs nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bridge_common.directory.build import build_or_problem
from bridge_common.directory.directory import Directory
from bridge_common.errors import Problem, SettingsError
from bridge_common.network.tls import Tls, tls_context, unusable_ca_file
from bridge_common.settings.cache import CacheSettings
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.model import Settings, identity_rules
from bridge_common.settings.served import (
    domains_of,
    domains_reaching,
    profile_named,
    profiles_asked,
    servers_asked,
)
from bridge_common.settings.server import Server
from sasl_bridge.dialogue.interface import DialogueRules
from sasl_bridge.passdb.chain import Chain, Listed
from sasl_bridge.passdb.failure_memory import FailureMemory, RememberedFailures
from sasl_bridge.passdb.keys import keyed_digest
from sasl_bridge.passdb.ldap import LdapPassdb
from sasl_bridge.passdb.remote import RemotePassdb, RemoteServer, dialogues
from sasl_bridge.passdb.success_cache import CacheRules, SuccessCache, Successes


@dataclass(frozen=True, slots=True)
class BuiltServer:
    """A server of the list, enabled or not, and what asks it; or why nothing can.

    None: it is a directory, and its profile says.
    """

    settings: Server
    remote: RemotePassdb | Problem | None


@dataclass(frozen=True, slots=True)
class BuiltProfile:
    """A directory, used or not, and what asks it; or why nothing can.

    ``served`` are the domains whose logins reach it; empty: all of ours.
    """

    settings: LdapProfile
    directory: Directory | Problem
    served: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """Everybody who can be asked, in the order of the settings."""

    servers: tuple[BuiltServer, ...] = ()
    profiles: tuple[BuiltProfile, ...] = ()

    def close(self) -> None:
        """Keep no connection any more; who asks is still answered."""
        for built in self.profiles:
            if isinstance(built.directory, Directory):
                built.directory.close()


NOTHING = Parts()


def build_parts(settings: Settings, before: Parts = NOTHING) -> Parts:
    """Return everybody who can be asked.

    What is known of a server or a directory of ``before`` is taken over by the one that is the
    same.
    """
    return Parts(
        build_servers(settings, before.servers), _build_profiles(settings, before.profiles)
    )


def build_servers(
    settings: Settings, before: Sequence[BuiltServer] = ()
) -> tuple[BuiltServer, ...]:
    """Return every server of the list, in its order; ``before`` is as for `build_parts`."""
    numbered = enumerate(settings.servers, start=1)
    servers = tuple(BuiltServer(server, _remote(number, server)) for number, server in numbered)
    known = {remote.server: remote for remote in _usable(before)}
    for remote in _usable(servers):
        if remote.server in known:
            remote.take_over(known[remote.server])
    return servers


def _usable(servers: Sequence[BuiltServer]) -> Iterator[RemotePassdb]:
    return (built.remote for built in servers if isinstance(built.remote, RemotePassdb))


def _build_profiles(settings: Settings, before: Sequence[BuiltProfile]) -> tuple[BuiltProfile, ...]:
    known = {built.settings.name: built.directory for built in before}
    built = []
    for number, profile in enumerate(settings.ldap_profiles, start=1):
        directory = build_or_problem(number, profile)
        earlier = known.get(profile.name)
        if isinstance(directory, Directory) and isinstance(earlier, Directory):
            directory.take_over(earlier)
        built.append(BuiltProfile(profile, directory, domains_reaching(profile, settings)))
    return tuple(built)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is remembered of logins; it outlives a reload."""

    successes: Successes = field(default_factory=Successes)
    failures: FailureMemory = field(default_factory=FailureMemory)

    def obey(self, cache: CacheSettings) -> None:
        """Keep to these settings from now on."""
        self.successes.size = self.failures.size = cache.size
        self.failures.ttl = cache.failure_ttl


def build_passdb(
    settings: Settings, parts: Parts | None = None, remembered: Remembered | None = None
) -> SuccessCache:
    """Return the pipe for these settings, of these parts or of new ones. Raises SettingsError."""
    parts = build_parts(settings) if parts is None else parts
    remembered = remembered or Remembered()
    if problems := _problems(settings, parts):
        raise SettingsError(problems)
    identities = identity_rules(settings.identity)
    directories = {
        built.settings.name: built.directory
        for built in parts.profiles
        if isinstance(built.directory, Directory)
    }
    remotes = {remote.server.name: remote for remote in _usable(parts.servers)}

    def listed(server: Server) -> Listed:
        domains = frozenset(domains_of(server, settings))
        passdb = RememberedFailures(
            LdapPassdb(server.name, directories[server.ldap_profile], identities, domains)
            if server.protocol == "ldap"
            else remotes[server.name],
            remembered.failures,
            _scope(server, profile_named(server.ldap_profile, settings)),
            by_client=server.forward_client != "none",
        )
        return Listed(server.name, passdb, domains, server.on_reject, server.required)

    asked = [listed(server) for server in servers_asked(settings) if server.enabled]
    chain = Chain(asked, failure_delay=settings.smtp_auth.failure_delay)
    return SuccessCache(chain, _cache_rules(settings), remembered.successes)


def _cache_rules(settings: Settings) -> CacheRules:
    """Return how long a yes counts, and for whom: those who are asked must be the same."""
    servers = [server for server in servers_asked(settings) if server.enabled]
    asked = profiles_asked(settings)
    profiles = [profile for profile in settings.ldap_profiles if profile.name in asked]
    return CacheRules(
        ttl=settings.cache.success_ttl,
        grace=settings.cache.grace,
        scope=_scope(settings.identity, servers, profiles),
        by_client=any(server.forward_client != "none" for server in servers),
    )


def _scope(*settings: object) -> bytes:
    """Return what stands for settings on which a verdict hangs."""
    return keyed_digest(repr(settings).encode())


def problems_in_files(settings: Settings) -> tuple[Problem, ...]:
    """Return what is wrong with the files that the settings name."""
    return _problems(settings, build_parts(settings))


def _problems(settings: Settings, parts: Parts) -> tuple[Problem, ...]:
    """Return what keeps those who are to be asked from being asked."""
    asked = profiles_asked(settings)
    found: list[object] = [
        built.remote
        for built in parts.servers
        if built.settings.enabled and settings.smtp_auth.method != "ldap"
    ]
    found += [built.directory for built in parts.profiles if built.settings.name in asked]
    return tuple(one for one in found if isinstance(one, Problem))


def _remote(number: int, server: Server) -> RemotePassdb | Problem | None:
    if server.protocol == "ldap":
        return None
    try:
        tls = _tls(server)
    except OSError as error:
        return unusable_ca_file(f'server[{number}] "{server.name}"', server.ca_file, error)
    return RemotePassdb(
        RemoteServer(
            server.name, server.host, server.port, server.login_format, server.max_connections
        ),
        dialogues(server.protocol, _rules(server)),
        tls,
    )


def _rules(server: Server) -> DialogueRules:
    return DialogueRules(
        security=server.security,
        unavailable_texts=server.unavailable_texts,
        forward_client=server.forward_client != "none",
        in_use_is_success=server.in_use_is_success,
    )


def _tls(server: Server) -> Tls | None:
    if server.security == "plain":
        return None
    context = tls_context(verify=server.verify, ca_file=server.ca_file)
    return Tls(context, server.tls_name or server.host, from_start=server.security == "ssl")
