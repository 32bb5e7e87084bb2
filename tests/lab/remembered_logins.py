"""Logins that a cache may remember, and a cache before servers that answer as a test says."""

import asyncio
from dataclasses import dataclass, field

from bridge_common.deadline import Deadline
from bridge_common.identity import Identity, LoginForm
from bridge_common.secret import Secret
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.success_cache import CacheRules, SuccessCache, Successes
from sasl_bridge.verdict import Answer, Step, Verdict


def login(
    local: str = "alice",
    password: bytes = b"hers",
    form: LoginForm = LoginForm.ADDRESS,
    client: str = "192.0.2.1",
) -> Credentials:
    return Credentials(Identity(local, "example.com", form), Secret(password), client)


FIVE_MINUTES = CacheRules(ttl=300.0)
ALICE = login()
HER_NEW_ONE = login(password=b"her new one")
BARE = login(form=LoginForm.BARE)


def says(verdict: Verdict, identity: str = "alice@example.com") -> Answer:
    step = Step("mail", verdict, "its words", 0.2)
    return Answer(verdict, identity, "mail", "its words", (step,), password_sent=True)


@dataclass
class Servers:
    """Those who are asked: they answer ``verdict``, once they may."""

    answer: Answer = field(default_factory=lambda: says(Verdict.ACCEPTED))
    asked: list[Credentials] = field(default_factory=list)
    cancelled: int = 0
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        self.asked.append(credentials)
        answer = self.answer
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        await asyncio.sleep(0)  # an answer takes time
        return answer


class CacheLab:
    """A cache before servers; the time in seconds; servers answer at once unless they are held."""

    def __init__(self, rules: CacheRules = FIVE_MINUTES, *, held: bool = False) -> None:
        self.now = 1000.0
        self.servers = Servers()
        if not held:
            self.servers.may_answer.set()
        self.successes = Successes(size=100)
        self.cache = self.with_rules(rules)

    def with_rules(self, rules: CacheRules) -> SuccessCache:
        """Return another cache of the same memory, as after a reload."""
        return SuccessCache(self.servers, rules, self.successes, lambda: self.now)

    async def verify(self, credentials: Credentials = ALICE, seconds: float = 8.0) -> Answer:
        return await self.cache.verify(credentials, Deadline.after(seconds))

    async def is_asked(self, credentials: Credentials = ALICE) -> bool:
        """Say whether the servers are asked about this login, which they accept."""
        self.servers.answer = says(Verdict.ACCEPTED)
        before = len(self.servers.asked)
        await self.verify(credentials)
        return len(self.servers.asked) > before
