"""What sasl-bridge tells Prometheus: logins, servers, what is remembered, what is held back.

Knows names and meanings (`docs/monitoring.md` has them all), and where the figures are. They are
read when they are asked for; strangers' logins and addresses are in none of them.
Raises nothing; logs nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import get_args

from bridge_common.block import By
from bridge_common.blocks import Blocks
from bridge_common.directory.directory import Directory
from bridge_common.directory.metrics import metrics_of_directories
from bridge_common.metrics import Durations, Labels, Measure, Metric, counter, gauge
from bridge_common.settings.model import Settings
from bridge_common.settings.served import servers_asked
from sasl_bridge.origin import ORIGINS
from sasl_bridge.passdb.build import Parts, Remembered
from sasl_bridge.passdb.guard import RULES, Guard
from sasl_bridge.passdb.remote import RemotePassdb
from sasl_bridge.service import AuthService
from sasl_bridge.verdict import Verdict

# What is counted of answers that nobody waited for any more.
_GIVEN_UP = "given up"


def metrics_of_bridge(
    service: AuthService,
    settings: Settings,
    parts: Parts,
    remembered: Remembered,
    *,
    state_folder_good: bool,
) -> Iterator[Measure]:
    """Yield all of them."""
    yield gauge(
        "sasl_bridge_enabled", "Whether SMTP AUTH is switched on.", settings.smtp_auth.enabled
    )
    yield from _of_logins(service)
    yield from _of_servers(settings, remembered)
    yield from _of_breakers(parts)
    remotes = (built.remote for built in parts.servers)
    yield from _of_connections([one for one in remotes if isinstance(one, RemotePassdb)])
    directories = (built.directory for built in parts.profiles)
    yield from metrics_of_directories(
        "sasl_bridge", [one for one in directories if isinstance(one, Directory)]
    )
    yield from _of_memories(remembered)
    yield counter(
        "sasl_bridge_lockout_refusals",
        "Questions to a server that were not asked, so as not to lock the account.",
        remembered.budgets.refused,
    )
    yield from _of_blocks(service.blocks)
    yield from _of_guard(service.guard)
    yield gauge(
        "sasl_bridge_state_folder_good",
        "Whether what must survive a restart could be written and read last: 1 or 0.",
        state_folder_good,
    )


def _of_logins(service: AuthService) -> Iterator[Measure]:
    recorded: dict[Labels, float] = {
        (verdict.value, origin): service.recorded[verdict, origin]
        for verdict in Verdict
        for origin in ORIGINS
    }
    # Those by heart are counted only among all of their verdict.
    accepted = Verdict.ACCEPTED.value
    others = sum(count for labels, count in recorded.items() if labels[0] == accepted)
    recorded[accepted, "cache"] += service.verdicts[Verdict.ACCEPTED] - others
    yield Metric(
        "counter",
        "sasl_bridge_logins",
        "Logins, by their verdict, and by who had the last word.",
        recorded,
        ("verdict", "by"),
    )
    yield counter(
        "sasl_bridge_protocol_errors",
        "Connections that ended because a client program broke the auth protocol.",
        service.protocol_errors,
    )


def _of_servers(settings: Settings, remembered: Remembered) -> Iterator[Measure]:
    times = remembered.times
    yield Durations(
        "sasl_bridge_server_answer_seconds",
        "How long a server took to answer, by its verdict.",
        {
            (server.name, verdict.value if verdict else _GIVEN_UP): histogram
            for server in servers_asked(settings)
            if server.name in times
            for verdict, histogram in times[server.name].by_verdict.items()
        },
        ("server", "verdict"),
    )


def _of_breakers(parts: Parts) -> Iterator[Measure]:
    breakers = {(name,): watched.lookout.breaker for name, watched in parts.watched.items()}
    labels = ("server",)
    yield Metric(
        "gauge",
        "sasl_bridge_server_up",
        "Whether a server is asked: 1, or 0 while it is away.",
        {key: not breaker.is_away for key, breaker in breakers.items()},
        labels,
    )
    yield Metric(
        "counter",
        "sasl_bridge_server_outages",
        "How often a server was away.",
        {key: breaker.times_away for key, breaker in breakers.items()},
        labels,
    )
    yield Metric(
        "counter",
        "sasl_bridge_server_looks",
        "How often a server was looked at without a login, because it might be away.",
        {key: breaker.looks for key, breaker in breakers.items()},
        labels,
    )


def _of_connections(remotes: Iterable[RemotePassdb]) -> Iterator[Measure]:
    def each(value: Callable[[RemotePassdb], float]) -> dict[Labels, float]:
        return {(remote.server.name,): value(remote) for remote in remotes}

    labels = ("server",)
    yield Metric(
        "gauge",
        "sasl_bridge_server_connections",
        "Connections to a mail server, those that wait for a login included.",
        each(lambda remote: remote.slots.taken),
        labels,
    )
    yield Metric(
        "gauge",
        "sasl_bridge_server_connections_max",
        "How many connections to a mail server there may be (`max_connections`).",
        each(lambda remote: remote.slots.limit),
        labels,
    )
    yield Metric(
        "gauge",
        "sasl_bridge_server_warm_connections",
        "Connections to a mail server that wait, ready for a login.",
        each(lambda remote: len(remote.warm)),
        labels,
    )
    yield Metric(
        "counter",
        "sasl_bridge_server_warm_used",
        "Logins that found a warm connection.",
        each(lambda remote: remote.warm.used),
        labels,
    )
    yield Metric(
        "counter",
        "sasl_bridge_server_warm_unused",
        "Warm connections that ended without a login.",
        each(lambda remote: remote.warm.unused),
        labels,
    )


def _of_memories(remembered: Remembered) -> Iterator[Measure]:
    successes, failures = remembered.successes, remembered.failures
    yield Metric(
        "gauge",
        "sasl_bridge_remembered",
        "Logins that are remembered as accepted, and as refused by a server.",
        {("accepted",): len(successes), ("rejected",): len(failures)},
        ("verdict",),
    )
    yield gauge(
        "sasl_bridge_remembered_max",
        "How many of each may be remembered (`[cache] size`).",
        successes.size,
    )
    yield counter(
        "sasl_bridge_remembered_refusals",
        "Questions to a server that were answered by what it had refused before.",
        failures.hits,
    )


def _of_blocks(blocks: Blocks) -> Iterator[Measure]:
    by = Counter(block.by for block in blocks.all())
    yield Metric(
        "gauge",
        "sasl_bridge_blocks",
        "Blocks in force, by who made them.",
        {(who,): by[who] for who in get_args(By)},
        ("by",),
    )


def _of_guard(guard: Guard) -> Iterator[Measure]:
    passed = {"enforce": guard.blocked, "monitor": guard.would_have_blocked}
    yield Metric(
        "counter",
        "sasl_bridge_guard_blocks",
        "Addresses and logins that passed a limit: blocked, or only told of (`mode`).",
        {(rule, mode): counts[rule] for mode, counts in passed.items() for rule in RULES},
        ("rule", "mode"),
    )
