"""Every dialogue of tests/transcripts/policy once more: a real socket, and through the service."""

import asyncio
import logging
from pathlib import Path

import pytest
from lab.leftovers import settled
from lab.policy_client import PolicyCaller
from lab.policy_serving import policy_served
from lab.transcript import Direction, FromClient, FromServer, Step, read_transcript

from bridge_common.decisions import DecisionLog
from policyd.action import DUNNO, HANG_UP, Action, Code, Refuse
from policyd.request import PolicyRequest
from policyd.ruleset import Decision
from policyd.service import PolicyService

CORPUS = Path(__file__).parents[1] / "transcripts" / "policy"
TRANSCRIPTS = sorted(CORPUS.glob("*.txt"))


class Prompted(PolicyService):
    """A service whose decisions a transcript gives."""

    def __init__(self) -> None:
        super().__init__(DecisionLog())
        self.asked: asyncio.Queue[tuple[PolicyRequest, asyncio.Future[Decision]]] = asyncio.Queue()

    def decide_at_once(self, request: PolicyRequest) -> Decision | None:
        return None

    async def look_up_and_decide(self, request: PolicyRequest) -> Decision:
        decision: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self.asked.put_nowait((request, decision))
        return await decision


class Performance:
    """Plays the client, and decides for the service, as a transcript says."""

    def __init__(self, service: Prompted, caller: PolicyCaller, read_size: int) -> None:
        self.service, self.caller, self.read_size = service, caller, read_size

    async def play(self, steps: list[Step]) -> None:
        for step in steps:
            match step:
                case FromClient(line):
                    await self.send(line + b"\n")
                case FromServer(line):
                    assert await self.caller.reader.readuntil() == line + b"\n"
                case Direction((name, *words)):
                    await getattr(self, name.replace("-", "_"))(*words)

    async def send(self, data: bytes) -> None:
        for start in range(0, len(data), self.read_size):
            self.caller.writer.write(data[start : start + self.read_size])
            await asyncio.sleep(0)

    def decide(self, action: Action) -> None:
        self.decision.set_result(Decision(action))

    # The words of the README.

    async def asked(self, *attributes: str) -> None:
        request, self.decision = await self.service.asked.get()
        assert request == PolicyRequest(**dict(word.split("=", 1) for word in attributes))

    async def nothing_asked(self) -> None:
        connection = next(iter(self.service.connections))
        await settled(lambda: connection._policy.begun)  # type: ignore[attr-defined]
        assert self.service.asked.empty()

    async def dunno(self) -> None:
        self.decide(DUNNO)

    async def refuse(self, text: str) -> None:
        self.decide(Refuse(Code.NOT_ALLOWED, text))

    async def try_later(self, text: str) -> None:
        self.decide(Refuse(Code.TRY_LATER, text))

    async def trouble(self) -> None:
        self.decide(HANG_UP)

    async def broken(self) -> None:
        await self.hangup()

    async def hangup(self) -> None:
        assert await self.caller.rest() == b""


@pytest.mark.expect_warnings("broke the policy protocol")
@pytest.mark.parametrize("read_size", [4096, 1])
@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
async def test_the_dialogue_goes_as_written(
    path: Path, read_size: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    steps = read_transcript(path)
    service = Prompted()
    async with asyncio.timeout(20), policy_served(tmp_path, service=service) as (_, caller):
        await Performance(service, caller, read_size).play(steps)
    broke = any(step.words == ("broken",) for step in steps if isinstance(step, Direction))
    assert ("broke the policy protocol" in caplog.text) == broke
