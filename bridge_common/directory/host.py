"""One host of a directory, and the connections to it that are kept for the next login.

A `Session` has two of them: one bound as our own account, which searches, and one on which
passwords are tried. It serves one login at a time; a host has so many of them at most.
Knows how a connection is begun at one of the host's addresses, and when one is not to be kept.
Fails with `UnreachableError` (the host cannot be asked now), `AccountRefusedError` (our own account
is not let in) and `CodecError`; whoever has a session bounds its time. Logs nothing.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from bridge_common.deadline import Deadline
from bridge_common.directory.codec import CodecError, Done, Search
from bridge_common.directory.connection import Connection, Found, LostError
from bridge_common.directory.results import NotTried
from bridge_common.directory.words import knows_nobody, words_for
from bridge_common.network.addresses import Addresses
from bridge_common.network.tls import Tls
from bridge_common.network.trouble import UnreachableError, silence_text, trouble_text
from bridge_common.secret import Secret

T = TypeVar("T")

BeforeBind = Callable[[str], str]
"""Is told an entry's name before each time that a password is sent with it, and returns why it is
not to be sent, or nothing."""

# Without traffic none is kept: it would only be in the way of a server that wants to end.
_IDLE_SECONDS = 60.0
# A refused account may be locked by us if each login tries it again.
_REFUSED_SECONDS = 10.0  # and so long one that was let in is taken for good
_NOT_NOW = frozenset({3, 51, 52, 80})  # time limit exceeded, busy, unavailable, other
# What a directory says to an account that it will not let in, today or tomorrow; all else is about
# the host: stronger authentication, confidentiality required, no such object, invalid DN,
# inappropriate authentication, invalid credentials, insufficient rights, unwilling.
_NOT_YOU = frozenset({8, 13, 32, 34, 48, 49, 50, 53})


class AccountRefusedError(Exception):
    """The directory does not let our own account in; the text says why."""


class Account:
    """The account as which we search; without a name, anybody's."""

    def __init__(self, name: str, password: Secret) -> None:
        self.name = name
        self._password = password
        self._refused = ""
        self._refused_until = 0.0
        self._let_in_until = 0.0
        self._turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)  # by endpoint

    async def bind(self, connection: Connection) -> None:
        """Log our account in. Raises UnreachableError, AccountRefusedError, CodecError.

        Unless it was let in within the last ten seconds, one of many logins tries it, and the
        others wait for that: they would be as many failures of the account.
        """
        loop = asyncio.get_running_loop()
        connection.waiting_for = f"turn to log in at {connection.endpoint}"
        async with self._turns[connection.endpoint]:
            if loop.time() < self._refused_until:
                raise AccountRefusedError(self._refused)
            if loop.time() >= self._let_in_until:
                await self.bind_afresh(connection)
                return
        await self.bind_afresh(connection)

    async def bind_afresh(self, connection: Connection) -> None:
        """Do that even if it was refused a moment ago; it is one more failure of the account."""
        if not self.name:
            return
        done = await connection.bind(self.name, self._password)
        now = asyncio.get_running_loop().time()
        self._refused_until = 0.0
        self._let_in_until = 0.0 if done.code else now + _REFUSED_SECONDS
        if done.code:
            refuse_if_busy(connection, done, self._password)
            if done.code not in _NOT_YOU or knows_nobody(done):
                raise _unreachable(connection, done, self._password)
            self._refused = words_for(done, self._password)
            self._refused_until = now + _REFUSED_SECONDS
            raise AccountRefusedError(self._refused)


def refuse_if_busy(connection: Connection, done: Done, password: Secret | None) -> None:
    """Raise UnreachableError if the host says that it cannot be asked now."""
    if done.code in _NOT_NOW:
        raise _unreachable(connection, done, password)


def _unreachable(connection: Connection, done: Done, password: Secret | None) -> UnreachableError:
    return UnreachableError(f"{connection.endpoint}: {words_for(done, password)}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host is, and how it is asked; ``tls`` None: unencrypted."""

    host: str
    port: int
    tls: Tls | None


class Session:
    """The connections for one login at a time, begun when they are needed."""

    def __init__(self, place: Place, addresses: Addresses, account: Account) -> None:
        self._place, self._addresses, self._account = place, addresses, account
        self.searching: Connection | None = None
        self.trying: Connection | None = None
        self._current: Connection | None = None
        self.password_sent = False
        self.tried: list[tuple[str, str]] = []
        """Addresses that were connected to anew, and the trouble there, empty if there was none."""

    @property
    def waiting_for(self) -> str:
        """What it waits for, as in "no ... within 2.0 s"."""
        if self._current is None:
            return f"address for {self._place.host}"
        return self._current.waiting_for

    async def search(self, search: Search, deadline: Deadline) -> Found:
        """Search as our own account."""
        found, self.searching = await self._ask(
            self.searching, lambda one: one.search(search), deadline, self._begin_searching
        )
        refuse_if_busy(self.searching, found.done, None)
        return found

    async def begin_searching(self, connection: Connection) -> None:
        """Log our own account in, even if it was refused a moment ago, to search from now on.

        Raises what `search` raises, AccountRefusedError too; whoever asks bounds the time.
        """
        await self._heard(connection, self._account.bind_afresh)
        self.searching = connection

    async def bind(
        self,
        name: str,
        password: Secret,
        deadline: Deadline,
        before_bind: BeforeBind = lambda _: "",
    ) -> Done | NotTried:
        """Try a password."""

        async def ask(connection: Connection) -> Done | NotTried:
            if why := before_bind(name):
                return NotTried(why)
            self.password_sent = True
            try:
                return await connection.bind(name, password)
            except CodecError:
                self.password_sent = False  # it can be no request
                raise

        done, self.trying = await self._ask(self.trying, ask, deadline, self.connect)
        if isinstance(done, Done):
            refuse_if_busy(self.trying, done, password)
        return done

    async def connect(self, deadline: Deadline) -> Connection:
        """Return a new connection to one of the host's addresses, each having its share of time."""
        self._current = None
        addresses = await self._addresses.find(deadline.remaining())
        for number, address in enumerate(addresses):
            self._current = connection = self._new_connection(address)
            share = deadline.remaining() / (len(addresses) - number)
            trouble = await self._open(connection, share)
            self.tried.append((address, trouble))
            if not trouble:
                return connection
            self._addresses.avoid(address)
        raise UnreachableError("; ".join(trouble for _, trouble in self.tried[-len(addresses) :]))

    def _new_connection(self, address: str) -> Connection:
        try:
            return Connection(address, self._place.port, self._place.tls)
        except OSError as error:  # no more file descriptors, say
            raise UnreachableError(trouble_text(error, self._place.host, "")) from None

    @property
    def is_open(self) -> bool:
        """Whether there is anything worth keeping."""
        connections = (self.searching, self.trying)
        return any(one is not None and one.is_open for one in connections)

    def begin_anew(self) -> None:
        """Forget what the login before has done."""
        self._current, self.password_sent = None, False
        self.tried.clear()

    def close(self) -> None:
        """Let go of the connections."""
        for connection in (self.searching, self.trying):
            if connection is not None:
                connection.close()

    async def _ask(
        self,
        kept: Connection | None,
        ask: Callable[[Connection], Awaitable[T]],
        deadline: Deadline,
        begin: Callable[[Deadline], Awaitable[Connection]],
    ) -> tuple[T, Connection]:
        """Ask on the connection that was kept; on a new one, if it is found to have ended."""
        if kept is not None and kept.is_open:
            try:
                return await self._heard(kept, ask), kept
            except LostError as lost:
                if not lost.silently:
                    raise
                self.close()  # what took one of them away has taken the other
        connection = await begin(deadline)
        return await self._heard(connection, ask), connection

    async def _heard(self, connection: Connection, ask: Callable[[Connection], Awaitable[T]]) -> T:
        heard = False
        try:
            self._current = connection
            answer = await ask(connection)
            heard = True
        finally:
            if not heard:
                connection.close()
        return answer

    async def _begin_searching(self, deadline: Deadline) -> Connection:
        connection = await self.connect(deadline)
        await self._heard(connection, self._account.bind)
        return connection

    async def _open(self, connection: Connection, seconds: float) -> str:
        """Return the trouble, if there is any."""
        opened = False
        try:
            async with asyncio.timeout(seconds):
                await connection.open()
            opened = True
        except TimeoutError:
            return silence_text(connection.waiting_for, seconds)
        except UnreachableError as error:
            return str(error)
        finally:
            if not opened:
                connection.close()
        return ""


class Host:
    """One host; ``most``: how many logins it is asked about at the same time, ``in_use``: now."""

    def __init__(
        self,
        place: Place,
        account: Account,
        most: int,
        *,
        addresses: Addresses | None = None,
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:
        self.place = place
        self.account = account
        self.addresses = addresses or Addresses(place.host)
        self.most = most
        self.in_use = 0
        self.slots = asyncio.Semaphore(most)
        self.avoided_until = 0.0
        """Up to this moment of the asker's clock, other hosts come before."""
        self._idle: dict[Session, float] = {}  # since when; the longest first
        self._idle_seconds = idle_seconds
        self._next_look: asyncio.TimerHandle | None = None
        self._closed = False

    def take_over(self, before: "Host") -> None:
        """Go on with what is known of the same host: its addresses, the number of sessions in use.

        Not with the connections that it keeps: they were begun by earlier certificates.
        """
        self.addresses, self.slots = before.addresses, before.slots
        self.account = before.account
        self.avoided_until = before.avoided_until

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Have a session to yourself; what of it owes no answer is kept for the next login."""
        async with self.slots:
            session = self._take()
            self.in_use += 1
            try:
                yield session
            finally:
                self.in_use -= 1
                self._keep(session)

    @property
    def idle(self) -> int:
        """How many sessions are kept for the next login."""
        return len(self._idle)

    @property
    def busy_text(self) -> str:
        """What is the matter when no turn comes."""
        return f"all {self.most} sessions at {self.place.host} (max_connections) are in use"

    def new_session(self) -> Session:
        """Return a session of which nothing is kept; whoever asks for it closes it."""
        return Session(self.place, self.addresses, self.account)

    def close(self) -> None:
        """Keep nothing any more; who asks is still answered."""
        self._closed = True
        if self._next_look is not None:
            self._next_look.cancel()
        while self._idle:
            self._idle.popitem()[0].close()

    def _take(self) -> Session:
        """Return the session that was used last: the others may end of idleness."""
        if not self._idle:
            return self.new_session()
        session, _ = self._idle.popitem()
        session.begin_anew()
        return session

    def _keep(self, session: Session) -> None:
        if self._closed or not session.is_open:
            session.close()
            return
        loop = asyncio.get_running_loop()
        self._idle[session] = loop.time()
        if self._next_look is None:  # one timer for all: one for each login costs a twentieth of it
            self._look_in(self._idle_seconds, loop)

    def _look_in(self, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        self._next_look = loop.call_later(seconds, self._expire, loop)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let go of the sessions that nobody needed for so long."""
        self._next_look = None
        for session, since in list(self._idle.items()):
            left = since + self._idle_seconds - loop.time()
            if left > 0:
                self._look_in(left, loop)
                return
            del self._idle[session]
            session.close()
