"""One connection to a directory server: opened, secured, asked one thing at a time.

Knows asyncio's transports, and how LDAP begins TLS; what is said is the `codec`'s.
Nothing is heard or said before the channel is as secure as it was asked to be.
Whoever opened it closes it, above all while an answer is owed: no other request may follow then.
Fails with `UnreachableError` (`LostError` is one); logs nothing.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from bridge_common.directory.codec import Codec, CodecError, Done, NoticeError, Search
from bridge_common.directory.framing import BrokenStreamError, MessageSplitter
from bridge_common.directory.results import Entry
from bridge_common.network.tls import Tls, begin_tls
from bridge_common.network.trouble import UnreachableError, endpoint_text, trouble_text
from bridge_common.secret import Secret

# A peer that is gone without a word acknowledges nothing; a frozen one still does (tcp(7)).
_UNACKNOWLEDGED_MILLISECONDS = 2500
# Entries, references to elsewhere (Active Directory has three), the end: more holds up the loop.
_MOST_MESSAGES = 250


class LostError(UnreachableError):
    """The connection ended while an answer was owed; ``silently``: nothing of it had come."""

    def __init__(self, text: str, *, silently: bool) -> None:
        super().__init__(text)
        self.silently = silently


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to; ``entries`` are no more than one above what was asked for."""

    entries: tuple[Entry, ...]
    done: Done


class Connection(asyncio.Protocol):
    """A connection to one address; ``tls`` None: everything goes unencrypted."""

    def __init__(self, address: str, port: int, tls: Tls | None) -> None:
        self.address = address
        self.endpoint = endpoint_text(address, port)
        self.waiting_for = f"connection to {self.endpoint}"
        """As in "no ... within 2.0 s"."""
        self._port, self._tls = port, tls
        self._codec = Codec()
        self._messages = MessageSplitter()
        self._raw: asyncio.Transport | None = None
        self._channel: asyncio.Transport | None = None
        self._ended = ""  # why, once it has
        self._answer: asyncio.Future[Found] | None = None
        self._entries: list[Entry] = []
        self._most = 0
        self._said = 0
        self._heard = False

    # What it is asked

    async def open(self) -> None:
        """Connect and secure the channel. Raises UnreachableError."""
        try:
            await self._open()
        except OSError as error:
            raise UnreachableError(self._trouble(error)) from None

    async def bind(self, name: str, password: Secret) -> Done:
        """Return the server's answer to a name and a password; neither may be empty.

        Raises UnreachableError, CodecError.
        """
        found = await self._ask(lambda: self._codec.bind(name, password), "answer to a login")
        return found.done

    async def search(self, search: Search) -> Found:
        """Return what was found. Raises UnreachableError, CodecError."""
        return await self._ask(
            lambda: self._codec.search(search), "answer to a search", search.most
        )

    @property
    def channel(self) -> asyncio.Transport | None:
        """What everything is said on; None as long as it is not as secure as it is to be."""
        return self._channel

    @property
    def is_open(self) -> bool:
        """Whether it may be asked something."""
        return self._channel is not None and not self._ended

    def close(self) -> None:
        """Let go of the connection at once, without taking leave: the server sees its end."""
        self._end("closed by us")
        if self._raw is not None:
            self._raw.abort()

    # How that is done

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        raw, _ = await loop.create_connection(lambda: self, self.address, self._port)
        if self._tls is None:
            self._channel = raw
            return
        if not self._tls.from_start:
            self._channel = raw
            found = await self._ask(self._codec.start_tls, "answer to StartTLS")
            if found.done.code:
                code = f"{found.done.name} ({found.done.code})"
                raise UnreachableError(f"{self.endpoint} does not begin TLS: {code}")
        if not self._messages.is_empty:
            raise UnreachableError(f"{self.endpoint} spoke before TLS")
        self.waiting_for = f"TLS handshake with {self.endpoint}"
        self._channel = await begin_tls(raw, self, self._tls)
        self._decode()

    async def _ask(self, encode: Callable[[], bytes], owed: str, most: int = 0) -> Found:
        if self._ended or self._channel is None:
            raise LostError(self._ended or "not yet open", silently=True)
        request = encode()
        self._entries, self._most, self._said, self._heard = [], most, 0, False
        self.waiting_for = f"{owed} from {self.endpoint}"
        self._answer = asyncio.get_running_loop().create_future()
        self._channel.write(request)
        try:
            return await self._answer
        finally:
            self._answer = None

    def _trouble(self, error: Exception) -> str:
        return trouble_text(error, self.endpoint, self._tls.name if self._tls else self.address)

    def _end(self, why: str) -> None:
        """Note that nothing more can be asked, and tell who waits."""
        if self._ended:
            return
        self._ended = why
        self._codec.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(LostError(why, silently=not self._heard))

    def _lose(self, why: str) -> None:
        """Note that the connection is lost; half a message is the begin of an answer."""
        self._heard |= not self._messages.is_empty
        self._end(why)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection itself: aborting it ends whatever is layered above."""
        # A cast: uvloop's transports are not of asyncio's class.
        self._raw = raw = cast("asyncio.Transport", transport)
        with contextlib.suppress(OSError):
            raw.get_extra_info("socket").setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MILLISECONDS
            )

    def data_received(self, data: bytes) -> None:
        """Hear what the server says."""
        self._messages.receive(data)
        self._decode()

    def eof_received(self) -> None:
        """Note it; the transport then closes itself."""
        self._lose(f"connection closed by {self.endpoint}")

    def connection_lost(self, error: Exception | None) -> None:
        """Note it."""
        self._lose(self._trouble(error or ConnectionResetError()))

    def _decode(self) -> None:
        try:
            while self.is_open and (message := self._messages.next_message()) is not None:
                said = self._codec.decode(message)
                self._heard = True
                self._take(said)
        except (BrokenStreamError, CodecError) as error:
            self._heard |= not isinstance(error, NoticeError)
            self._end(f"{self.endpoint}: {error}")
            self.close()

    def _take(self, said: Entry | Done | None) -> None:
        if isinstance(said, Entry):
            self._entries.append(said)
        self._said += 1
        if self._said > _MOST_MESSAGES:
            raise CodecError("its answer has no end")
        too_many = len(self._entries) > self._most
        if self._answer is None or self._answer.done():
            self.close()  # a server that goes on after the end of an answer
        elif isinstance(said, Done) or too_many:
            if self._tls is not None and self._channel is self._raw:
                self._channel = None  # the answer to StartTLS: what comes now waits
            done = said if isinstance(said, Done) else Done(0)
            self._answer.set_result(Found(tuple(self._entries), done))
            if too_many:
                self.close()
