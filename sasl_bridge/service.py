"""What all client connections share: the rules and the pipe in force, the blocks, the counters.

Knows the deadline, what is answered by heart, and who is refused before anybody is asked; writes
one decision line for each login. Does not know how a connection is carried (`client`), and nothing
of servers.
Whatever goes wrong in here while a login is verified is trouble, never a refusal; it is logged.
"""

import asyncio
import itertools
import logging
import time
from collections import Counter
from dataclasses import dataclass, field

from bridge_common.blocks import Blocks
from bridge_common.deadline import Clock, Deadline
from bridge_common.decisions import DecisionLog, Field
from bridge_common.runtime.serve import Connections
from sasl_bridge.admission import AdmissionRules, admit, gate
from sasl_bridge.by_heart import ByHeart, KnownLine
from sasl_bridge.credentials import Claim, Credentials
from sasl_bridge.origin import Origin, origin_of
from sasl_bridge.passdb.guard import Guard
from sasl_bridge.passdb.success_cache import Keys, SuccessCache, Successes
from sasl_bridge.protocol.connection import (
    AuthParameters,
    AuthRequest,
    Limits,
)
from sasl_bridge.protocol.replies import format_ok_fields
from sasl_bridge.verdict import Answer, Cause, Refused, Verdict

_logger = logging.getLogger(__name__)

# What the mail client's user reads behind Postfix's "535 5.7.8 Error: authentication failed: ".
# It never tells an unknown login from a wrong password.
REFUSAL = "the login or the password is wrong"
BLOCKS = "blocks"
"""Who decides about a login that is blocked."""
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
    """What all connections share; the rules and the pipe in force change in `apply` alone.

    ``blocks`` hold in each of them: who is blocked is refused before anybody is asked.
    ``guard`` counts answers, and blocks; it obeys no settings but those it is told.
    """

    decisions: DecisionLog
    blocks: Blocks = field(default_factory=Blocks)
    guard: Guard = field(default_factory=lambda: Guard(Blocks(), Successes()))
    clock: Clock = time.monotonic
    limits: Limits = field(default_factory=Limits)
    patience: Patience = field(default_factory=Patience)
    connections: Connections = field(default_factory=Connections)
    in_force: InForce | None = None
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    recorded: Counter[tuple[Verdict, Origin]] = field(default_factory=Counter)  # not by heart
    protocol_errors: int = 0
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
        if blocked := self.refusal(credentials.identity.address, parameters.client):
            return blocked
        return Question(in_force, credentials, in_force.passdb.keys(credentials), deadline)

    def refusal(self, login: str, client: str) -> Answer | None:
        """Return the refusal of a canonical login, or of anybody at a client's address."""
        block = self.blocks.find(login, client)
        if block is None:
            return None
        why = f"blocked: {block.in_words()}"
        return Answer(Verdict.REJECTED, login, BLOCKS, why, cause=Cause.RESTRAINT)

    async def ask(self, question: Question) -> Answer:
        """Return the answer by the deadline, whatever is remembered. Raises only CancelledError."""
        passdb, deadline = question.in_force.passdb, question.deadline
        try:
            async with asyncio.timeout(deadline.remaining() + _OVERTIME_SECONDS):
                answer = await passdb.ask(question.credentials, deadline, question.keys)
        except TimeoutError:
            _logger.error("the pipe overstayed its deadline")  # noqa: TRY400  # no traceback helps
        except Exception:
            _logger.exception("verification failed")
        else:
            return self._unless_blocked(answer, question.credentials.client)
        return _FAULT

    def _unless_blocked(self, answer: Answer, client: str) -> Answer:
        """Refuse whom a block concerns by the account's own name, or since it was asked about."""
        if answer.verdict is not Verdict.ACCEPTED:
            return answer
        return self.refusal(answer.identity, client) or answer

    def reply_by_heart(self, number: bytes, fields: bytes) -> bytes | None:
        """Return the reply to an AUTH that came before in just these words, and record it.

        None: it must be considered. ``number`` is its id.
        """
        in_force = self.in_force
        known = in_force.by_heart.recall(fields) if in_force is not None else None
        if known is None or in_force is None or known.blocks_version != self.blocks.version:
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
        known = KnownLine(question.keys, answer, reply, decision, self.blocks.version)
        question.in_force.by_heart.learn(fields, known)

    def note(self, answer: Answer, request: AuthRequest) -> None:
        """Let the guard count an answer, which may block who asked."""
        if isinstance(request.claim, Claim):
            self.guard.note(request.claim, request.parameters.client, answer)

    def record(self, answer: Answer, request: AuthRequest, seconds: float) -> None:
        """Count one decision and write its line."""
        self.verdicts[answer.verdict] += 1
        self.recorded[answer.verdict, origin_of(answer)] += 1
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


_FAULT = Answer(Verdict.UNAVAILABLE, "", "pipe", "an error of our own; see the log")
_BROKEN_SETTINGS = Refused(Verdict.UNAVAILABLE, "the settings are broken; see the log")


def _refused(refused: Refused) -> Answer:
    return Answer(refused.verdict, "", "admission", refused.reason)
