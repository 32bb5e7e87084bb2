"""Parsers with a fault each: a short run finds it, and names the law that it breaks."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from fuzz.dialogue import Epoch, Play, Reader, Setting
from fuzz.dialogue_target import DialogueTarget
from fuzz.engine import Finding, Search, Target
from fuzz.fuzz_auth import AuthTarget
from fuzz.fuzz_imap import TARGET as IMAP
from fuzz.fuzz_ldap import LdapTarget
from fuzz.fuzz_policy import PolicyTarget
from fuzz.fuzz_pop3 import TARGET as POP3
from fuzz.law import LawBrokenError

from bridge_common.directory.codec import Done
from bridge_common.directory.connection import Connection
from bridge_common.directory.framing import MessageSplitter
from bridge_common.directory.results import Entry
from policyd.action import DUNNO, HANG_UP, Refuse
from policyd.action import Action as PolicyAction
from policyd.protocol import PolicyConnection
from policyd.request import PolicyRequest
from sasl_bridge.credentials import Claim
from sasl_bridge.dialogue.interface import Action, Outcome, Send
from sasl_bridge.dialogue.line_dialogue import LineDialogue
from sasl_bridge.protocol.connection import AuthConnection, AuthRequest
from sasl_bridge.verdict import Verdict

EXECUTIONS = 2000

Receive = Callable[[bytes], list[Action]]
Fault = Callable[[Receive, bytes], list[Action]]


def finding_in(target: Target) -> Finding:
    search = Search(target, seed=1)
    finding = search.run(lambda: search.executions < EXECUTIONS)
    assert finding is not None
    return finding


def broken_law(target: Target) -> object:
    error = finding_in(target).error
    assert isinstance(error, LawBrokenError)
    return error.args[0]


# Dialogues


@dataclass(frozen=True)
class FaultyReader:
    """Begins dialogues that have the fault."""

    reader: Reader
    fault: Fault

    def begin(self, setting: Setting) -> LineDialogue:
        dialogue = self.reader.begin(setting)
        receive = dialogue.receive
        dialogue.__dict__["receive"] = lambda data: self.fault(receive, data)
        return dialogue

    def login_is_complete(self, play: Play) -> bool:
        return self.reader.login_is_complete(play)

    def verdicts(self, play: Play) -> set[Verdict]:
        return self.reader.verdicts(play)

    def agrees(self, epoch: Epoch) -> bool:
        return self.reader.agrees(epoch)


def taken_for(verdict: Verdict, other: Verdict) -> Fault:
    def fault(receive: Receive, data: bytes) -> list[Action]:
        return [
            replace(action, verdict=other)
            if isinstance(action, Outcome) and action.verdict is verdict
            else action
            for action in receive(data)
        ]

    return fault


def hears_no_early_answer(receive: Receive, data: bytes) -> list[Action]:
    return [action for byte in data for action in receive(bytes([byte]))]


def shows_what_it_heard(receive: Receive, data: bytes) -> list[Action]:
    return [
        replace(action, detail=data.decode("ascii", "replace"))
        if isinstance(action, Outcome)
        else action
        for action in receive(data)
    ]


def concludes_twice(receive: Receive, data: bytes) -> list[Action]:
    actions = receive(data)
    return [*actions, *(action for action in actions if isinstance(action, Outcome))]


def sends_no_cr(receive: Receive, data: bytes) -> list[Action]:
    return [
        Send(action.data.replace(b"\r", b"")) if isinstance(action, Send) else action
        for action in receive(data)
    ]


def hears_no_line_across_pieces(receive: Receive, data: bytes) -> list[Action]:
    return receive(data if data.endswith(b"\n") else data + b"\r\n")


@pytest.mark.parametrize("target", [IMAP, POP3], ids=lambda target: target.name)
@pytest.mark.parametrize(
    ("fault", "laws"),
    [
        (
            hears_no_early_answer,
            {
                "accepted only if the server said so",
                "rejected only if the server said so",
                "TLS is begun with the server's leave",
                "nobody gets ready and ends it in a breath",
            },
        ),
        (taken_for(Verdict.REJECTED, Verdict.ACCEPTED), {"accepted only if the server said so"}),
        (taken_for(Verdict.UNAVAILABLE, Verdict.REJECTED), {"rejected only if the server said so"}),
        (shows_what_it_heard, {"what is shown is fit for it", "no form of the password is shown"}),
        (concludes_twice, {"the outcome is the last action"}),
        (sends_no_cr, {"what is sent ends like a line"}),
        (
            hears_no_line_across_pieces,
            {"any cut gives the same outcome", "any cut makes it say the same"},
        ),
    ],
)
def test_a_faulty_dialogue(target: DialogueTarget, fault: Fault, laws: set[str]) -> None:
    assert broken_law(replace(target, reader=FaultyReader(target.reader, fault))) in laws


def test_a_dialogue_that_raises() -> None:
    """The input is as small as it can be, and what is raised is told as it is."""

    def breaks(receive: Receive, data: bytes) -> list[Action]:
        if b"}" in data:
            raise IndexError
        return receive(data)

    finding = finding_in(replace(IMAP, reader=FaultyReader(IMAP.reader, breaks)))
    assert isinstance(finding.error, IndexError)
    assert finding.steps == (b"}",)
    assert "smallest input:\n(b'}',)\n" in str(finding)


# AuthConnection


class BlamesTheUser(AuthConnection):
    def unavailable(self, request: AuthRequest) -> None:
        self.reject(request, "no")


class SendsThePasswordBack(AuthConnection):
    def reject(self, request: AuthRequest, reason: str, login: str = "") -> None:
        if isinstance(request.claim, Claim):
            login = request.claim.password.reveal().decode("utf-8", "replace")
        super().reject(request, reason, login)


class RepeatsItself(AuthConnection):
    def data_to_send(self) -> bytes:
        data = super().data_to_send()
        return data if b"DONE" in data else data * 2


class HearsOnlyWholeLines(AuthConnection):
    def receive_data(self, data: bytes, now: float) -> None:
        super().receive_data(data if data.endswith(b"\n") else b"", now)


@pytest.mark.parametrize(
    ("kind", "laws"),
    [
        (BlamesTheUser, {"trouble is told by hanging up"}),
        (SendsThePasswordBack, {"no password is sent back"}),
        (RepeatsItself, {"an answer is one reply", "one final reply each"}),
        (HearsOnlyWholeLines, {"any cut gives the same events", "any cut gives the same output"}),
    ],
)
def test_a_faulty_connection(kind: type[AuthConnection], laws: set[str]) -> None:
    assert broken_law(AuthTarget(kind=kind)) in laws


# PolicyConnection


class TakesTroubleForAYes(PolicyConnection):
    def answer(self, request: PolicyRequest, action: PolicyAction) -> None:
        super().answer(request, DUNNO if action is HANG_UP else action)


class SendsTextsAsTheyAre(PolicyConnection):
    def answer(self, request: PolicyRequest, action: PolicyAction) -> None:
        super().answer(request, action)
        if isinstance(action, Refuse):
            text = action.text.encode("utf-8", "surrogateescape")
            self._sending[-1] = b"action=%b %b\n\n" % (action.code.value.encode(), text)


class AnswersTwice(PolicyConnection):
    def data_to_send(self) -> bytes:
        return super().data_to_send() * 2


class HearsOnlyWholeRequests(PolicyConnection):
    def receive_data(self, data: bytes | memoryview) -> None:
        super().receive_data(data if bytes(data).endswith(b"\n\n") else b"")


class LosesTheNextRequest(PolicyConnection):
    def answer(self, request: PolicyRequest, action: PolicyAction) -> None:
        super().answer(request, action)
        self._received.clear()


@pytest.mark.parametrize(
    ("kind", "laws"),
    [
        (TakesTroubleForAYes, {"each request gets one reply"}),
        (SendsTextsAsTheyAre, {"each reply is one of three and well-formed"}),
        (AnswersTwice, {"each request gets one reply"}),
        (HearsOnlyWholeRequests, {"what was written is asked"}),
        (LosesTheNextRequest, {"what was written is asked"}),
    ],
)
def test_a_faulty_policy_connection(kind: type[PolicyConnection], laws: set[str]) -> None:
    assert broken_law(PolicyTarget(kind=kind)) in laws


# The connection to a directory


class TakesAnyAnswerForAYes(Connection):
    def _take(self, said: Entry | Done | None) -> None:
        super()._take(Done(0) if isinstance(said, Done) else said)


class TakesAnEntryForTheEnd(Connection):
    def _take(self, said: Entry | Done | None) -> None:
        super()._take(Done(0))


class HearsOnlyWholeMessages(Connection):
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._messages = MessageSplitter()


class TellsWhatItHeard(Connection):
    def data_received(self, data: bytes) -> None:
        self.__dict__["said"] = data.decode("ascii", "ignore")
        super().data_received(data)

    def _end(self, why: str) -> None:
        super()._end(f"{why}: {self.__dict__.get('said')}")


@pytest.mark.parametrize(
    ("kind", "laws"),
    [
        (TakesAnyAnswerForAYes, {"only what the server said is its answer"}),
        (TakesAnEntryForTheEnd, {"only what the server said is its answer"}),
        (HearsOnlyWholeMessages, {"any cut gives the same outcome"}),
        (
            TellsWhatItHeard,
            {
                "what is shown is fit for it",
                "no password is shown",
                "any cut gives the same outcome",
            },
        ),
    ],
)
def test_a_faulty_connection_to_a_directory(kind: type[Connection], laws: set[str]) -> None:
    assert broken_law(LdapTarget(begin=lambda: kind("192.0.2.1", 389, None))) in laws
