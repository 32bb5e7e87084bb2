"""The list of servers in virtual time, each of which answers as its script says.

For the laws of the list: exact times, no socket, no real sleep.
"""

import asyncio
from dataclasses import dataclass
from typing import Literal

from bridge_common.deadline import Deadline
from bridge_common.identity import Identity, LoginForm
from bridge_common.secret import Secret
from lab.virtual_time import BEGIN, VirtualTimeLoop
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.chain import Chain, Listed
from sasl_bridge.verdict import Answer, Verdict

ALICE = Identity("alice", "example.com", LoginForm.ADDRESS)
ASKING = Credentials(ALICE, Secret(b"secret"))
TOTAL = 8.0
DELAY = 2.0
NEVER = 1000.0


@dataclass(frozen=True)
class Script:
    """A server that answers with this verdict after so many seconds, and its place in the list."""

    verdict: Verdict
    seconds: float = 0.0
    required: bool = True
    on_reject: Literal["next", "stop"] = "next"
    domains: frozenset[str] = frozenset()


class Scripted:
    """A passdb that follows its script, and notes when it was asked and whether it was stopped."""

    def __init__(self, script: Script, name: str) -> None:
        self.script = script
        self.name = name
        self.asked_at: float | None = None
        self.cancelled = False

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        self.asked_at = deadline.clock()
        try:
            await asyncio.sleep(self.script.seconds)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        address = credentials.identity.address
        verdict = self.script.verdict
        sent = verdict is not Verdict.UNAVAILABLE
        return Answer(verdict, address, self.name, verdict.value, (), sent)


@dataclass
class Run:
    """What came of it: the answer, after how many seconds, and what the servers saw."""

    answer: Answer
    seconds: float
    servers: list[Scripted]

    @property
    def asked(self) -> list[float | None]:
        """After how many seconds each server was asked."""
        return [
            None if server.asked_at is None else round(server.asked_at - BEGIN, 3)
            for server in self.servers
        ]


def run(*scripts: Script, total: float = TOTAL, delay: float = DELAY) -> Run:
    """Ask servers s0, s1, ... about alice@example.com; no task is left behind."""
    servers = [Scripted(script, f"s{number}") for number, script in enumerate(scripts)]
    chain = Chain(
        [
            Listed(each.name, each, script.domains, script.on_reject, script.required)
            for each, script in zip(servers, scripts, strict=True)
        ],
        failure_delay=delay,
    )

    async def ask() -> tuple[Answer, float]:
        clock = asyncio.get_running_loop().time
        answer = await chain.verify(ASKING, Deadline.after(total, clock))
        assert len(asyncio.all_tasks()) == 1
        return answer, clock() - BEGIN

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        answer, seconds = runner.run(ask())
    return Run(answer, seconds, servers)
