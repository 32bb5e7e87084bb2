"""The composition root: settings -> rules and owners -> listeners; reload; nothing else."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bridge_common.blocks import Blocks
from bridge_common.decisions import DecisionLog
from bridge_common.directory.build import build_or_problem
from bridge_common.errors import Problem, SettingsError
from bridge_common.identity import IdentityRules
from bridge_common.log import configure_log
from bridge_common.metrics import Measure, problems_with_library
from bridge_common.runtime.control import Busy, Command, Reply, WhileAwaited
from bridge_common.runtime.lifecycle import Ready
from bridge_common.settings.location import control_of
from bridge_common.settings.model import Settings, identity_rules
from bridge_common.settings.networks import network_of
from bridge_common.settings.read import Loaded, read_settings
from bridge_common.settings.sender import NullSender, Sender, any_rule_on, in_context
from bridge_common.settings.write import format_settings
from policyd.blocks_file import BlocksFile
from policyd.explain import explain
from policyd.facts import InForce
from policyd.metrics import metrics_of_policy
from policyd.ownership.aliases import AliasRules
from policyd.ownership.aliases_file import NO_FILE, AliasesFile, Reading
from policyd.ownership.directory import DirectoryAddresses
from policyd.ownership.owners import AllOwners
from policyd.rules.interface import Exempt, Mode, Network, RuleSettings
from policyd.ruleset import modes
from policyd.sender import SenderRules
from policyd.service import PolicyClient, PolicyService

_NULL_SENDER: Mapping[NullSender, Mode] = {
    "allow": "off",
    "monitor": "monitor",
    "reject": "enforce",
}


@dataclass(frozen=True, slots=True)
class Built:
    """What is built from settings: what decides, and those of it that have a life of their own."""

    in_force: InForce
    aliases: AliasesFile
    directory: DirectoryAddresses | None


@dataclass(frozen=True, slots=True)
class _ToApply:
    """What comes into force at once."""

    settings: Settings
    built: Built


class Policy:
    """Program 2: "may this login use this envelope sender?"."""

    name = "sasl-policyd"

    def __init__(self, settings_file: Path) -> None:
        self._settings_file = settings_file
        control = control_of(settings_file, "sender", Sender().control)
        self.default_sockets = Sender(control=control)
        self._applied: _ToApply | None = None
        self._watching: asyncio.Task[None] | None = None
        self._blocks_file = BlocksFile(Blocks())
        self._service = PolicyService(DecisionLog())
        self.connections = self._service.connections
        self.commands: Mapping[str, Command] = {
            "explain": WhileAwaited(self._explain),
            "decisions": self._service.decisions.recent.answer,
        }

    def prepare(self) -> Ready[_ToApply]:
        """Read the settings and the aliases. Blocks. Raises SettingsError."""
        before = self._applied.built if self._applied else None
        loaded, built = load(self._settings_file, before, self._blocks_file.blocks)
        settings = loaded.settings
        aliases = built.aliases
        return Ready(
            sockets=settings.sender,
            built=_ToApply(settings, built),
            warnings=tuple(map(str, loaded.warnings)),
            log=partial(configure_log, settings.log.level, settings.log.format),
            summary=format_settings(settings),
            doubts=lambda: tuple(map(str, aliases.reading.doubts(aliases.path))),
        )

    def apply(self, built: _ToApply) -> None:
        """Decide by this from the next request on."""
        before, self._applied = self._applied, built
        if before is not None and before.built.directory is not None:
            before.built.directory.close()
        self._service.decisions.only_refused = built.settings.log.decisions == "refused"
        self._service.apply(built.built.in_force)
        if self._watching is not None:
            self._watching.cancel()
        self._watching = asyncio.get_running_loop().create_task(built.built.aliases.watch())
        self._blocks_file.use(built.settings.smtp_auth.state_dir)

    def broken(self) -> None:
        """Answer every request as trouble."""
        self._service.apply(None)

    async def begin(self) -> None:
        """Know who is blocked."""
        await self._blocks_file.ready()

    async def end(self) -> None:
        """Look at no file any more."""
        if self._watching is not None:
            self._watching.cancel()
        await self._blocks_file.end()

    def connection(self) -> PolicyClient:
        """Return the protocol of one new client connection."""
        return PolicyClient(self._service)

    def metrics(self) -> Iterator[Measure]:
        """Return what there is to count."""
        built = self._applied.built if self._applied else None
        return metrics_of_policy(
            self._service,
            enabled=self._applied is not None and any_rule_on(self._applied.settings.sender),
            aliases=built.aliases if built else None,
            directory=built.directory if built else None,
            blocks=self._blocks_file.blocks,
            state_folder_good=not self._blocks_file.trouble,
        )

    def status(self) -> Reply:
        """Return the settings file, the counts of decisions, and the rules of each context."""
        applied = self._applied
        rules = applied.built.in_force.rules if applied else {}
        return {
            "settings_file": str(self._settings_file),
            "enabled": applied is not None and any_rule_on(applied.settings.sender),
            "decisions": dict(self._service.counts),
            "rules": {context: modes(settings) for context, settings in rules.items()},
            "aliases": applied.built.aliases.reading.summary() if applied else "",
            "blocks": len(self._blocks_file.blocks.all()),
            "state_folder": self._blocks_file.trouble,
            "recent": self._service.decisions.recent.latest(),
        }

    async def _explain(self, request: Mapping[str, Any]) -> Reply:
        if self._service.in_force is None:
            raise Busy("no good settings are in force; see bridgectl status")
        return await explain(self._service.in_force, request)


def load(
    settings_file: Path, before: Built | None = None, blocks: Blocks | None = None
) -> tuple[Loaded, Built]:
    """Read the settings and build from them, going on with what is known from before.

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
    return loaded, _build(loaded.settings, before, Blocks() if blocks is None else blocks)


def _problems_outside(settings: Settings) -> tuple[Problem, ...]:
    """Return what is wrong with the certificates and the library that the settings need."""
    directory = _directory(settings, None)
    files = (directory,) if isinstance(directory, Problem) else ()
    return (*_problems_with_library(settings), *files)


def _problems_with_library(settings: Settings) -> tuple[Problem, ...]:
    return problems_with_library("sender", settings.sender.metrics_listen)


def _build(settings: Settings, before: Built | None, blocks: Blocks) -> Built:
    """Return what the settings amount to. Reads what they name: blocks. Raises SettingsError."""
    directory = _directory(settings, before)
    if isinstance(directory, Problem):
        raise SettingsError((directory,))
    identity = identity_rules(settings.identity)
    myorigin = settings.sender.myorigin
    aliases = _aliases(settings.sender, AliasRules(myorigin, identity), before)
    aliases.read()
    in_force = InForce(
        rules=_rules(settings, identity),
        reading=SenderRules(myorigin, _ours(identity)),
        identity=identity,
        owners=AllOwners(aliases, directory, settings.sender.recipient_delimiter),
        lookup_timeout=settings.sender.lookup_timeout,
        blocks=blocks,
    )
    return Built(in_force, aliases, directory)


def _aliases(sender: Sender, rules: AliasRules, before: Built | None) -> AliasesFile:
    known: Reading = NO_FILE
    if before is not None and before.aliases.path == sender.aliases_file:
        known = before.aliases.reading
    return AliasesFile(sender.aliases_file, rules, known)


def _directory(settings: Settings, before: Built | None) -> DirectoryAddresses | Problem | None:
    """Return the directory that says what a login owns, if there is one, or why it cannot."""
    for number, profile in enumerate(settings.ldap_profiles, start=1):
        if profile.name == settings.sender.ldap_profile:
            directory = build_or_problem(number, profile)
            if isinstance(directory, Problem):
                return directory
            addresses = DirectoryAddresses(directory)
            if before is not None and before.directory is not None:
                addresses.take_over(before.directory)
            return addresses
    return None


def _ours(identity: IdentityRules) -> frozenset[str] | None:
    return identity.domains or None


def _rules(settings: Settings, identity: IdentityRules) -> dict[str, RuleSettings]:
    """Return the rules of each policy_context; "" is the section's own."""
    names = ("", *(context.name for context in settings.sender.contexts))
    return {name: _rules_of(in_context(settings.sender, name), identity) for name in names}


def _rules_of(sender: Sender, identity: IdentityRules) -> RuleSettings:
    return RuleSettings(
        domains=_ours(identity),
        match_login=sender.match_login,
        match_scope=sender.match_scope,
        fake_sender_control=sender.fake_sender_control,
        foreign_sender=sender.foreign_sender,
        null_sender=_NULL_SENDER[sender.null_sender],
        on_lookup_failure=sender.on_lookup_failure,
        trusted_networks=_networks(sender.trusted_networks),
        exceptions=tuple(
            Exempt(exception.sender, _networks(exception.clients))
            for exception in sender.exceptions
        ),
        recipient_delimiter=sender.recipient_delimiter,
        help_text=sender.help_text,
        identity=identity,
    )


def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(map(network_of, texts))
