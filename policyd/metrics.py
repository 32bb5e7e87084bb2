"""What sasl-policyd tells Prometheus: decisions, look-ups, the aliases file.

Knows names and meanings (`docs/monitoring.md` has them all), and where the figures are. They are
read when they are asked for; strangers' logins and addresses are in none of them.
Raises nothing; logs nothing.
"""

from collections.abc import Iterator

from bridge_common.blocks import Blocks
from bridge_common.directory.metrics import metrics_of_directories
from bridge_common.metrics import Durations, Labels, Measure, Metric, counter, gauge
from policyd.ownership.aliases_file import NO_FILE, AliasesFile
from policyd.ownership.directory import DirectoryAddresses
from policyd.ruleset import RULE_NAMES
from policyd.service import PolicyService

# What Postfix is told, and how the rule is set, by how a decision is counted.
_TOLD = {
    "refused": ("refuse", "enforce"),
    "tempfail": ("tempfail", "enforce"),
    "monitored": ("dunno", "monitor"),
    "dunno": ("dunno", ""),
    "trouble": ("hang_up", ""),
}
# These are there from the beginning, so that the first one is a rise.
_EXPECTED = (
    *((kind, rule) for kind in ("refused", "tempfail", "monitored") for rule in RULE_NAMES),
    ("dunno", ""),
    ("trouble", ""),
)


def metrics_of_policy(
    service: PolicyService,
    *,
    enabled: bool,
    aliases: AliasesFile | None,
    directory: DirectoryAddresses | None,
    blocks: Blocks,
    state_folder_good: bool,
) -> Iterator[Measure]:
    """Yield all of them."""
    yield gauge("sasl_policyd_enabled", "Whether any rule is switched on.", enabled)
    yield from _of_decisions(service)
    yield from _of_look_ups(directory)
    yield from _of_aliases(aliases)
    yield gauge(
        "sasl_policyd_blocks",
        "Blocks that sasl-bridge keeps, as they are obeyed here.",
        len(blocks.all()),
    )
    yield gauge(
        "sasl_policyd_state_folder_good",
        "Whether they could be read last: 1 or 0.",
        state_folder_good,
    )


def _of_decisions(service: PolicyService) -> Iterator[Measure]:
    decided: dict[Labels, float] = {}
    for kind, rule in (*_EXPECTED, *service.decided):
        action, mode = _TOLD[kind]
        decided[action, rule, mode] = service.decided[kind, rule]
    yield Metric(
        "counter",
        "sasl_policyd_decisions",
        "Messages decided about: what Postfix was told, by which rule, in which mode.",
        decided,
        ("action", "rule", "mode"),
    )
    yield counter(
        "sasl_policyd_protocol_errors",
        "Connections that ended because a client program broke the policy protocol.",
        service.protocol_errors,
    )


def _of_look_ups(directory: DirectoryAddresses | None) -> Iterator[Measure]:
    times = directory.times if directory else {}
    yield Durations(
        "sasl_policyd_lookup_seconds",
        "How long the directory took to say what a login owns, by what came of it.",
        {(result,): histogram for result, histogram in times.items()},
        ("result",),
    )
    yield from metrics_of_directories("sasl_policyd", [directory.directory] if directory else [])


def _of_aliases(file: AliasesFile | None) -> Iterator[Measure]:
    reading = file.reading if file else NO_FILE
    aliases = reading.aliases
    yield gauge(
        "sasl_policyd_aliases_good",
        "Whether the aliases file could be read when it had changed last: 1 or 0.",
        not reading.trouble,
    )
    yield gauge(
        "sasl_policyd_aliases",
        "Addresses in the aliases file.",
        len(aliases.owners) if aliases else 0,
    )
    yield gauge(
        "sasl_policyd_aliases_broken_lines",
        "Lines of the aliases file that say nothing.",
        aliases.broken_count if aliases else 0,
    )
