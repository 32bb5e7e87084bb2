"""One client connection: bytes <-> PolicyConnection <-> decisions.

`PolicyService` is what all connections share: what is in force, what was decided of each message,
the counters. `PolicyClient` carries one client's bytes: whatever can be known at once is answered
at once, and a task is started only to look something up.
All of one message, its recipients and its content, get the same answer and leave one line in the
log; a reload does not change what was decided of it.
Whatever goes wrong in here is told by hanging up, and never by DUNNO: Postfix then does what its
default_action says.
"""

import asyncio
import logging
import select
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass, field

from bridge_common.deadline import Clock
from bridge_common.decisions import DecisionLog, Field
from bridge_common.runtime.client import ClientProtocol
from bridge_common.runtime.serve import Connections
from bridge_common.shown import shortened
from policyd.action import DUNNO, HANG_UP, Code, Refuse, in_short
from policyd.facts import InForce
from policyd.protocol import PolicyConnection
from policyd.request import PolicyRequest
from policyd.rules.interface import Facts
from policyd.ruleset import Decision, decide

_logger = logging.getLogger(__name__)

# While a client does not read its answers.
UNREAD_SECONDS = 30.0
# To send the rest of a request, when we are told to stop half way through it.
_REST_SECONDS = 2.0
_READ_BYTES = 256 * 1024  # as much as both loops read by themselves
_MOST_MESSAGES = 2000
# Postfix sends no more of a message than this; what is longer is decided anew each time.
_MOST_REMEMBERED_CHARACTERS = 8192
_MOST_CONTEXTS = 100

_BROKEN_SETTINGS = Decision(HANG_UP, why="the settings are broken; see the log")
_FAULT = Decision(HANG_UP, why="an error of our own; see the log")


@dataclass(slots=True)
class PolicyService:
    """What all connections share; what is in force changes in `apply` alone."""

    decisions: DecisionLog
    clock: Clock = time.monotonic
    connections: Connections = field(default_factory=Connections)
    in_force: InForce | None = None
    decided: Counter[tuple[str, str]] = field(default_factory=Counter)
    protocol_errors: int = 0
    read_buffer: memoryview = field(default_factory=lambda: memoryview(bytearray(_READ_BYTES)))
    _decided: OrderedDict[str, Decision] = field(default_factory=OrderedDict)
    _told_contexts: set[str] = field(default_factory=set)

    @property
    def counts(self) -> Counter[str]:
        """Return how often it was decided in which way (`counted_as`); ``decided``: by rule."""
        counts: Counter[str] = Counter()
        for (kind, _), count in self.decided.items():
            counts[kind] += count
        return counts

    def apply(self, in_force: InForce | None) -> None:
        """Decide by this from the next request on; None: everything is trouble."""
        self.in_force = in_force
        self._told_contexts.clear()

    def decide_at_once(self, request: PolicyRequest) -> Decision | None:
        """Return the decision, or None: then something must be looked up."""
        if self.in_force is None:
            return self._record(_BROKEN_SETTINGS, request, None, 0.0)
        message = _message(request)
        decided = self._decided.get(message)
        if decided is not None:
            return decided
        rules = self.in_force.rules_for(request.policy_context)
        facts = self.in_force.facts_at_once(request, rules)
        if facts is None:
            return None
        decision = self._record(decide(request, facts, rules), request, facts, 0.0)
        self._remember(request, message, decision)
        return decision

    async def look_up_and_decide(self, request: PolicyRequest) -> Decision:
        """Return the decision. Raises only CancelledError."""
        begun = self.clock()
        if self.in_force is None:
            return self._record(_BROKEN_SETTINGS, request, None, 0.0)
        rules = self.in_force.rules_for(request.policy_context)
        facts = await self.in_force.facts(request, rules)
        seconds = self.clock() - begun
        decision = self._record(decide(request, facts, rules), request, facts, seconds)
        self._remember(request, _message(request), decision)
        return decision

    def _record(
        self, decision: Decision, request: PolicyRequest, facts: Facts | None, seconds: float
    ) -> Decision:
        """Count a decision and write its line."""
        kind = counted_as(decision)
        self.decided[kind, decision.rule] += 1
        if self.in_force is not None and request.policy_context not in self.in_force.rules:
            self._tell_of_context(request.policy_context)
        sender = facts.sender.address if facts else ""
        fields: dict[str, Field] = {
            "login": request.sasl_username if request.is_authenticated else "",
            "sender": request.sender or ("<>" if request.sender_is_known else ""),
            "resolved": sender if sender != request.sender else "",
            "client": request.client_address,
            "recipient": request.recipient,
            "context": request.policy_context,
            "action": in_short(decision.action),
            "rule": decision.rule,
            "mode": "monitor" if decision.monitored else "",
            "reason": decision.why,
            "seconds": seconds,
        }
        refused = decision.action is not DUNNO or decision.monitored
        self.decisions.write(fields, refused=refused, trouble=kind in {"tempfail", "trouble"})
        return decision

    def _remember(self, request: PolicyRequest, message: str, decision: Decision) -> None:
        """Remember a decision for the rest of the message; not where nothing names the message.

        It has no instance with smtpd_delay_reject = no.
        """
        if not request.instance or len(message) > _MOST_REMEMBERED_CHARACTERS:
            return
        while len(self._decided) >= _MOST_MESSAGES:
            self._decided.popitem(last=False)
        self._decided[message] = decision

    def fault(self) -> Decision:
        """Return what comes of a fault of ours, which the log tells already."""
        self.decided[counted_as(_FAULT), ""] += 1
        return _FAULT

    def _tell_of_context(self, context: str) -> None:
        """Say once that a policy_context changes nothing: its name may be misspelt somewhere."""
        configured = self.in_force is not None and len(self.in_force.rules) > 1
        if not configured or context in self._told_contexts:
            return
        if len(self._told_contexts) >= _MOST_CONTEXTS:
            return
        self._told_contexts.add(context)
        _logger.info(
            "there is no [[sender.context]] %s: the rules of [sender] are in force for it",
            ascii(shortened(context)),
        )


def _message(request: PolicyRequest) -> str:
    """Return all that decides, but no recipient: each message has an instance of its own."""
    known = "known" if request.sender_is_known else ""
    return "\n".join((known, request.sender, *request[3:]))  # no attribute holds a line feed


def counted_as(decision: Decision) -> str:
    """Return the name under which a decision is counted."""
    action = decision.action
    if isinstance(action, Refuse):
        return "tempfail" if action.code is Code.TRY_LATER else "refused"
    if action is HANG_UP:
        return "trouble"
    return "monitored" if decision.monitored else "dunno"


class PolicyClient(ClientProtocol, asyncio.BufferedProtocol):
    """One client program's connection: Postfix's smtpd, as a rule.

    asyncio's own loop would take new memory from the system for each read, and give most of it
    back: 256 KiB. So it gets a buffer of ours; uvloop has one of its own, and calls data_received.
    """

    def __init__(self, service: PolicyService) -> None:
        super().__init__(service.connections, UNREAD_SECONDS)
        self._service = service
        self._policy = PolicyConnection()
        self._looking_up: asyncio.Task[None] | None = None
        self._draining = False

    # What the event loop tells us

    def _begin(self) -> None:
        """Nothing: the client speaks first."""

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where to read into: one for all, since what is read is taken out at once."""
        del sizehint
        return self._service.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read out of the buffer."""
        self.data_received(self._service.read_buffer[:nbytes])

    def data_received(self, data: bytes | memoryview) -> None:
        """Hand bytes to the protocol object and answer what is asked."""
        self._policy.receive_data(data)
        self._pump()

    def eof_received(self) -> bool:
        """End with the last answer, if somebody is there to hear it."""
        self._at_eof = True
        return (self._policy.answering or self._unread) and not self._client_is_gone()

    def connection_lost(self, exc: Exception | None) -> None:
        """Drop what is under way: nobody is left to be told."""
        if self._looking_up is not None:
            self._looking_up.cancel()
        super().connection_lost(exc)

    # What the runtime tells us

    def drain(self) -> None:
        """Take nothing new, finish what is under way, then close."""
        self._draining = True
        if self._policy.begun and not self._policy.answering:
            self._set_timer("drain", _REST_SECONDS, self._stop_reading)
        else:
            self._stop_reading()

    # Our own part

    def _pump(self) -> None:
        """Answer request after request, until there is none, or one must be looked up."""
        while not self._unread and (request := self._policy.next_request()) is not None:
            try:
                decision = self._service.decide_at_once(request)
            except Exception:
                _logger.exception("deciding failed")
                decision = self._service.fault()
            if decision is None:
                self._looking_up = asyncio.create_task(self._look_up(request))
                break
            self._policy.answer(request, decision.action)
        if data := self._policy.data_to_send():
            self._transport.write(data)
        self._regulate()

    def _regulate(self) -> None:
        """Read on or pause, close or not: whatever the state now asks for."""
        if self._transport.is_closing():
            return
        if self._policy.hung_up:
            if self._policy.broken:
                self._service.protocol_errors += 1
                _logger.warning(
                    "a client program broke the policy protocol: %s", self._policy.broken
                )
            self._close()
        elif self._at_eof and not self._policy.answering and not self._unread:
            self._close()
        elif self._unread or self._policy.at_capacity:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
            if self._draining and not self._policy.begun:
                self._stop_reading()

    def _client_is_gone(self) -> bool:
        """Say whether the client closed both ways, which only a UNIX socket tells (POLLHUP)."""
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), 0)
        return bool(poll.poll(0))

    async def _look_up(self, request: PolicyRequest) -> None:
        """Look up, decide, answer. A fault of ours is trouble too."""
        try:
            decision = await self._service.look_up_and_decide(request)
        except Exception:
            _logger.exception("deciding failed")
            decision = self._service.fault()
        self._looking_up = None
        self._policy.answer(request, decision.action)
        self._pump()
