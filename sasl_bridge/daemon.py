"""The composition root: settings -> pipe -> listeners; reload; nothing else."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bridge_common.blocks import Blocks
from bridge_common.decisions import DecisionLog
from bridge_common.directory.directory import even_name
from bridge_common.errors import Problem, SettingsError
from bridge_common.identity import IdentityRules, RefusedLogin, canonical_identity
from bridge_common.log import configure_log
from bridge_common.metrics import Measure, problems_with_library
from bridge_common.runtime.control import Command, Reply, WhileAwaited
from bridge_common.runtime.lifecycle import Ready
from bridge_common.runtime.state_folder import Kept, StateFolder
from bridge_common.settings.location import control_of
from bridge_common.settings.model import Settings, SmtpAuth, identity_rules
from bridge_common.settings.read import Loaded, read_settings
from bridge_common.settings.write import format_settings
from sasl_bridge.admission import AdmissionRules
from sasl_bridge.blocking import Blocking
from sasl_bridge.by_heart import ByHeart
from sasl_bridge.client import ClientConnection
from sasl_bridge.metrics import metrics_of_bridge
from sasl_bridge.passdb.build import (
    NOTHING,
    Parts,
    Remembered,
    build_parts,
    build_passdb,
    problems_in_files,
)
from sasl_bridge.passdb.guard import Guard
from sasl_bridge.passdb.success_cache import SuccessCache
from sasl_bridge.passdb.summary import server_summaries
from sasl_bridge.probe.prober import Prober, ProbeRules, claim_of
from sasl_bridge.protocol.connection import AuthParameters, AuthRequest
from sasl_bridge.service import (
    NOBODY_TO_ASK,
    REFUSAL,
    AuthService,
    InForce,
    Question,
    ServiceRules,
)
from sasl_bridge.verdict import Answer, Verdict


@dataclass(frozen=True, slots=True)
class Built:
    """What is built from settings: the pipe, and everybody who can be asked by himself."""

    passdb: SuccessCache
    parts: Parts


@dataclass(frozen=True, slots=True)
class _ToApply:
    """What comes into force at once."""

    settings: Settings
    in_force: InForce
    probing: ProbeRules


class Bridge:
    """Program 1: "is this login right?"."""

    name = "sasl-bridge"

    def __init__(self, settings_file: Path) -> None:
        self._settings_file = settings_file
        control = control_of(settings_file, "smtp_auth", SmtpAuth().control)
        self.default_sockets = SmtpAuth(control=control)
        self._settings: Settings | None = None
        self._parts = NOTHING
        self._remembered = Remembered()
        self._blocks = Blocks()
        self._guard = Guard(self._blocks, self._remembered.successes)
        self._service = AuthService(DecisionLog(), self._blocks, self._guard)
        self.connections = self._service.connections
        self._prober = Prober(self._service.decisions)
        survivors: list[Kept] = [self._blocks, self._guard, self._remembered.budgets]
        self._state = StateFolder(survivors)
        blocking = Blocking(self._blocks, self._state, self._remembered.successes, self._identity)
        self.commands: Mapping[str, Command] = {
            "verify": self._verify,
            "flush": self._flush,
            "budgets": self._budgets,
            "clear_budgets": self._clear_budgets,
            "decisions": self._service.decisions.recent.answer,
            "probe": WhileAwaited(self._prober.probe),
            **blocking.commands,
        }

    def prepare(self) -> Ready[_ToApply]:
        """Read the settings and build the pipe. Blocks. Raises SettingsError."""
        return _ready(*load(self._settings_file, self._parts, self._remembered))

    def apply(self, built: _ToApply) -> None:
        """Use these settings from the next request on."""
        self._parts.close()
        self._settings, self._parts = built.settings, built.probing.parts
        self._parts.begin()
        self._remembered.obey(built.settings.cache, built.settings.restraint)
        self._guard.obey(built.settings.restraint)
        self._service.decisions.only_refused = built.settings.log.decisions == "refused"
        self._service.apply(built.in_force)
        self._prober.apply(built.probing)
        self._state.use(built.settings.smtp_auth.state_dir)

    def broken(self) -> None:
        """Answer every request as trouble."""
        self._service.apply(None)

    async def begin(self) -> None:
        """Take over what the last run kept."""
        await self._state.ready()

    async def end(self) -> None:
        """Keep what the next run takes over, and let go of the servers."""
        self._parts.close()
        await self._state.end()

    def connection(self) -> ClientConnection:
        """Return the protocol of one new client connection."""
        return ClientConnection(self._service)

    def metrics(self) -> Iterator[Measure]:
        """Return what there is to count."""
        settings = self._settings or Settings()
        return metrics_of_bridge(
            self._service,
            settings,
            self._parts,
            self._remembered,
            state_folder_good=not self._state.trouble,
        )

    def status(self) -> Reply:
        """Return the settings file, the counts of verdicts, and who is asked, in their order."""
        settings = self._settings or Settings()
        return {
            "settings_file": str(self._settings_file),
            "enabled": settings.smtp_auth.enabled,
            "verdicts": {verdict.value: self._service.verdicts[verdict] for verdict in Verdict},
            "servers": server_summaries(settings, self._parts),
            "remembered": {
                "accepted": len(self._remembered.successes),
                "refused": len(self._remembered.failures),
                "accepted_again": self._remembered.successes.hits,
                "refused_again": self._remembered.failures.hits,
                "accepted_in_grace": self._remembered.successes.graces,
            },
            "lockout_budgets": self._remembered.budgets.summary(),
            "guard": self._guard.summary(),
            "blocks": len(self._blocks.all()),
            "state_folder": self._state.trouble,
            "recent": self._service.decisions.recent.latest(),
        }

    async def _flush(self, request: Mapping[str, Any]) -> Reply:
        """Forget what is remembered: of the login that is named, or everything."""
        login = request.get("login")
        address = None if login is None else self._address_of(str(login))
        return {
            "login": address,
            "accepted": self._remembered.successes.flush(address),
            "refused": self._remembered.failures.flush(address),
        }

    async def _budgets(self, _request: Mapping[str, Any]) -> Reply:
        """Return the accounts of which wrong passwords count."""
        return {"budgets": self._remembered.budgets.listed()}

    async def _clear_budgets(self, request: Mapping[str, Any]) -> Reply:
        """Make the budget whole of the account that is named, or of all."""
        name = request.get("login")
        names = () if name is None else (self._address_of(str(name)), even_name(str(name)))
        address = names[0] if names else None
        return {"login": address, "cleared": self._remembered.budgets.clear(*names)}

    def _address_of(self, login: str) -> str:
        """Return a login's canonical form, or itself: a name that is none of ours is not there."""
        identity = canonical_identity(login.encode("utf-8", "surrogateescape"), self._identity())
        return login if isinstance(identity, RefusedLogin) else identity.address

    def _identity(self) -> IdentityRules:
        return identity_rules((self._settings or Settings()).identity)

    async def _verify(self, request: Mapping[str, Any]) -> Reply:
        """Try a login as Postfix would in an encrypted session, without the failure delay.

        The servers are asked, whatever is remembered: that is what one wants to know here.
        """
        claim, client = claim_of(request)
        parameters = AuthParameters(service="smtp", secured=True, client=client)
        begun = time.monotonic()
        answer = self._service.consider(claim, parameters)
        if isinstance(answer, Question):
            self._remembered.failures.flush(answer.credentials.identity.address)
            answer = await self._service.ask(answer)
        seconds = time.monotonic() - begun
        attempt = AuthRequest(0, "bridgectl", parameters, claim)
        self._service.record(answer, attempt, seconds)
        return {
            "verdict": answer.verdict.value,
            "identity": answer.identity,
            "server": answer.source,
            "reason": answer.reason,
            "seconds": seconds,
            "asked": [
                {
                    "server": step.server,
                    "verdict": step.verdict.value,
                    "detail": step.detail,
                    "seconds": step.seconds,
                }
                for step in answer.steps
            ],
            "smtp_reply": self._smtp_reply(answer),
        }

    def _smtp_reply(self, answer: Answer) -> str:
        """Return what Postfix would tell the mail client."""
        settings = self._settings
        if answer.verdict is Verdict.ACCEPTED:
            return "235 2.7.0 Authentication successful"
        if answer.verdict is Verdict.REJECTED:
            return f"535 5.7.8 Error: authentication failed: {REFUSAL}"
        asked = answer.source != "admission"
        if asked and settings and settings.smtp_auth.on_unavailable == "reject":
            return f"535 5.7.8 Error: authentication failed: {NOBODY_TO_ASK}"
        return (
            "454 4.7.0 Temporary authentication failure: Connection lost to authentication server"
        )


def load(
    settings_file: Path, before: Parts = NOTHING, remembered: Remembered | None = None
) -> tuple[Loaded, Built]:
    """Read the settings and build from them, going on with the servers of before.

    Blocks. Raises SettingsError with every problem.
    """
    try:
        loaded = read_settings(settings_file)
    except SettingsError as error:
        # What usable parts of the settings name is looked at all the same.
        more = _problems_outside(error.draft) if error.draft else ()
        raise SettingsError((*error.problems, *more)) from None
    if _problems_with_library(loaded.settings):
        raise SettingsError(_problems_outside(loaded.settings))
    parts = build_parts(loaded.settings, before)
    return loaded, Built(build_passdb(loaded.settings, parts, remembered), parts)


def _problems_outside(settings: Settings) -> tuple[Problem, ...]:
    """Return what is wrong with the files and the library that the settings need."""
    return (*_problems_with_library(settings), *problems_in_files(settings))


def _problems_with_library(settings: Settings) -> tuple[Problem, ...]:
    return problems_with_library("smtp_auth", settings.smtp_auth.metrics_listen)


def _ready(loaded: Loaded, built: Built) -> Ready[_ToApply]:
    settings = loaded.settings
    admission = AdmissionRules(
        enabled=settings.smtp_auth.enabled,
        require_tls=settings.smtp_auth.require_tls,
        identity=identity_rules(settings.identity),
    )
    rules = ServiceRules(
        admission=admission,
        connection_timeout=settings.smtp_auth.connection_timeout,
        failure_delay=settings.smtp_auth.failure_delay,
        reject_when_unavailable=settings.smtp_auth.on_unavailable == "reject",
    )
    in_force = InForce(rules, built.passdb, ByHeart(settings.cache.size))
    probing = ProbeRules(
        parts=built.parts,
        admission=admission,
        connection_timeout=settings.smtp_auth.connection_timeout,
        failure_delay=settings.smtp_auth.failure_delay,
    )
    return Ready(
        sockets=settings.smtp_auth,
        built=_ToApply(settings, in_force, probing),
        warnings=tuple(str(warning) for warning in loaded.warnings),
        log=partial(configure_log, settings.log.level, settings.log.format),
        summary=format_settings(settings),
    )
