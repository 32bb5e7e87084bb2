"""One client connection: bytes <-> AuthConnection <-> verification.

Answers at once what is remembered, starts a task for every other login, and hangs up where the
protocol object says so (law 1). One login, one decision line.
Knows the failure delay and back-pressure; does not know what is asked about a login (`service`).
Whatever goes wrong in here while a login is verified is trouble, never a refusal.
"""

import asyncio
import logging
import os
import random
import secrets

from bridge_common.runtime.client import ClientProtocol
from sasl_bridge.protocol.connection import AuthConnection, AuthRequest, Broken
from sasl_bridge.service import NOBODY_TO_ASK, REFUSAL, AuthService, Question, ServiceRules
from sasl_bridge.verdict import Answer, Refused, Verdict

_logger = logging.getLogger(__name__)

_GONE = Answer(Verdict.UNAVAILABLE, "", "client", "gone before it was answered")


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
                self._service.protocol_errors += 1
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
        if answer is None or self._service.blocks.find(answer.identity):
            return False
        self._auth.accept(request, answer.identity)
        self._service.record(answer, request, 0.0)
        if fields is not None:
            self._service.learn(fields, request, question, answer)
        # Last: what was learnt before a block does not count any more.
        self._service.note(answer, request)
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
            service.note(answer, request)  # at once: the delay would let more of them pass
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
