"""The stage of a run: servers behind their lines, both daemons, and what watches them.

Starts everything, and ends it in good order, the daemons first. Raises LabError if something of
the lab does not start.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from lab.bridge import Bridge, Daemon, Policyd
from lab.certificates import make_certificates
from lab.settings import sender_settings_text, settings_text
from lab.slapd import Slapd

from soak.administrator import Administrator
from soak.clock import Lag
from soak.logins import Logins
from soak.people import User, make_users
from soak.record import Record
from soak.senders import Senders
from soak.servers import DIRECTORY, NAMES, Ailing, make_servers, profile
from soak.vitals import Sample, sample
from soak.weather import Weather

TIMEOUT_SECONDS = 8.0
_RECENT_LINES = 2000

# Each login is asked about, or nearly so: it is the servers that are to be missed.
_CACHES = (
    {"success_ttl": "0s", "failure_ttl": "0s"},
    {"success_ttl": "1s", "failure_ttl": "2s"},
    {"success_ttl": "0s", "failure_ttl": "30s"},
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how many logins a second, and the seed that decides what befalls the servers.

    ``lockout_budget`` is that of the settings. A password that a server does not answer counts as
    a wrong one, so with a budget the owners of accounts may have to wait after an outage.
    """

    seconds: float
    rate: float
    seed: int
    lockout_budget: int = 0


@dataclass(slots=True)
class Stage:
    """What runs: the servers, the daemons, and what is noted of them."""

    plan: Plan
    users: Sequence[User]
    servers: Sequence[Ailing]
    daemons: dict[str, Daemon]
    weather: Weather
    lag: Lag
    record: Record
    logins: Logins
    senders: Senders
    administrator: Administrator
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def sample(self) -> dict[str, Sample]:
        """Take a sample of each daemon."""
        at = self.lag.now()
        return {name: sample(daemon.pid, at) for name, daemon in self.daemons.items()}


@contextlib.asynccontextmanager
async def set_stage(plan: Plan, folder: Path) -> AsyncIterator[Stage]:
    """Yield it, everything being started."""
    tls = make_certificates(folder)
    users = make_users(NAMES)
    async with contextlib.AsyncExitStack() as running:
        servers = make_servers(folder, tls, users)
        for ailing in servers:
            running.enter_context(ailing.server)
            await ailing.line.open()
            running.callback(ailing.line.close)
        stage = _made(plan, folder, users, servers)
        for daemon in stage.daemons.values():
            running.enter_context(_ending_well(daemon, stage.record))
        yield stage


def _made(plan: Plan, folder: Path, users: Sequence[User], servers: Sequence[Ailing]) -> Stage:
    bridge, choices = _bridge(folder, servers, plan.lockout_budget)
    policyd = _policyd(folder, servers[-1])
    lag, weather = Lag(), Weather()
    record = Record(lag.now, weather.history, lambda what: _lines_with(bridge, what))
    return Stage(
        plan,
        users,
        servers,
        {bridge.module: bridge, policyd.module: policyd},
        weather,
        lag,
        record,
        Logins(folder / "auth", TIMEOUT_SECONDS, weather, record, lag),
        Senders(folder / "policy", users, weather, record, Random(plan.seed)),
        Administrator(bridge, choices, users, record),
        {bridge.module: [], policyd.module: []},
    )


def _bridge(
    folder: Path, servers: Sequence[Ailing], lockout_budget: int
) -> tuple[Bridge, Sequence[str]]:
    """Return sasl-bridge, not yet started, and the settings among which it is to change."""
    home = folder / "bridge"
    choices = [
        settings_text(
            home,
            folder / "auth",
            [ailing.listed for ailing in servers],
            restraint={"lockout_budget": lockout_budget},
            cache=cache,
            connection_timeout=f"{TIMEOUT_SECONDS:g}s",
            failure_delay="1s",
        )
        for cache in _CACHES
    ]
    return Bridge(home, choices[0]), choices


def _policyd(folder: Path, directory: Ailing) -> Policyd:
    assert isinstance(directory.server, Slapd)
    home = folder / "policyd"
    rules: dict[str, Any] = {"match_login": "enforce", "fake_sender_control": "enforce"}
    tables = [profile(directory.server, directory.line)]
    where = folder / "policy"
    rules |= {"ldap_profile": DIRECTORY, "state_dir": folder / "bridge"}
    return Policyd(home, sender_settings_text(home, where, tables, **rules))


@contextlib.contextmanager
def _ending_well(daemon: Daemon, record: Record) -> Iterator[None]:
    """Run a daemon; it must end by itself when it is told to."""
    with daemon:
        yield
        code = daemon.stop()
    if code != 0:
        record.violation(f"{daemon.module} ended with {code}")


def _lines_with(daemon: Daemon, what: str) -> list[str]:
    return [line for line in list(daemon.lines[-_RECENT_LINES:]) if what in line]
