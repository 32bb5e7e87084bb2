"""One connection to a server, and the dialogue it carries.

Knows asyncio's transports and how TLS is begun on one; whether the dialogue had its say.
Opening it lasts until the dialogue is ready: up to that moment nothing of the login is said, and
another address may be tried.
Whoever began it ends it; leave is taken where the dialogue says that it would be understood.
Nothing is heard or said before the channel is as secure as it was asked to be: asyncio may deliver
the first bytes behind a TLS handshake while `start_tls` has not yet returned, so they wait.
Does not know what is said. Fails by an UNAVAILABLE outcome, or OSError while opening; logs nothing.
"""

import asyncio
import enum
import socket
from collections.abc import Sequence
from typing import cast

from bridge_common.network.tls import Tls, begin_tls
from bridge_common.network.trouble import (
    UnreachableError,
    endpoint_text,
    silence_text,
    trouble_text,
)
from bridge_common.shown import shortened
from sasl_bridge.dialogue.interface import Action, Attempt, Dialogue, Outcome, Send, StartTls
from sasl_bridge.verdict import Verdict

_HUNG_UP = b""  # stands among received bytes for their end
# For a connection that waited, and that something on the way has forgotten since: what is sent on
# it comes to nobody's ears. On others, the network's own patience is longer than ours.
_UNCONFIRMED_MILLISECONDS = 2000


class _Opened(enum.Enum):
    """How far the opening got."""

    UP_TO_TLS = enum.auto()
    READY_OR_OVER = enum.auto()


class Conversation(asyncio.Protocol):
    """Carries a dialogue from its greeting to its outcome, over one connection."""

    def __init__(self, dialogue: Dialogue, address: str, port: int, tls: Tls | None) -> None:
        self.dialogue = dialogue
        self.address = address
        self._port, self._tls = port, tls
        self._raw: asyncio.Transport | None = None
        self._channel: asyncio.Transport | None = None
        self._held: list[bytes] = []
        self.waited = False  # for a login, which was said when it came
        self.broken = False  # it ended without a reply
        self.silent = False  # no reply came in time
        self._unheard = True  # nothing came since the login was said, or ever
        loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[_Opened] = loop.create_future()
        self.outcome: asyncio.Future[Outcome] = loop.create_future()

    async def open(self) -> None:
        """Connect and get ready for the login. Raises OSError or UnreachableError."""
        loop = asyncio.get_running_loop()
        raw, _ = await loop.create_connection(lambda: self, self.address, self._port)
        if self._tls is not None and self._tls.from_start:
            self._talk_on(await self._encrypt(raw, self._tls))
        else:
            self._talk_on(raw)
        if await self._opened is _Opened.UP_TO_TLS:
            self._opened = loop.create_future()
            assert self._tls is not None  # noqa: S101  # a dialogue asks for what it was begun with
            channel = await self._encrypt(raw, self._tls)
            self._talk_on(channel, self.dialogue.tls_began())
            await self._opened
        if not self.dialogue.ready:
            raise UnreachableError(self.outcome.result().detail)

    def try_login(self, attempt: Attempt) -> None:
        """Say a login on a connection that waits for one; ValueError if it cannot be said."""
        assert self._channel is not None  # noqa: S101  # it could not wait without
        assert self._raw is not None  # noqa: S101
        actions = self.dialogue.try_login(attempt)
        self.waited = self._unheard = True
        peer = self._raw.get_extra_info("socket")
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNCONFIRMED_MILLISECONDS)
        self._act(actions, self._channel)

    @property
    def over(self) -> bool:
        """Whether it has ended, be it that the loop has yet to tell how."""
        return self.outcome.done() or (self._raw is not None and self._raw.is_closing())

    @property
    def stale(self) -> bool:
        """Whether it was over before the login was said: it waited, and broke without a word.

        What sounds like a refusal of USER may be a POP3 server's farewell as well: both are -ERR.
        """
        if not self.waited or not self.outcome.done():
            return False
        refused = self.outcome.result().verdict is Verdict.REJECTED
        return (refused and not self.dialogue.password_sent) or (self.broken and self._unheard)

    async def answer(self, seconds: float, told_seconds: float) -> Outcome:
        """Wait so many seconds for the outcome; silence is one too, ``told_seconds`` long."""
        loop = asyncio.get_running_loop()
        silence = loop.call_later(seconds, self._give_up, told_seconds)
        try:
            return await self.outcome
        finally:
            silence.cancel()

    def _give_up(self, seconds: float) -> None:
        self.silent = not self.outcome.done()
        missing = silence_text(self.dialogue.waiting_for, seconds)
        self._conclude(Outcome(Verdict.UNAVAILABLE, shortened(missing)))

    @property
    def _endpoint(self) -> str:
        return endpoint_text(self.address, self._port)

    @property
    def opening(self) -> str:
        """What `open` is waiting for, as in "no ... within 2.0 s"."""
        if self._channel is not None:
            return f"{self.dialogue.waiting_for} from {self._endpoint}"
        connecting = self._raw is None or self._tls is None
        return f"{'connection to' if connecting else 'TLS handshake with'} {self._endpoint}"

    @property
    def channel(self) -> asyncio.Transport | None:
        """What everything is said on; None as long as it is not as secure as it is to be."""
        return self._channel

    def trouble(self, error: Exception) -> str:
        """Return in words what befell the connection."""
        return trouble_text(error, self._endpoint, self._tls.name if self._tls else self.address)

    def end(self) -> None:
        """Take leave, and let go of the connection at once; to be called however it went.

        What was said still reaches the server, if its end of the connection takes it in.
        """
        if self._channel is not None and not self._channel.is_closing():
            self._channel.write(self.dialogue.farewell())
            self._channel.close()
        if self._raw is not None:
            self._raw.abort()

    async def _encrypt(self, raw: asyncio.Transport, tls: Tls) -> asyncio.Transport:
        """Begin TLS, after which everything is said on the transport returned."""
        if self._held:
            raise UnreachableError(f"{self._endpoint} spoke or hung up before TLS")
        return await begin_tls(raw, self, tls)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection itself: aborting it ends whatever is layered above."""
        # A cast: uvloop's transports are not of asyncio's class.
        self._raw = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Pass bytes on to the dialogue."""
        self._unheard = False
        self._hear(data)

    def eof_received(self) -> None:
        """Tell the dialogue; the transport then closes itself."""
        self.broken = not self.outcome.done()
        self._hear(_HUNG_UP)

    def connection_lost(self, error: Exception | None) -> None:
        """Conclude, if the dialogue has not: a connection that breaks is no answer."""
        if self.outcome.done():
            return
        self.broken = True
        trouble = self.trouble(error or ConnectionResetError())
        detail = f"{trouble}, no {self.dialogue.waiting_for} came"
        self._conclude(Outcome(Verdict.UNAVAILABLE, shortened(detail)))

    # The dialogue

    def _talk_on(self, channel: asyncio.Transport, actions: Sequence[Action] = ()) -> None:
        """Say and hear everything on this channel from now on, first of all what was held."""
        self._channel = channel
        self._act(actions, channel)
        held, self._held = self._held, []
        for data in held:
            self._hear(data)

    def _hear(self, data: bytes) -> None:
        if self._channel is None:
            self._held.append(data)
            return
        dialogue = self.dialogue
        actions = dialogue.receive_eof() if data == _HUNG_UP else dialogue.receive(data)
        self._act(actions, self._channel)

    def _act(self, actions: Sequence[Action], channel: asyncio.Transport) -> None:
        for action in actions:
            match action:
                case Send(data):
                    channel.write(data)
                case StartTls():
                    self._channel = None  # what comes now is held
                    self._note_opening(_Opened.UP_TO_TLS)
                case Outcome():
                    self._conclude(action)
        if self.dialogue.ready:
            self._note_opening(_Opened.READY_OR_OVER)

    def _conclude(self, outcome: Outcome) -> None:
        """Tell whoever waits; the first outcome counts."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)
        self._note_opening(_Opened.READY_OR_OVER)

    def _note_opening(self, opened: _Opened) -> None:
        if not self._opened.done():
            self._opened.set_result(opened)
