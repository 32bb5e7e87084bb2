"""One client connection: bytes <-> AuthConnection <-> verification.

`AuthService` is what all connections share: the rules and the pipe in force, and the counters.
`ClientConnection` carries one client's bytes, answers at once what is remembered, starts a task for
every other login, and hangs up where the protocol object says so (law 1). One login, one decision
line.
Knows the deadline, the failure delay and back-pressure; knows nothing of servers.
Whatever goes wrong in here while a login is verified is trouble, never a refusal.
"""

import asyncio
import itertools
import logging
import os
import random
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field

from bridge_common.deadline import Clock, Deadline
from bridge_common.decisions import DecisionLog, Field
from bridge_common.runtime.client import ClientProtocol
from bridge_common.runtime.serve import Connections
from sasl_bridge.admission import AdmissionRules, admit, gate
from sasl_bridge.by_heart import ByHeart, KnownLine
from sasl_bridge.credentials import Claim, Credentials
from sasl_bridge.passdb.success_cache import Keys, SuccessCache
from sasl_bridge.protocol.connection import (
    AuthConnection,
    AuthParameters,
    AuthRequest,
    Broken,
    Limits,
)
from sasl_bridge.protocol.replies import format_ok_fields
from sasl_bridge.verdict import Answer, Refused, Verdict

_logger = logging.getLogger(__name__)

# What the mail client's user reads behind Postfix's "535 5.7.8 Error: authentication failed: ".
# It never tells an unknown login from a wrong password.
REFUSAL = "the login or the password is wrong"
NOBODY_TO_ASK = "the password cannot be checked at the moment"

# A pipe that overstays its deadline has a fault; Postfix waits 10 s and we allow 9.5 s at most.
_OVERTIME_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, in seconds, a client program is waited for.

    ``greeting``: to introduce itself; once it has, it may be idle for ever (law 7).
    ``unread``: while it does not read its answers.
    ``dialogue``: to finish a dialogue, when we are told to stop half way through it.
    """

    greeting: float = 120.0
    unread: float = 30.0
    dialogue: float = 2.0


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """The settings that the service itself obeys; times in seconds."""

    admission: AdmissionRules
    connection_timeout: float
    failure_delay: float
    reject_when_unavailable: bool = False


@dataclass(frozen=True, slots=True)
class InForce:
    """What a request begins with, and ends with, even if a reload comes between."""

    rules: ServiceRules
    passdb: SuccessCache
    by_heart: ByHeart = field(default_factory=ByHeart)


@dataclass(frozen=True, slots=True)
class Question:
    """A login that was admitted, and whom to ask about it, under which keys."""

    in_force: InForce
    credentials: Credentials
    keys: Keys
    deadline: Deadline


@dataclass(slots=True)
class AuthService:
    """What all connections share; the rules and the pipe in force change in `apply` alone."""

    decisions: DecisionLog
    clock: Clock = time.monotonic
    limits: Limits = field(default_factory=Limits)
    patience: Patience = field(default_factory=Patience)
    connections: Connections = field(default_factory=Connections)
    in_force: InForce | None = None
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    _cuids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def apply(self, in_force: InForce | None) -> None:
        """Use these rules and this pipe from the next request on; None: everything is trouble."""
        self.in_force = in_force

    def next_cuid(self) -> int:
        """Return the number of a new connection."""
        return next(self._cuids)

    def gate(self, parameters: AuthParameters) -> Refused | None:
        """Say whether an AUTH may go on, before any prompt."""
        if self.in_force is None:
            return _BROKEN_SETTINGS
        return gate(self.in_force.rules.admission, secured=parameters.secured)

    def consider(self, claim: Claim | Refused, parameters: AuthParameters) -> Answer | Question:
        """Return the answer to a claim, if nobody need be asked for it, or what is to be asked."""
        if isinstance(claim, Refused):
            return _refused(claim)
        # Once more: between AUTH and the last response there may have been a reload.
        refused = self.gate(parameters)
        in_force = self.in_force
        if refused is not None or in_force is None:
            return _refused(refused or _BROKEN_SETTINGS)
        deadline = Deadline.after(in_force.rules.connection_timeout, self.clock)
        credentials = admit(in_force.rules.admission, claim, parameters.client)
        if isinstance(credentials, Refused):
            return _refused(credentials)
        return Question(in_force, credentials, in_force.passdb.keys(credentials), deadline)

    async def ask(self, question: Question) -> Answer:
        """Return the answer by the deadline, whatever is remembered. Raises only CancelledError."""
        passdb, deadline = question.in_force.passdb, question.deadline
        try:
            async with asyncio.timeout(deadline.remaining() + _OVERTIME_SECONDS):
                return await passdb.ask(question.credentials, deadline, question.keys)
        except TimeoutError:
            _logger.error("the pipe overstayed its deadline")  # noqa: TRY400  # no traceback helps
        except Exception:
            _logger.exception("verification failed")
        return _FAULT

    def reply_by_heart(self, number: bytes, fields: bytes) -> bytes | None:
        """Return the reply to an AUTH that came before in just these words, and record it.

        None: it must be considered. ``number`` is its id.
        """
        in_force = self.in_force
        known = in_force.by_heart.recall(fields) if in_force is not None else None
        if known is None or in_force is None:
            return None
        # Another answer is another success of the same password: it is told in other words.
        if in_force.passdb.recall(known.keys, known.answer) is None:
            return None
        self.verdicts[Verdict.ACCEPTED] += 1
        self.decisions.write_prepared(known.decision)
        return b"OK\t%b%b" % (number, known.reply)

    def learn(
        self, fields: bytes, request: AuthRequest, question: Question, answer: Answer
    ) -> None:
        """Know an AUTH by heart from now on; the answer is one that its passdb remembers."""
        decision = self.decisions.prepare(_decision_fields(answer, request, 0.0), refused=False)
        reply = format_ok_fields(answer.identity)
        known = KnownLine(question.keys, answer, reply, decision)
        question.in_force.by_heart.learn(fields, known)

    def record(self, answer: Answer, request: AuthRequest, seconds: float) -> None:
        """Count one decision and write its line."""
        self.verdicts[answer.verdict] += 1
        self.decisions.write(
            _decision_fields(answer, request, seconds),
            refused=answer.verdict is not Verdict.ACCEPTED,
            trouble=answer.verdict is Verdict.UNAVAILABLE,
        )


def _decision_fields(answer: Answer, request: AuthRequest, seconds: float) -> dict[str, Field]:
    claim = request.claim
    typed = claim.login.decode("utf-8", "replace") if isinstance(claim, Claim) else ""
    return {
        "login": answer.identity or typed,
        "typed": typed if answer.identity and typed != answer.identity else "",
        "client": request.parameters.client,
        "mechanism": request.mechanism,
        "verdict": answer.verdict.value,
        "server": answer.source,
        "reason": answer.reason,
        "seconds": seconds,
        "asked": "; ".join(
            f"{step.server} {step.verdict.value} in {step.seconds:.3f} s ({step.detail})"
            for step in answer.steps
        ),
    }


_GONE = Answer(Verdict.UNAVAILABLE, "", "client", "gone before it was answered")
_FAULT = Answer(Verdict.UNAVAILABLE, "", "pipe", "an error of our own; see the log")
_BROKEN_SETTINGS = Refused(Verdict.UNAVAILABLE, "the settings are broken; see the log")


def _refused(refused: Refused) -> Answer:
    return Answer(refused.verdict, "", "admission", refused.reason)


class ClientConnection(ClientProtocol):
    """One client program's connection: Postfix's smtpd, as a rule."""

    def __init__(self, service: AuthService) -> None:
        super().__init__(service.connections, service.patience.unread)
        self._service = service
        self._tasks: dict[AuthRequest, asyncio.Task[None]] = {}
        self._draining = False

    # What the event loop tells us

    def _begin(self) -> None:
        """Greet at once: nobody waits for us to be asked."""
        self._auth = AuthConnection(
            pid=os.getpid(),
            cuid=self._service.next_cuid(),
            cookie=secrets.token_hex(16),
            gate=self._service.gate,
            limits=self._service.limits,
        )
        self._flush()
        self._set_timer("greeting", self._service.patience.greeting, self.abort)

    def data_received(self, data: bytes) -> None:
        """Answer a login that is known by heart, or hand bytes to the protocol object."""
        sole = None if self._unread or self._draining else self._auth.sole_auth(data)
        if sole is not None:
            reply = self._service.reply_by_heart(*sole)
            if reply is not None:
                self._transport.write(reply)
                return
        self._auth.receive_data(data, self._service.clock())
        self._pump(sole and sole[1])
        if self._auth.ready:
            self._stop_timer("greeting")

    def eof_received(self) -> bool:
        """End with the client, or, while draining, with the last answer."""
        self._at_eof = True
        if not self._draining:
            return False
        self._pump()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop what is under way: nobody is left to be told."""
        self._auth.receive_eof()
        for task in self._tasks.values():
            task.cancel()
        super().connection_lost(exc)

    # What the runtime tells us

    def drain(self) -> None:
        """Take nothing new, finish what is under way, then close."""
        self._draining = True
        self._set_timer("drain", self._service.patience.dialogue, self._stop_reading)
        self._stop_reading_when_idle()

    # Our own part

    def _pump(self, fields: bytes | None = None) -> None:
        """Act on what was received; ``fields`` are those of the AUTH, if it was nothing else."""
        while not self._unread and (event := self._auth.next_event()) is not None:
            if isinstance(event, AuthRequest):
                self._begin_answer(event, fields)
            elif isinstance(event, Broken):
                _logger.warning("a client program broke the auth protocol: %s", event.reason)
            elif task := self._tasks.pop(event.request, None):
                task.cancel()
        self._flush()
        if self._auth.hung_up:
            self._hang_up()
        else:
            self._regulate()

    def _flush(self) -> None:
        if data := self._auth.data_to_send():
            self._transport.write(data)

    def _regulate(self) -> None:
        """Read on or pause, expire or not, close or not: whatever the state now asks for."""
        if self._transport.is_closing():
            return
        if self._unread or self._auth.at_capacity:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
        if self._auth.waiting and "expire" not in self._timers:
            self._set_timer("expire", self._service.limits.waiting_seconds, self._expire)
        if self._draining:
            self._stop_reading_when_idle()
            if self._at_eof and not self._auth.verifying:
                self._transport.close()

    def _hang_up(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        self._close()

    def _expire(self) -> None:
        self._timers.pop("expire")
        self._auth.expire(self._service.clock())
        self._pump()

    def _stop_reading_when_idle(self) -> None:
        """Stop reading, unless the client is greeting us or half way through a dialogue."""
        if self._auth.ready and not self._auth.waiting and not self._at_eof:
            self._stop_reading()

    # One login

    def _begin_answer(self, request: AuthRequest, fields: bytes | None) -> None:
        """Answer at once what is remembered; for everything else, time must pass."""
        begun = self._service.clock()
        try:
            considered = self._service.consider(request.claim, request.parameters)
            if isinstance(considered, Question) and self._recall(request, considered, fields):
                return
        except Exception:
            _logger.exception("answering failed")
            self._auth.unavailable(request)
            return
        self._tasks[request] = asyncio.create_task(self._answer(request, considered, begun))

    def _recall(self, request: AuthRequest, question: Question, fields: bytes | None) -> bool:
        """Answer what is remembered, and say whether it was."""
        answer = question.in_force.passdb.recall(question.keys)
        if answer is None:
            return False
        self._auth.accept(request, answer.identity)
        self._service.record(answer, request, 0.0)
        if fields is not None:
            self._service.learn(fields, request, question, answer)
        return True

    async def _answer(
        self, request: AuthRequest, considered: Answer | Question, begun: float
    ) -> None:
        """Verify, wait, log, reply. A fault of ours is trouble too, and leaves no id behind."""
        try:
            await self._verify(request, considered, begun)
        except Exception:
            _logger.exception("answering failed")
            self._auth.unavailable(request)
        self._tasks.pop(request, None)
        self._pump()

    async def _verify(
        self, request: AuthRequest, considered: Answer | Question, begun: float
    ) -> None:
        service = self._service
        rules = service.in_force.rules if service.in_force else None
        answer = _GONE
        try:
            answer = (
                await service.ask(considered) if isinstance(considered, Question) else considered
            )
            if answer.verdict is Verdict.REJECTED and rules is not None:
                await _delay(begun + _shuffled(rules.failure_delay) - service.clock())
        finally:
            # Even if the client is gone: a server may have seen the password all the same.
            service.record(answer, request, service.clock() - begun)
        self._reply(request, answer, rules)

    def _reply(self, request: AuthRequest, answer: Answer, rules: ServiceRules | None) -> None:
        refused = request.claim if isinstance(request.claim, Refused) else None
        match answer.verdict:
            case Verdict.ACCEPTED:
                self._auth.accept(request, answer.identity)
            case Verdict.REJECTED:
                told = refused.told if refused else ""
                self._auth.reject(request, told or REFUSAL, answer.identity)
            case Verdict.UNAVAILABLE if not refused and rules and rules.reject_when_unavailable:
                self._auth.reject(request, NOBODY_TO_ASK, answer.identity)
            case Verdict.UNAVAILABLE:
                self._auth.unavailable(request)


def _shuffled(seconds: float) -> float:
    """Vary a delay a little, so that its length tells nothing."""
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311  # no secret hangs on it


async def _delay(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)
