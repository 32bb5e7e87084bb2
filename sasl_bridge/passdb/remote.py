"""One remote server as a passdb: finds its address, connects, has the dialogue, tells the answer.

Knows the deadline and how it is shared among the addresses of a server: the next one is tried
until one is ready for the login, of which nothing was said before; one that failed comes last next
time.
A login takes a warm connection where one waits; if that turns out to have been over before, it is
said once more on a fresh one.
Does not know what is said (a `Dialogue` does), nor how a connection carries it (`conversation`),
nor how many are kept warm (`warm`).
Every trouble becomes an UNAVAILABLE answer with its reason; logs nothing.
"""

import asyncio
import re
import secrets
from dataclasses import dataclass, field

from bridge_common.deadline import Deadline
from bridge_common.identity import Identity
from bridge_common.network.addresses import Addresses
from bridge_common.network.tls import Tls
from bridge_common.network.trouble import UnreachableError, silence_text
from bridge_common.settings.server import Protocol
from bridge_common.shown import shortened
from sasl_bridge.credentials import Credentials
from sasl_bridge.dialogue.imap import ImapDialogue
from sasl_bridge.dialogue.interface import (
    Attempt,
    BeginDialogue,
    Dialogue,
    DialogueRules,
    Outcome,
)
from sasl_bridge.dialogue.pop3 import Pop3Dialogue
from sasl_bridge.passdb.conversation import Conversation
from sasl_bridge.passdb.interface import NOT_SENT
from sasl_bridge.passdb.slots import Slots
from sasl_bridge.passdb.warm import WarmConnections
from sasl_bridge.verdict import Answer, Cause, Step, Verdict

_TOO_LATE = "a connection that waited for a login was over, too late for another one"
# Less than this is no time to connect, log in and hear an answer: no login begins with less left,
# and an address that was given no more has not failed.
_LEAST_SECONDS = 0.25
# A connection that gets ready for logins to come has as much time as a login has by default.
_GET_READY_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class RemoteServer:
    """What is to be known of a server.

    ``login_format`` holds ``{login}``, ``{local}``, ``{domain}``.
    ``max_connections`` is how many logins it is asked about at the same time.
    """

    name: str
    host: str
    port: int
    login_format: str = "{login}"
    max_connections: int = 50


def dialogues(protocol: Protocol, rules: DialogueRules) -> BeginDialogue:
    """Return what begins a dialogue for each login."""

    def begin(attempt: Attempt | None) -> Dialogue:
        if protocol == "pop3":
            return Pop3Dialogue(attempt, rules)
        return ImapDialogue(attempt, rules, tag_prefix=secrets.token_hex(4))

    return begin


def expand_login(login_format: str, identity: Identity) -> str:
    """Return the login as the server knows it; what a login holds is never expanded again."""
    values = {
        "{login}": identity.address,
        "{local}": identity.local,
        "{domain}": identity.domain,
    }
    return re.sub(r"\{(?:login|local|domain)\}", lambda found: values[found[0]], login_format)


@dataclass(frozen=True, slots=True)
class Tried:
    """One address: why it was given up (empty: it got ready for a login), and after how long."""

    address: str
    trouble: str
    seconds: float


@dataclass(slots=True)
class Visit:
    """What came of going to a server.

    ``addresses`` are those that its name led to, ``tried`` those that were, in order; the last one
    is where the ``conversation`` was had.
    ``outcome`` is None if there was nothing to try, and the server stayed ready for a login.
    ``cause``: of an UNAVAILABLE one; None: no connection was to be had for it.
    ``password_sent``: the server may have got to see the password; ``sent_again``: twice.
    """

    addresses: tuple[str, ...] = ()
    tried: list[Tried] = field(default_factory=list)
    conversation: Conversation | None = None
    outcome: Outcome | None = None
    cause: Cause | None = None
    password_sent: bool = False
    sent_again: bool = False

    @property
    def may_have_sent(self) -> bool:
        """The same while the visit lasts: it says the login as soon as the server is ready."""
        conversation = self.conversation
        return self.password_sent or (
            conversation is not None and conversation.dialogue.password_sent
        )


class RemotePassdb:
    """Asks one server, each login over a connection that carries no other. A `Passdb`.

    ``tls`` is how TLS is begun; None: everything goes unencrypted.
    """

    def __init__(
        self,
        server: RemoteServer,
        begin_dialogue: BeginDialogue,
        tls: Tls | None,
        addresses: Addresses | None = None,
    ) -> None:
        self.server = server
        self._begin_dialogue = begin_dialogue
        self._tls = tls
        self.addresses = addresses or Addresses(server.host)
        self.slots = Slots(server.max_connections)
        self.warm = WarmConnections(self._get_ready, self.slots)

    def take_over(self, before: "RemotePassdb") -> None:
        """Go on with what is known of the same server: its addresses, the connections in use."""
        self.addresses, self.slots = before.addresses, before.slots
        self.warm = WarmConnections(self._get_ready, self.slots, before.warm.pace)

    def close(self) -> None:
        """Keep no connection warm any more; who asks is still answered."""
        self.warm.close()

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        """Ask the server.

        Raises CancelledError, with the argument NOT_SENT if the server did not see the password;
        ValueError for credentials that admission should have refused.
        """
        started = deadline.clock()
        visit = await self.visit(credentials, deadline)
        outcome = visit.outcome
        assert outcome is not None  # noqa: S101  # there was something to try
        name = self.server.name
        step = Step(name, outcome.verdict, outcome.detail, deadline.clock() - started)
        address = credentials.identity.address
        return Answer(
            outcome.verdict,
            address,
            name,
            outcome.detail,
            (step,),
            visit.password_sent,
            outcome.account_state,
            visit.cause,
            visit.sent_again,
        )

    async def visit(self, credentials: Credentials | None, deadline: Deadline) -> Visit:
        """Go to the server and try the login; None: only look whether one could be tried.

        Raises what `verify` raises.
        """
        visit = Visit()
        try:
            await self._go(visit, self.attempt(credentials), deadline)
        except asyncio.CancelledError:
            if visit.may_have_sent:
                raise
            raise asyncio.CancelledError(NOT_SENT) from None
        return visit

    async def _go(self, visit: Visit, attempt: Attempt | None, deadline: Deadline) -> None:
        warm = self.warm.take() if attempt is not None else None
        if warm is None and not await self.slots.take(deadline.remaining() - _LEAST_SECONDS):
            busy = f"all {self.server.max_connections} connections (max_connections) are in use"
            visit.outcome = _unavailable(busy)
            return
        try:
            answered = warm is not None and await self._say(visit, warm, attempt, deadline)
            if not answered:
                await self._converse(visit, attempt, deadline)
        finally:
            self.slots.free()

    async def look(self, deadline: Deadline) -> Visit:
        """See whether a login could be tried, besides all connections that logins may have."""
        visit = Visit()
        await self._converse(visit, None, deadline)
        return visit

    def attempt(self, credentials: Credentials | None) -> Attempt | None:
        """Return the login as this server knows it; None if there is none to try."""
        if credentials is None:
            return None
        login = expand_login(self.server.login_format, credentials.identity)
        return Attempt(login, credentials.password, credentials.client)

    async def _say(
        self, visit: Visit, warm: Conversation, attempt: Attempt | None, deadline: Deadline
    ) -> bool:
        """Say the login on a warm connection; False if it is to be said again, on a fresh one."""
        visit.addresses = (warm.address,)
        visit.tried.append(Tried(warm.address, "", 0.0))
        visit.conversation = warm
        try:
            if attempt is not None:
                warm.try_login(attempt)
            await self._hear_out(visit, warm, deadline, deadline.remaining())
        finally:
            warm.end()
        if not warm.stale:
            return True
        if deadline.remaining() < _LEAST_SECONDS:
            visit.outcome, visit.cause = _unavailable(_TOO_LATE), Cause.LOGIN
            return True
        visit.tried.clear()
        return False

    async def _converse(self, visit: Visit, attempt: Attempt | None, deadline: Deadline) -> None:
        """Note in the visit how it ended."""
        seconds = deadline.remaining()
        try:
            conversation = await self._connect(visit, attempt, deadline)
        except UnreachableError as trouble:
            visit.outcome, visit.cause = _unavailable(str(trouble)), Cause.SERVER
            return
        try:
            if attempt is not None:
                await self._hear_out(visit, conversation, deadline, seconds)
            elif conversation.outcome.done():
                visit.outcome = conversation.outcome.result()
        finally:
            conversation.end()

    async def _hear_out(
        self, visit: Visit, conversation: Conversation, deadline: Deadline, seconds: float
    ) -> None:
        """Wait for what comes of the login; ``seconds`` is how long it had in all."""
        try:
            outcome = await conversation.answer(deadline.remaining(), seconds)
        finally:
            sent = conversation.dialogue.password_sent
            visit.sent_again = visit.password_sent and sent
            visit.password_sent |= sent
        visit.outcome, visit.cause = outcome, None
        if outcome.verdict is Verdict.UNAVAILABLE:
            unanswered = conversation.broken or conversation.silent
            visit.cause = Cause.LOGIN if unanswered else Cause.ACCOUNT
            if not conversation.stale:
                self._avoid(conversation.address, seconds)

    async def _connect(
        self, visit: Visit, attempt: Attempt | None, deadline: Deadline
    ) -> Conversation:
        """Try one address after the other, until one is ready for the login.

        Each gets its share of the time that is left, and a dialogue of its own.
        """
        visit.addresses = await self.addresses.find(deadline.remaining())
        for address in visit.addresses:
            share = deadline.remaining() / (len(visit.addresses) - len(visit.tried))
            dialogue = self._begin_dialogue(attempt)
            conversation = Conversation(dialogue, address, self.server.port, self._tls)
            visit.conversation = conversation
            began = deadline.clock()
            trouble = ""
            try:
                await self._open(conversation, share)
            except UnreachableError as error:
                self._avoid(address, share)
                trouble = str(error)
            took = deadline.clock() - began
            visit.tried.append(Tried(address, trouble, took))
            if not trouble:
                self.warm.note_setup(took)
                return conversation
        raise UnreachableError("; ".join(tried.trouble for tried in visit.tried))

    async def _get_ready(self) -> Conversation:
        """Return a connection that waits for a login. Raises UnreachableError."""
        return await self._connect(Visit(), None, Deadline.after(_GET_READY_SECONDS))

    def _avoid(self, address: str, seconds: float) -> None:
        """Ask this address last from now on, if it had time to do better."""
        if seconds >= _LEAST_SECONDS:
            self.addresses.avoid(address)

    async def _open(self, conversation: Conversation, seconds: float) -> None:
        opened = False
        try:
            async with asyncio.timeout(seconds):
                await conversation.open()
            opened = True
        except TimeoutError:
            # In the moment when it got ready: the login is said, and nobody else may be asked.
            opened = conversation.dialogue.ready
            if not opened:
                raise UnreachableError(silence_text(conversation.opening, seconds)) from None
        except OSError as error:
            raise UnreachableError(conversation.trouble(error)) from None
        finally:
            if not opened:
                conversation.end()


def _unavailable(detail: str) -> Outcome:
    return Outcome(Verdict.UNAVAILABLE, shortened(detail))
