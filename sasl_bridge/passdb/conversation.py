"""One connection to a server, and the dialogue it carries.

Knows asyncio's transports and how TLS is begun on one; whether the dialogue had its say.
Opening it includes the server's greeting: until that came nothing was said, and another address
may be tried. However it ends, leave is taken where the dialogue says that it would be understood.
Nothing is heard or said before the channel is as secure as it was asked to be: asyncio may deliver
the first bytes behind a TLS handshake while `start_tls` has not yet returned, so they wait.
Does not know what is said. Fails by an UNAVAILABLE outcome, or OSError while opening; logs nothing.
"""

import asyncio
import ssl
from dataclasses import dataclass
from typing import cast

from sasl_bridge.dialogue.interface import Action, Dialogue, Outcome, Send
from sasl_bridge.dialogue.shown import shortened
from sasl_bridge.passdb.trouble import UnreachableError, endpoint_text, trouble_text
from sasl_bridge.verdict import Verdict

_HUNG_UP = b""  # stands among received bytes for their end


@dataclass(frozen=True, slots=True)
class Tls:
    """How TLS is begun: with which settings, and for which name in the certificate."""

    context: ssl.SSLContext
    name: str


class Conversation(asyncio.Protocol):
    """Carries a dialogue from its greeting to its outcome, over one connection."""

    def __init__(self, dialogue: Dialogue, address: str, port: int, tls: Tls | None) -> None:
        self.dialogue = dialogue
        self._address, self._port, self._tls = address, port, tls
        self._endpoint = endpoint_text(address, port)
        self._phase = "connection to"
        self._raw: asyncio.Transport | None = None
        self._channel: asyncio.Transport | None = None
        self._held: list[bytes] = []
        loop = asyncio.get_running_loop()
        self._greeting: asyncio.Future[None] = loop.create_future()
        self.outcome: asyncio.Future[Outcome] = loop.create_future()

    async def open(self) -> None:
        """Connect, begin TLS, hear a good greeting. Raises OSError or UnreachableError."""
        loop = asyncio.get_running_loop()
        raw, _ = await loop.create_connection(lambda: self, self._address, self._port)
        self._channel = raw if self._tls is None else await self._encrypt(raw, self._tls)
        self._phase = "greeting from"
        held, self._held = self._held, []
        for data in held:
            self._hear(data)
        await self._greeting
        if not self.dialogue.greeted:
            raise UnreachableError(self.outcome.result().detail)

    @property
    def opening(self) -> str:
        """What `open` is waiting for, as in "no ... within 2.0 s"."""
        return f"{self._phase} {self._endpoint}"

    def trouble(self, error: Exception) -> str:
        """Return in words what befell the connection."""
        return trouble_text(error, self._endpoint, self._tls.name if self._tls else self._address)

    def end(self) -> None:
        """Take leave if that is still to be done, and let go of the connection at once.

        What was said still reaches the server, if its end of the connection takes it in.
        """
        if self._channel is not None and not self._channel.is_closing():
            self._take_leave(self._channel)
        if self._raw is not None:
            self._raw.abort()

    async def _encrypt(self, raw: asyncio.Transport, tls: Tls) -> asyncio.Transport:
        """Begin TLS, after which everything is said on the transport returned."""
        if self._held:
            raise UnreachableError(f"{self._endpoint} spoke or hung up before TLS")
        self._phase = "TLS handshake with"
        loop = asyncio.get_running_loop()
        channel = await loop.start_tls(raw, self, tls.context, server_hostname=tls.name)
        if channel is None:  # lost in the moment when the handshake was complete
            raise ConnectionResetError
        return channel

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection itself: aborting it ends whatever is layered above."""
        # A cast: uvloop's transports are not of asyncio's class.
        self._raw = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Pass bytes on to the dialogue."""
        self._hear(data)

    def eof_received(self) -> None:
        """Tell the dialogue; the transport then closes itself."""
        self._hear(_HUNG_UP)

    def connection_lost(self, error: Exception | None) -> None:
        """Conclude, if the dialogue has not: a connection that breaks is no answer."""
        trouble = self.trouble(error or ConnectionResetError())
        detail = f"{trouble}, no {self.dialogue.waiting_for} came"
        self._conclude(Outcome(Verdict.UNAVAILABLE, shortened(detail)))

    # The dialogue

    def _hear(self, data: bytes) -> None:
        if self._channel is None:
            self._held.append(data)
            return
        dialogue = self.dialogue
        actions = dialogue.receive_eof() if data == _HUNG_UP else dialogue.receive(data)
        for action in actions:
            self._act(action, self._channel)
        if dialogue.greeted and not self._greeting.done():
            self._greeting.set_result(None)

    def _act(self, action: Action, channel: asyncio.Transport) -> None:
        if isinstance(action, Send):
            channel.write(action.data)
            return
        self._conclude(action)
        self._take_leave(channel)

    def _conclude(self, outcome: Outcome) -> None:
        """Tell whoever waits; the first outcome counts."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)
        if not self._greeting.done():
            self._greeting.set_result(None)

    def _take_leave(self, channel: asyncio.Transport) -> None:
        channel.write(self.dialogue.farewell())
        channel.close()
