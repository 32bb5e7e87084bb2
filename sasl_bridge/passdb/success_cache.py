"""Passwords that worked are remembered for a while, and the same login is verified once at a time.

Knows when a remembered yes counts: for exactly this login in this form, among those who are asked
now, within its time, and as long as no newer no forbids it. Keeps a digest, never a password.
While a login is verified, others with the same login and password wait for its answer, each until
its own deadline.
Does not know who is asked. Raises nothing but CancelledError; logs nothing: an answer's source and
reason say that it was remembered.
"""

import asyncio
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from bridge_common.deadline import Clock, Deadline
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.interface import Passdb
from sasl_bridge.passdb.keys import login_key, password_key
from sasl_bridge.verdict import Answer, Cause, Verdict

SOURCE = "cache"

# Who waited in vain for another's answer asks itself, if so much time is left.
_LEAST_SECONDS = 0.5


class Keys(NamedTuple):
    """What stands for a login, as it is asked about, and for its password."""

    login: bytes
    password: bytes


@dataclass(frozen=True, slots=True)
class Success:
    """A password that worked. ``worked_at``: a moment before it was said to; ``answer`` repeats it.

    ``address`` is the canonical login.
    """

    address: str
    password: bytes
    worked_at: float
    answer: Answer


@dataclass(slots=True)
class Flight:
    """A verification under way, and who else waits for it.

    ``spoiled``: a yes that it brings is not to be remembered.
    """

    followers: list["asyncio.Future[Answer | None]"] = field(default_factory=list)
    spoiled: bool = False


class Successes:
    """What is remembered, and what is under way; it outlives a reload.

    ``size`` is how many logins are remembered; ``hits`` and ``graces`` count what was answered by
    heart, the latter in an outage.
    """

    def __init__(self, size: int = 10_000) -> None:
        self.size = size
        self.hits = 0
        self.graces = 0
        self._flights: dict[str, dict[Keys, Flight]] = {}  # of each address
        self._known: dict[bytes, Success] = {}  # by the login's key; oldest first
        self._keys_of: dict[str, set[bytes]] = {}  # of each address

    def __len__(self) -> int:
        return len(self._known)

    def get(self, keys: Keys) -> Success | None:
        """Return what is remembered of this login with this password."""
        known = self._known.get(keys.login)
        if known is None or not hmac.compare_digest(known.password, keys.password):
            return None
        return known

    def remember(self, login: bytes, success: Success) -> None:
        """Remember a success, in place of every other password of the same address."""
        for keys in self._under_way(success.address):
            if keys.password != success.password:
                self._spoil(success.address, keys)
        for key in self._keys(success.address):
            if key == login or self._known[key].password != success.password:
                self._drop(key)
        while len(self._known) >= self.size:
            self._drop(next(iter(self._known)))
        self._known[login] = success
        self._keys_of.setdefault(success.address, set()).add(login)

    def refute(self, address: str, password: bytes) -> None:
        """Forget this password of the address, in whatever form its login was typed."""
        for keys in self._under_way(address):
            if keys.password == password:
                self._spoil(address, keys)
        for key in self._keys(address):
            if hmac.compare_digest(self._known[key].password, password):
                self._drop(key)

    def flush(self, address: str | None = None) -> int:
        """Forget everything, or what is known of one login; return how many logins that were."""
        return self.forget(lambda known: address in {None, known})

    def forget(self, concerns: Callable[[str], bool]) -> int:
        """Forget what is known of the logins that this concerns; return how many they were.

        A login is named as it was typed or as the account is called, in canonical form.
        What is under way is answered, and not remembered.
        """
        for flying in tuple(self._flights):
            for keys in self._under_way(flying):
                self._spoil(flying, keys)
        dropped = [
            key
            for key, known in self._known.items()
            if concerns(known.address) or concerns(known.answer.identity)
        ]
        for key in dropped:
            self._drop(key)
        return len(dropped)

    # What is under way

    def flight(self, address: str, keys: Keys) -> Flight | None:
        """Return the verification that one may follow."""
        return self._flights.get(address, {}).get(keys)

    def take_off(self, address: str, keys: Keys) -> Flight:
        """Note a verification; `land` must follow."""
        return self._flights.setdefault(address, {}).setdefault(keys, Flight())

    def land(self, address: str, keys: Keys, flight: Flight) -> None:
        """Let nobody follow this one any more."""
        flights = self._flights.get(address, {})
        if flights.get(keys) is flight:
            del flights[keys]
            if not flights:
                del self._flights[address]

    def _under_way(self, address: str) -> tuple[Keys, ...]:
        return tuple(self._flights.get(address, ()))

    def _spoil(self, address: str, keys: Keys) -> None:
        """Learn nothing of this flight, and let nobody who comes now follow it."""
        flight = self._flights[address][keys]
        flight.spoiled = True
        self.land(address, keys, flight)

    # What is known

    def _keys(self, address: str) -> tuple[bytes, ...]:
        return tuple(self._keys_of.get(address, ()))

    def _drop(self, key: bytes) -> None:
        address = self._known.pop(key).address
        keys = self._keys_of[address]
        keys.remove(key)
        if not keys:
            del self._keys_of[address]


@dataclass(frozen=True, slots=True)
class CacheRules:
    """How long, in seconds, a yes counts: ``ttl`` at any time, ``grace`` in an outage.

    ``scope`` stands for who is asked, and how; ``by_client``: they are told the client's address,
    and may answer by it.
    """

    ttl: float
    grace: float = 0.0
    scope: bytes = b""
    by_client: bool = False


class SuccessCache:
    """Answers by heart what it can, and asks ``inner`` the rest. A `Passdb`."""

    def __init__(
        self,
        inner: Passdb,
        rules: CacheRules,
        successes: Successes,
        clock: Clock = time.monotonic,
    ) -> None:
        self._inner = inner
        self._rules = rules
        self._successes = successes
        self._clock = clock

    def keys(self, credentials: Credentials) -> Keys:
        """Return under what these credentials are remembered."""
        login = login_key(self._rules.scope, credentials, by_client=self._rules.by_client)
        return Keys(login, password_key(credentials))

    def recall(self, keys: Keys, expected: Answer | None = None) -> Answer | None:
        """Return the yes that is remembered, the same object each time, or None.

        ``expected``: None too if it is another one than this.
        """
        known = self._successes.get(keys)
        if known is None or self._clock() - known.worked_at >= self._rules.ttl:
            return None
        if expected is not None and known.answer is not expected:
            return None
        self._successes.hits += 1
        return known.answer

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        """Answer by heart, or ask. Raises only CancelledError."""
        keys = self.keys(credentials)
        return self.recall(keys) or await self.ask(credentials, deadline, keys)

    async def ask(
        self, credentials: Credentials, deadline: Deadline, keys: Keys | None = None
    ) -> Answer:
        """Ask, whatever is remembered. Raises only CancelledError.

        If the same is being asked, the answer is awaited; if it says nothing, it is asked once
        more: the other one may have had little time left, or its client may have gone.
        """
        keys = keys or self.keys(credentials)
        if not self._lasting:  # each login is to be asked about
            answer = await self._inner.verify(credentials, deadline)
            return self._learn(credentials, keys, answer, None)
        for again in (True, False):
            flight = self._successes.flight(credentials.identity.address, keys)
            if flight is None:
                break
            answer = await _follow(flight, credentials, deadline)
            decided = answer.verdict is not Verdict.UNAVAILABLE
            if decided or not again or deadline.remaining() < _LEAST_SECONDS:
                return answer
        return await self._lead(credentials, deadline, keys)

    async def _lead(self, credentials: Credentials, deadline: Deadline, keys: Keys) -> Answer:
        """Ask, and tell who follows."""
        address = credentials.identity.address
        flight = self._successes.take_off(address, keys)
        began = self._clock()
        answer = None
        try:
            asked = await self._inner.verify(credentials, deadline)
            answer = self._learn(credentials, keys, asked, None if flight.spoiled else began)
        finally:
            self._successes.land(address, keys, flight)
            for follower in flight.followers:
                if not follower.done():
                    follower.set_result(answer)
        return answer

    def _learn(
        self, credentials: Credentials, keys: Keys, answer: Answer, began: float | None
    ) -> Answer:
        """Return the answer that is given, once what it teaches is remembered or forgotten."""
        address = credentials.identity.address
        match answer.verdict:
            case Verdict.ACCEPTED if began is not None and self._lasting and _can_be_told(answer):
                said = f"{answer.source} accepted it at {time.strftime('%H:%M:%S')}"
                again = Answer(Verdict.ACCEPTED, answer.identity, SOURCE, said)
                success = Success(address, keys.password, began, again)
                self._successes.remember(keys.login, success)
            case Verdict.REJECTED:
                self._successes.refute(address, keys.password)
            case Verdict.UNAVAILABLE if any(
                step.verdict is Verdict.REJECTED for step in answer.steps
            ):
                self._successes.refute(address, keys.password)  # it may be the one that knows
            case Verdict.UNAVAILABLE if began is not None and _is_an_outage(answer):
                return self._in_grace(keys, answer) or answer
        return answer

    @property
    def _lasting(self) -> float:
        return max(self._rules.ttl, self._rules.grace)

    def _in_grace(self, keys: Keys, answer: Answer) -> Answer | None:
        """Return a yes if the password worked not long ago; nobody who was asked could say."""
        known = self._successes.get(keys)
        if known is None or self._clock() - known.worked_at >= self._rules.grace:
            return None
        self._successes.graces += 1
        why = f"grace, because {answer.reason}; {known.answer.reason}"
        return replace(known.answer, reason=why, steps=answer.steps)


def _is_an_outage(answer: Answer) -> bool:
    """Say whether nobody could say; a password that was not sent, by a budget, may be wrong."""
    return answer.cause is not Cause.RESTRAINT


def _can_be_told(answer: Answer) -> bool:
    """Say whether an OK can carry the identity; else it is trouble, which is not remembered."""
    return answer.identity != "" and answer.identity.isprintable()


async def _follow(flight: Flight, credentials: Credentials, deadline: Deadline) -> Answer:
    """Return the answer of a verification under way, or an UNAVAILABLE of one's own."""
    follower: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
    flight.followers.append(follower)
    await asyncio.wait((follower,), timeout=deadline.remaining())
    answer = follower.result() if follower.done() else None
    if answer is None:
        why = "the same login was being verified, and no answer came of it"
        return Answer(Verdict.UNAVAILABLE, credentials.identity.address, SOURCE, why)
    reason = f"{answer.reason} (asked for another login of the same)"
    return replace(answer, reason=reason, steps=(), password_sent=False)
