"""The control command `probe`: looks at one server of the list, with a login or without.

The same laws as for every login: what admission refuses is not tried, and no server hears of a
login of a domain that it does not serve. Leaves a line in the log: who was tried where, with what
verdict; never the password.
Few probes run at a time, so that nobody guesses passwords through them.
Fails with `BadRequest` and `Busy`.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge_common.deadline import Deadline
from bridge_common.decisions import DecisionLog
from bridge_common.errors import Problem
from bridge_common.runtime.control import BadRequest, Busy, Reply, text_of
from bridge_common.secret import Secret
from sasl_bridge.admission import AdmissionRules, admit
from sasl_bridge.credentials import Claim, Credentials
from sasl_bridge.passdb.addresses import is_address
from sasl_bridge.passdb.build import BuiltServer
from sasl_bridge.passdb.chain import share_seconds
from sasl_bridge.passdb.remote import RemotePassdb
from sasl_bridge.probe.advice import advice
from sasl_bridge.probe.first_opinion import BY, first_opinion
from sasl_bridge.probe.report import Opinion, Report, report_as_json
from sasl_bridge.probe.second_opinion import second_opinion
from sasl_bridge.verdict import Refused

_logger = logging.getLogger(__name__)

_MOST_AT_A_TIME = 2


@dataclass(frozen=True, slots=True)
class ProbeRules:
    """What a probe needs of the settings in force; times in seconds."""

    servers: tuple[BuiltServer, ...]
    admission: AdmissionRules
    connection_timeout: float
    failure_delay: float


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be looked at."""

    built: BuiltServer
    remote: RemotePassdb
    typed: str
    credentials: Credentials | None


class Prober:
    """Looks at servers for the administrator's tools."""

    def __init__(self, decisions: DecisionLog) -> None:
        self._decisions = decisions
        self._rules: ProbeRules | None = None
        self._running = 0

    def apply(self, rules: ProbeRules | None) -> None:
        """Use these rules from the next probe on; None: there are no good settings."""
        self._rules = rules

    async def probe(self, request: Mapping[str, Any]) -> Reply:
        """Answer the command. ``server`` is a name; ``login``, ``password``, ``client`` may be."""
        if self._rules is None:
            raise BadRequest("no good settings are in force; see bridgectl status")
        if self._running >= _MOST_AT_A_TIME:
            raise Busy(f"{self._running} tests are running already; try again in a moment")
        rules = self._rules
        asked = _asked(rules, request)
        self._running += 1
        try:
            report = await self._look(rules, asked)
        finally:
            self._running -= 1
        return report_as_json(report, advice(report))

    async def _look(self, rules: ProbeRules, asked: _Asked) -> Report:
        server, credentials = asked.built.settings, asked.credentials
        began = time.monotonic()
        first = Opinion(BY, detail="ended without an answer")
        try:
            deadline = Deadline.after(rules.connection_timeout)
            first = await first_opinion(asked.remote, credentials, deadline)
        finally:
            # Even if nobody waits any more: the server may have seen the password.
            self._record(asked, first, time.monotonic() - began)
        attempt = asked.remote.attempt(credentials)
        second, certificate = await second_opinion(server, attempt, rules.connection_timeout)
        return Report(
            server=server,
            login=credentials.identity.address if credentials else "",
            client=credentials.client if credentials else "",
            share=_share(rules, asked),
            first=first,
            second=second,
            certificate=certificate,
        )

    def _record(self, asked: _Asked, first: Opinion, seconds: float) -> None:
        name, credentials = asked.built.settings.name, asked.credentials
        if credentials is None:
            detail = f" ({first.detail})" if first.detail else ""
            _logger.info("probe of server %s: %s%s", name, first.state, detail)
            return
        self._decisions.write(
            {
                "login": credentials.identity.address,
                "typed": asked.typed if asked.typed != credentials.identity.address else "",
                "client": credentials.client,
                "mechanism": "probe",
                "verdict": first.state,
                "server": name,
                "reason": first.detail,
                "seconds": seconds,
            },
            refused=first.state != "accepted",
            trouble=first.state == "unavailable",
        )


def _asked(rules: ProbeRules, request: Mapping[str, Any]) -> _Asked:
    """Return what the request asks for. Raises BadRequest."""
    name = text_of(request, "server")
    named = {built.settings.name: built for built in rules.servers}
    built = named.get(name)
    if built is None:
        there_are = ", ".join(named) or "none"
        raise BadRequest(f"no server {name!r} in the settings in force; there are: {there_are}")
    if isinstance(built.remote, Problem):
        raise BadRequest(str(built.remote))
    typed = text_of(request, "login")
    credentials = _credentials(rules, built, request) if typed else None
    return _Asked(built, built.remote, typed, credentials)


def _credentials(rules: ProbeRules, built: BuiltServer, request: Mapping[str, Any]) -> Credentials:
    """Return what this server may be asked about. Raises BadRequest."""
    claim, client = claim_of(request)
    credentials = admit(rules.admission, claim, client)
    if isinstance(credentials, Refused):
        raise BadRequest(f"this login is not tried at any server: {credentials.reason}")
    served = built.settings.domains
    if served and credentials.identity.domain not in served:
        raise BadRequest(
            f"server {built.settings.name} is not asked about logins of "
            f"{credentials.identity.domain} (domains)"
        )
    return credentials


def claim_of(request: Mapping[str, Any]) -> tuple[Claim, str]:
    """Return ``login`` and ``password`` of a request, and ``client``. Raises BadRequest."""
    client = text_of(request, "client")
    if client and not is_address(client):
        raise BadRequest(f"client: {client!r} is no IP address")
    # A lone surrogate becomes invalid UTF-8: admission refuses it in a login; a password may be of
    # any bytes.
    login, password = (
        text_of(request, key).encode(errors="surrogatepass") for key in ("login", "password")
    )
    return Claim(login, Secret(password)), client


def _share(rules: ProbeRules, asked: _Asked) -> float:
    """Return the time after which the list asks the next server; 0 if there is no next one.

    It is as if this server were enabled, and those before it took all of their own shares.
    """
    candidates = [
        built
        for built in rules.servers
        if built is asked.built or (built.settings.enabled and _may_serve(built, asked))
    ]
    if candidates[-1] is asked.built:
        return 0.0
    return share_seconds(rules.connection_timeout, rules.failure_delay, len(candidates))


def _may_serve(built: BuiltServer, asked: _Asked) -> bool:
    """Say whether it is asked about the same login; without one, about any the same."""
    domains = set(asked.built.settings.domains)
    if asked.credentials is not None:
        domains = {asked.credentials.identity.domain}
    served = set(built.settings.domains)
    return not served or not domains or bool(served & domains)
