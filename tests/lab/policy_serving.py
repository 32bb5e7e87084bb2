"""The policy service on a real socket, with owners who do as they are told."""

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge_common.deadline import Deadline
from bridge_common.decisions import DecisionLog
from bridge_common.identity import Identity, IdentityRules
from bridge_common.runtime.endpoint import open_endpoint
from lab.leftovers import settled
from lab.policy_client import PolicyCaller
from lab.virtual_time import VirtualTimeLoop
from policyd.facts import InForce
from policyd.ownership.interface import Belongings, Owned, Ownership, Scope
from policyd.rules.interface import RuleSettings
from policyd.sender import SenderRules
from policyd.service import PolicyClient, PolicyService

OURS = frozenset({"example.com"})
RULES = RuleSettings(OURS, match_login="enforce", fake_sender_control="enforce")


class ScriptedOwners:
    """Owners who know at once, unless the address's local part is a word that says otherwise."""

    def __init__(self) -> None:
        self.owned = {"alice@example.com"}
        self.asked: list[str] = []
        self.ended: list[str] = []
        self.go_on = asyncio.Event()
        self.busy = asyncio.Event()

    def recall(self, login: Identity, address: str, scope: Scope) -> Ownership | None:
        self.asked.append(address)
        match address.partition("@")[0]:
            case "fault-at-once":
                raise RuntimeError("a fault of ours")
            case "fault-later" if self.asked.count(address) > 1:
                raise RuntimeError("a fault of ours")
            case "wait" | "hang" | "away" | "fault" | "fault-later":
                return None
        return self._answer(address)

    async def look_up(
        self, login: Identity, address: str, scope: Scope, deadline: Deadline
    ) -> Ownership:
        self.busy.set()
        try:
            match address.partition("@")[0]:
                case "wait":
                    await self.go_on.wait()
                case "hang":
                    await asyncio.Event().wait()
                case "away":
                    return Ownership(Owned.UNKNOWN, "the directory is away")
                case "fault":
                    raise RuntimeError("a fault of ours")
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        return self._answer(address)

    async def belongings(self, login: Identity, deadline: Deadline) -> Belongings:
        raise AssertionError

    def _answer(self, address: str) -> Ownership:
        if address in self.owned:
            return Ownership(Owned.YES, "the script says so")
        return Ownership(Owned.NO, "the script does not say so")


def in_force(owners: ScriptedOwners, rules: RuleSettings = RULES) -> InForce:
    """Return these rules as they are in force for example.com, and in context submission."""
    contexts = {"": rules, "submission": rules}
    return InForce(contexts, SenderRules("example.com", OURS), IdentityRules(OURS), owners, 4.0)


@asynccontextmanager
async def policy_served(
    folder: Path,
    owners: ScriptedOwners | None = None,
    *,
    service: PolicyService | None = None,
    rules: RuleSettings = RULES,
) -> AsyncIterator[tuple[PolicyService, PolicyCaller]]:
    """Serve at ``folder``/policy; yield the service, and a client that is connected."""
    service = service or PolicyService(DecisionLog())
    service.apply(in_force(owners or ScriptedOwners(), rules))
    listener = open_endpoint(f"unix:{folder}/policy")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: PolicyClient(service), sock=listener.socket)
    caller = await PolicyCaller.at(folder / "policy")
    await settled(lambda: len(service.connections) == 1)
    try:
        yield service, caller
    finally:
        caller.writer.close()
        server.close()
        await service.connections.drain(1.0)
        assert len(service.connections) == 0


def decisions(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines of decisions."""
    lines = (record.getMessage() for record in caplog.records if record.name == "decisions")
    return [re.sub(r"seconds=\d+\.\d+", "seconds=N", line) for line in lines]


def in_virtual_time(play: Coroutine[Any, Any, None]) -> None:
    """Run it on a loop that skips the time in which nothing happens."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(play)
