"""From settings to the one pipe that verifies logins; the only place that composes it.

Reads certificates, so it may block: it runs at start and at reload, never for a login.
Fails with `SettingsError`, which names the key; logs nothing.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bridge_common.directory.build import build_or_problem
from bridge_common.directory.directory import Directory
from bridge_common.errors import Problem, SettingsError
from bridge_common.network.tls import Tls, tls_context, unusable_ca_file
from bridge_common.settings.cache import CacheSettings
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.settings.model import Settings, identity_rules
from bridge_common.settings.restraint import Restraint
from bridge_common.settings.served import (
    directory_of,
    domains_of,
    domains_reaching,
    profile_named,
    profiles_asked,
    servers_asked,
)
from bridge_common.settings.server import Server
from sasl_bridge.dialogue.interface import DialogueRules
from sasl_bridge.passdb.answer_times import AnswerTimes, TimedPassdb
from sasl_bridge.passdb.breaker import Breaker
from sasl_bridge.passdb.budget import Budget, BudgetedPassdb
from sasl_bridge.passdb.chain import Chain, Listed
from sasl_bridge.passdb.failure_memory import FailureMemory, RememberedFailures
from sasl_bridge.passdb.interface import Passdb
from sasl_bridge.passdb.keys import keyed_digest
from sasl_bridge.passdb.ldap import LdapPassdb
from sasl_bridge.passdb.lockout import LockoutBudgets
from sasl_bridge.passdb.lookout import Look, Lookout
from sasl_bridge.passdb.looks import directory_look, mail_server_look
from sasl_bridge.passdb.remote import RemotePassdb, RemoteServer, dialogues
from sasl_bridge.passdb.success_cache import CacheRules, SuccessCache, Successes
from sasl_bridge.passdb.unless_away import UnlessAway


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
class Watched:
    """A server that may be asked: where it is, and who looks at it when it may be away."""

    endpoint: tuple[object, ...]
    lookout: Lookout


@dataclass(frozen=True, slots=True)
class Parts:
    """Everybody who can be asked, in the order of the settings; ``watched`` is by name."""

    servers: tuple[BuiltServer, ...] = ()
    profiles: tuple[BuiltProfile, ...] = ()
    watched: Mapping[str, Watched] = field(default_factory=dict)

    def begin(self) -> None:
        """Look at the servers that are away."""
        for watched in self.watched.values():
            watched.lookout.begin()

    def close(self) -> None:
        """Keep no connection any more, and look at no server; who asks is still answered."""
        for watched in self.watched.values():
            watched.lookout.close()
        for remote in _usable(self.servers):
            remote.close()
        for built in self.profiles:
            if isinstance(built.directory, Directory):
                built.directory.close()


NOTHING = Parts()


def build_parts(settings: Settings, before: Parts = NOTHING) -> Parts:
    """Return everybody who can be asked.

    What is known of a server or a directory of ``before`` is taken over by the one that is the
    same.
    """
    servers = build_servers(settings, before.servers)
    profiles = _build_profiles(settings, before.profiles)
    watched = _watch(settings, servers, profiles, before.watched)
    return Parts(servers, profiles, watched)


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


def _watch(
    settings: Settings,
    servers: Sequence[BuiltServer],
    profiles: Sequence[BuiltProfile],
    before: Mapping[str, Watched],
) -> Mapping[str, Watched]:
    """Return who can be asked, with what is known of whom of before it is the same."""
    looks: dict[str, Look] = {
        remote.server.name: mail_server_look(remote) for remote in _usable(servers)
    }
    directory_looks = {
        built.settings.name: directory_look(built.directory)
        for built in profiles
        if isinstance(built.directory, Directory)
    }
    watched = {}
    for server in servers_asked(settings):
        look = looks.get(server.name) or directory_looks.get(server.ldap_profile)
        if look is not None:
            endpoint = _endpoint(server, profile_named(server.ldap_profile, settings))
            known = before.get(server.name)
            same = known is not None and known.endpoint == endpoint
            breaker = known.lookout.breaker if known and same else Breaker(server.name)
            watched[server.name] = Watched(endpoint, Lookout(breaker, look))
    return watched


def _endpoint(server: Server, profile: LdapProfile | None) -> tuple[object, ...]:
    if profile is not None:
        return (server.protocol, profile.hosts, profile.port)
    return (server.protocol, server.host, server.port)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is remembered of logins; it outlives a reload.

    ``times`` are those of each server that was ever asked, by its name.
    """

    successes: Successes = field(default_factory=Successes)
    failures: FailureMemory = field(default_factory=FailureMemory)
    budgets: LockoutBudgets = field(default_factory=LockoutBudgets)
    times: dict[str, AnswerTimes] = field(default_factory=dict)

    def times_of(self, server: Server) -> AnswerTimes:
        """Return how a server of this name answers."""
        return self.times.setdefault(server.name, AnswerTimes())

    def obey(self, cache: CacheSettings, restraint: Restraint) -> None:
        """Keep to these settings from now on."""
        self.successes.size = self.failures.size = cache.size
        self.failures.ttl = cache.failure_ttl
        self.budgets.obey(restraint.lockout_budget, restraint.interval)


def build_passdb(
    settings: Settings, parts: Parts | None = None, remembered: Remembered | None = None
) -> SuccessCache:
    """Return the pipe for these settings, of these parts or of new ones. Raises SettingsError."""
    parts = build_parts(settings) if parts is None else parts
    if remembered is None:
        remembered = Remembered()
        remembered.budgets.obey(settings.restraint.lockout_budget, settings.restraint.interval)
    if problems := _problems(settings, parts):
        raise SettingsError(problems)
    identities = identity_rules(settings.identity)
    directories = {
        built.settings.name: built.directory
        for built in parts.profiles
        if isinstance(built.directory, Directory)
    }
    remotes = {remote.server.name: remote for remote in _usable(parts.servers)}
    budget_of = _budgets(settings, remembered.budgets)

    def asked_within_budget(server: Server, domains: frozenset[str]) -> Passdb:
        budget = budget_of[server.name]
        times = remembered.times_of(server)
        lookout = parts.watched[server.name].lookout
        if server.protocol == "ldap":
            directory = directories[server.ldap_profile]
            ldap = LdapPassdb(server.name, directory, identities, domains, budget)
            return UnlessAway(TimedPassdb(ldap, times), lookout)
        remote = UnlessAway(TimedPassdb(remotes[server.name], times), lookout)
        return BudgetedPassdb(remote, budget, server.name)

    def listed(server: Server) -> Listed:
        domains = frozenset(domains_of(server, settings))
        passdb = RememberedFailures(
            asked_within_budget(server, domains),
            remembered.failures,
            _scope(server, profile_named(server.ldap_profile, settings)),
            by_client=server.forward_client != "none",
        )
        return Listed(server.name, passdb, domains, server.on_reject, server.required)

    asked = [listed(server) for server in servers_asked(settings) if server.enabled]
    chain = Chain(asked, failure_delay=settings.smtp_auth.failure_delay)
    return SuccessCache(chain, _cache_rules(settings), remembered.successes)


def _budgets(settings: Settings, budgets: LockoutBudgets) -> dict[str, Budget]:
    """Return the lock-out budget of each server that is asked, by its name.

    A directory counts by the entry, a mail server by the login: where both ask the same passwords,
    a login is counted as well as its entry, since nobody can say which entry it was at the other.
    """
    servers = [server for server in servers_asked(settings) if server.enabled]
    asking = Counter(directory_of(server) for server in servers)
    return {
        server.name: Budget(budgets, name, by_login=asking[name] > 1)
        for server in servers
        if (name := directory_of(server))
    }


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
