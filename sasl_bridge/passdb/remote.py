"""One remote server as a passdb: finds its address, connects, has the dialogue, tells the answer.

Knows the deadline and how it is shared among the addresses of a server: the next one is tried
until one greets well, for nothing was sent before; one that failed comes last next time.
Does not know what is said (a `Dialogue` does), nor how a connection carries it (`conversation`).
Every trouble becomes an UNAVAILABLE answer with its reason; logs nothing.
"""

import asyncio
import re
import secrets
import ssl
from dataclasses import dataclass

from bridge_common.deadline import Deadline
from bridge_common.identity import Identity
from bridge_common.secret import Secret
from sasl_bridge.credentials import Credentials
from sasl_bridge.dialogue.imap import ImapDialogue
from sasl_bridge.dialogue.interface import BeginDialogue, Dialogue, Outcome
from sasl_bridge.dialogue.shown import shortened
from sasl_bridge.passdb.addresses import Addresses
from sasl_bridge.passdb.conversation import Conversation, Tls
from sasl_bridge.passdb.trouble import UnreachableError, silence_text
from sasl_bridge.verdict import Answer, Step, Verdict


@dataclass(frozen=True, slots=True)
class RemoteServer:
    """What is to be known of a server.

    ``login_format`` holds ``{login}``, ``{local}``, ``{domain}``.
    ``tls_name`` is the name in the certificate, ``host`` if empty.
    """

    name: str
    host: str
    port: int
    login_format: str = "{login}"
    tls_name: str = ""


def imap_dialogues(*, encrypted: bool, unavailable_texts: tuple[str, ...] = ()) -> BeginDialogue:
    """Return what begins an IMAP dialogue for each login; the meaning is `ImapDialogue`'s."""

    def begin(login: str, password: Secret) -> Dialogue:
        return ImapDialogue(
            login,
            password,
            tag_prefix=secrets.token_hex(4),
            encrypted=encrypted,
            unavailable_texts=unavailable_texts,
        )

    return begin


def expand_login(login_format: str, identity: Identity) -> str:
    """Return the login as the server knows it; what a login holds is never expanded again."""
    values = {
        "{login}": identity.address,
        "{local}": identity.local,
        "{domain}": identity.domain,
    }
    return re.sub(r"\{(?:login|local|domain)\}", lambda found: values[found[0]], login_format)


class RemotePassdb:
    """Asks one server, over a connection of its own for each login. A `Passdb`.

    ``tls`` is how TLS is begun before the first word; None: everything goes unencrypted.
    """

    def __init__(
        self,
        server: RemoteServer,
        begin_dialogue: BeginDialogue,
        tls: ssl.SSLContext | None,
        addresses: Addresses | None = None,
    ) -> None:
        self._server = server
        self._begin_dialogue = begin_dialogue
        self._tls = Tls(tls, server.tls_name or server.host) if tls else None
        self._addresses = addresses or Addresses(server.host)

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        """Ask the server.

        Raises CancelledError; ValueError for credentials that admission should have refused.
        """
        started = deadline.clock()
        outcome, sent = await self._converse(credentials, deadline)
        name = self._server.name
        step = Step(name, outcome.verdict, outcome.detail, deadline.clock() - started)
        address = credentials.identity.address
        return Answer(outcome.verdict, address, name, outcome.detail, (step,), sent)

    async def _converse(self, credentials: Credentials, deadline: Deadline) -> tuple[Outcome, bool]:
        """Return how it ended, and whether the password was sent."""
        seconds = deadline.remaining()
        try:
            address, conversation = await self._connect(credentials, deadline)
        except UnreachableError as trouble:
            return _unavailable(str(trouble)), False
        dialogue = conversation.dialogue
        try:
            async with asyncio.timeout(deadline.remaining()):
                outcome = await conversation.outcome
        except TimeoutError:
            self._addresses.avoid(address)
            outcome = _unavailable(silence_text(dialogue.waiting_for, seconds))
        finally:
            conversation.end()
        return outcome, dialogue.password_sent

    async def _connect(
        self, credentials: Credentials, deadline: Deadline
    ) -> tuple[str, Conversation]:
        """Try one address after the other, until one greets well; return it too.

        Each gets its share of the time that is left, and a dialogue of its own.
        """
        login = expand_login(self._server.login_format, credentials.identity)
        addresses = await self._addresses.find(deadline.remaining())
        troubles = []
        for tried, address in enumerate(addresses):
            share = deadline.remaining() / (len(addresses) - tried)
            dialogue = self._begin_dialogue(login, credentials.password)
            conversation = Conversation(dialogue, address, self._server.port, self._tls)
            try:
                await self._open(conversation, share)
            except UnreachableError as trouble:
                self._addresses.avoid(address)
                troubles.append(str(trouble))
            else:
                return address, conversation
        raise UnreachableError("; ".join(troubles))

    async def _open(self, conversation: Conversation, seconds: float) -> None:
        opened = False
        try:
            async with asyncio.timeout(seconds):
                await conversation.open()
            opened = True
        except TimeoutError:
            raise UnreachableError(silence_text(conversation.opening, seconds)) from None
        except OSError as error:
            raise UnreachableError(conversation.trouble(error)) from None
        finally:
            if not opened:
                conversation.end()


def _unavailable(detail: str) -> Outcome:
    return Outcome(Verdict.UNAVAILABLE, shortened(detail))
