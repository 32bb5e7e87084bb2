"""The control command `probe`: looks at a server of the list or a directory, with a login or not.

The same laws as for every login: what admission refuses is not tried, and nobody hears of a login
of a domain that he does not serve. Leaves a line in the log: who was tried where, with what
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
from bridge_common.directory.directory import Directory
from bridge_common.errors import Problem
from bridge_common.network.addresses import is_address
from bridge_common.runtime.control import BadRequest, Busy, Reply, text_of
from bridge_common.secret import Secret
from sasl_bridge.admission import AdmissionRules, admit
from sasl_bridge.credentials import Claim, Credentials
from sasl_bridge.passdb.build import BuiltServer, Parts
from sasl_bridge.passdb.chain import share_seconds
from sasl_bridge.passdb.remote import RemotePassdb
from sasl_bridge.probe.advice import advice
from sasl_bridge.probe.directory_advice import directory_advice
from sasl_bridge.probe.directory_login import Asked as AskedLogin
from sasl_bridge.probe.directory_login import try_login
from sasl_bridge.probe.directory_probe import look_at_certificates, look_at_hosts
from sasl_bridge.probe.directory_report import (
    DirectoryReport,
    LoginTried,
    directory_report_as_json,
)
from sasl_bridge.probe.first_opinion import BY, first_opinion
from sasl_bridge.probe.report import Opinion, Report, State, report_as_json
from sasl_bridge.probe.second_opinion import second_opinion
from sasl_bridge.verdict import Refused

_logger = logging.getLogger(__name__)

_MOST_AT_A_TIME = 2


@dataclass(frozen=True, slots=True)
class ProbeRules:
    """What a probe needs of the settings in force; times in seconds."""

    parts: Parts
    admission: AdmissionRules
    connection_timeout: float
    failure_delay: float


@dataclass(frozen=True, slots=True)
class _Asked:
    """The login to try, if any, and the form in which it was typed."""

    typed: str
    credentials: Credentials | None


@dataclass(frozen=True, slots=True)
class _AskedServer(_Asked):
    """A server to look at."""

    built: BuiltServer
    remote: RemotePassdb


@dataclass(frozen=True, slots=True)
class _AskedDirectory(_Asked):
    """A directory to look at, and the domains whose logins reach it; empty: all of ours."""

    directory: Directory
    served: tuple[str, ...]


class Prober:
    """Looks at servers and directories for the administrator's tools."""

    def __init__(self, decisions: DecisionLog) -> None:
        self._decisions = decisions
        self._rules: ProbeRules | None = None
        self._running = 0

    def apply(self, rules: ProbeRules | None) -> None:
        """Use these rules from the next probe on; None: there are no good settings."""
        self._rules = rules

    async def probe(self, request: Mapping[str, Any]) -> Reply:
        """Answer the command.

        ``server`` or ``profile`` is a name; ``login``, ``password``, ``client`` may be there.
        """
        if self._rules is None:
            raise BadRequest("no good settings are in force; see bridgectl status")
        if self._running >= _MOST_AT_A_TIME:
            raise Busy(f"{self._running} tests are running already; try again in a moment")
        rules = self._rules
        asked = _asked_directory(rules, request) if "profile" in request else _asked(rules, request)
        self._running += 1
        try:
            if isinstance(asked, _AskedDirectory):
                seen = await self._look_at_directory(rules, asked)
                return directory_report_as_json(seen, directory_advice(seen))
            report = await self._look(rules, asked)
            return report_as_json(report, advice(report))
        finally:
            self._running -= 1

    async def _look(self, rules: ProbeRules, asked: _AskedServer) -> Report:
        server, credentials = asked.built.settings, asked.credentials
        began = time.monotonic()
        first = Opinion(BY, detail="ended without an answer")
        try:
            deadline = Deadline.after(rules.connection_timeout)
            first = await first_opinion(asked.remote, credentials, deadline)
        finally:
            # Even if nobody waits any more: the server may have seen the password.
            seconds = time.monotonic() - began
            self._record(asked, f"server {server.name}", first.state, first.detail, seconds)
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

    async def _look_at_directory(
        self, rules: ProbeRules, asked: _AskedDirectory
    ) -> DirectoryReport:
        directory, credentials = asked.directory, asked.credentials
        began = time.monotonic()
        hosts = await look_at_hosts(directory, Deadline.after(rules.connection_timeout))
        login = None
        if credentials is not None:
            login = LoginTried(credentials.identity, detail="ended without an answer")
        report = DirectoryReport(directory.profile, hosts, login)
        try:
            if credentials is not None and login is not None:
                who = AskedLogin(directory, credentials, rules.admission.identity, asked.served)
                deadline = Deadline.after(rules.connection_timeout)
                await try_login(login, who, hosts, deadline)
        finally:
            # Even if nobody waits any more: the directory may have seen the password.
            seconds = time.monotonic() - began
            whom = f"profile {directory.profile.name}"
            self._record(asked, whom, report.state, report.detail, seconds)
        await look_at_certificates(directory, hosts, rules.connection_timeout)
        return report

    def _record(self, asked: _Asked, whom: str, state: State, detail: str, seconds: float) -> None:
        credentials = asked.credentials
        if credentials is None:
            _logger.info("probe of %s: %s%s", whom, state, f" ({detail})" if detail else "")
            return
        self._decisions.write(
            {
                "login": credentials.identity.address,
                "typed": asked.typed if asked.typed != credentials.identity.address else "",
                "client": credentials.client,
                "mechanism": "probe",
                "verdict": state,
                "server": whom.partition(" ")[2],
                "reason": detail,
                "seconds": seconds,
            },
            refused=state != "accepted",
            trouble=state == "unavailable",
        )


def _asked(rules: ProbeRules, request: Mapping[str, Any]) -> _AskedServer:
    """Return which server the request asks for. Raises BadRequest."""
    name = text_of(request, "server")
    named = {built.settings.name: built for built in rules.parts.servers}
    built = named.get(name)
    if built is None:
        there_are = ", ".join(named) or "none"
        raise BadRequest(f"no server {name!r} in the settings in force; there are: {there_are}")
    if built.remote is None:
        profile = built.settings.ldap_profile
        raise BadRequest(f"server {name} is a directory: use bridgectl profile test {profile}")
    if isinstance(built.remote, Problem):
        raise BadRequest(str(built.remote))
    credentials = _credentials(rules, f"server {name}", built.settings.domains, request)
    return _AskedServer(text_of(request, "login"), credentials, built, built.remote)


def _asked_directory(rules: ProbeRules, request: Mapping[str, Any]) -> _AskedDirectory:
    """Return which directory the request asks for, used or not. Raises BadRequest."""
    name = text_of(request, "profile")
    named = {built.settings.name: built for built in rules.parts.profiles}
    built = named.get(name)
    if built is None:
        there_are = ", ".join(named) or "none"
        raise BadRequest(f"no profile {name!r} in the settings in force; there are: {there_are}")
    if isinstance(built.directory, Problem):
        raise BadRequest(str(built.directory))
    credentials = _credentials(rules, f"profile {name}", built.served, request)
    return _AskedDirectory(text_of(request, "login"), credentials, built.directory, built.served)


def _credentials(
    rules: ProbeRules, whom: str, served: tuple[str, ...], request: Mapping[str, Any]
) -> Credentials | None:
    """Return the login that may be asked about, None if there is none. Raises BadRequest."""
    if not text_of(request, "login"):
        return None
    claim, client = claim_of(request)
    credentials = admit(rules.admission, claim, client)
    if isinstance(credentials, Refused):
        raise BadRequest(f"this login is not tried at any server: {credentials.reason}")
    if served and credentials.identity.domain not in served:
        domain = credentials.identity.domain
        raise BadRequest(f"{whom} is not asked about logins of {domain} (domains)")
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


def _share(rules: ProbeRules, asked: _AskedServer) -> float:
    """Return the time after which the list asks the next server; 0 if there is no next one.

    It is as if this server were enabled, and those before it took all of their own shares.
    """
    candidates = [
        built
        for built in rules.parts.servers
        if built is asked.built or (built.settings.enabled and _may_serve(built, asked))
    ]
    if candidates[-1] is asked.built:
        return 0.0
    return share_seconds(rules.connection_timeout, rules.failure_delay, len(candidates))


def _may_serve(built: BuiltServer, asked: _AskedServer) -> bool:
    """Say whether it is asked about the same login; without one, about any the same."""
    domains = set(asked.built.settings.domains)
    if asked.credentials is not None:
        domains = {asked.credentials.identity.domain}
    served = set(built.settings.domains)
    return not served or not domains or bool(served & domains)
