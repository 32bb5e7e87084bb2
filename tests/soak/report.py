"""What is told of a run: how it goes, and in the end what was seen; what its logs say."""

import json
from collections import Counter
from collections.abc import Iterator
from statistics import median

from soak.stage import Stage


def progress(stage: Stage) -> str:
    """Return how it goes, in one line."""
    record = stage.record
    daemons = "; ".join(f"{name} {samples[-1]}" for name, samples in stage.samples.items())
    return (
        f"{stage.lag.now():.0f} s: logins: {_counts(record.logins)}; under way "
        f"{len(stage.logins)}; senders: {_counts(record.senders)}; {daemons}; trouble: "
        f"{stage.weather.ill()}; violations: {len(record.violations)}"
    )


def summary(stage: Stage) -> Iterator[str]:
    """Yield the figures of a run, line by line."""
    record, plan = stage.record, stage.plan
    yield f"logins: {record.logins.total()}: {_counts(record.logins)}"
    yield f"slowest answer: {record.slowest:.1f} s"
    yield f"senders: {record.senders.total()}: {_counts(record.senders)}"
    yield f"administrator: {_counts(record.commands)}"
    struck = Counter(event.partition("s  ")[2] for event in record.history if "well" not in event)
    yield f"troubles: {struck.total()}: {_counts(struck)}"
    for server, seconds in stage.weather.recoveries.items():
        yield (
            f"{server}: {len(seconds)} recoveries, a login there after {median(seconds):.1f} s "
            f"in the middle, {max(seconds):.1f} s at most"
        )
    yield from record.servers
    waited = 100 * stage.lag.waited / stage.lag.now()
    yield (
        f"the machine: sasl-bridge waited for it {waited:.0f} % of the time; logins that did not "
        f"get in, and were excused for it: {record.excused}"
    )
    yield f"violations: {len(record.violations)}; seed {plan.seed}"
    yield from (f"  {text}" for text in record.violations)


def servers_of(status: str) -> Iterator[str]:
    """Yield what the daemon tells of each server; ``status`` is its own, as JSON."""
    for server in json.loads(status)["sasl-bridge"]["servers"]:
        breaker = server["breaker"]
        warm = f", {server['warm_used']} warm connections used" if "warm_used" in server else ""
        yield (
            f"{server['name']}: {breaker['state']}, away {breaker['opened']} times, looked at "
            f"{breaker['probes']} times{warm}"
        )


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counter.items()))


def judge_logs(stage: Stage) -> None:
    """See to it that no daemon had a fault of its own."""
    for name, daemon in stage.daemons.items():
        for number, line in enumerate(daemon.lines):
            if line.startswith("Traceback"):
                text = " | ".join(daemon.lines[max(0, number - 1) : number + 30])
                stage.record.violation(f"{name} logged a fault: {text}")
