"""Nobody is sent so many wrong passwords of an account that they would lock it.

Knows when a password is reserved for (before it is sent), and what an answer makes of that: a right
one, one that was not sent and a no that is about the account are no wrong passwords; whatever else
comes of one that was sent, silence and a client that hung up included, may be one.
While as many passwords of an account are being tried as may be wrong, others wait for their turn:
a program that sends much mail at once has right ones.
Does not know what a budget is (`lockout`), nor how anybody is asked. A password that is not sent is
UNAVAILABLE, by reason of RESTRAINT. Raises nothing but CancelledError; logs nothing.
"""

import asyncio
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from bridge_common.deadline import Deadline
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.interface import NOT_SENT, Passdb
from sasl_bridge.passdb.lockout import LockoutBudgets, Refusal, Reservation
from sasl_bridge.verdict import Answer, Cause, Step, Verdict

# Whose turn comes with less time left could not be asked about any more.
_LEAST_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Budget:
    """The budgets of one directory.

    ``by_login``: where accounts have a name of the directory's own, the login is counted as well,
    because others who ask the same directory count by it.
    """

    budgets: LockoutBudgets
    directory: str
    by_login: bool = False

    def attempt(self, credentials: Credentials) -> "Attempt":
        """Return what reserves for this login, in a `with` statement."""
        return Attempt(self, credentials)


class Attempt:
    """One login at one directory, whose password may be sent several times.

    At its end, what was sent counts, unless it was said to be otherwise.
    """

    def __init__(self, budget: Budget, credentials: Credentials) -> None:
        self._budgets = budget.budgets
        self._directory = budget.directory
        self._by_login = budget.by_login
        self._credentials = credentials
        self._keys: tuple[tuple[str, str], ...] = ()
        self._held: list[Reservation] = []
        self._sent: list[Reservation] = []
        self._refusal: Refusal | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for reservation in self._taken():
            self._budgets.count(reservation)
        self._let_go()
        self._budgets.refused += self._refusal is not None

    def reserve(self, name: str = "") -> str:
        """Reserve for a password that is sent at once; return why it is not to be, or nothing.

        ``name`` is the account's own in the directory, if it has one, always written alike.
        """
        if not self._budgets.limit:
            return ""
        self._name(name)
        if not self._held:
            self._hold()
        self._sent += self._held
        self._held = []
        return self._refusal.reason if self._refusal else ""

    async def has_turn(self, deadline: Deadline) -> bool:
        """Say, once it is known, whether what could not be reserved now can be after all.

        It is then kept for this attempt.
        """
        while self._refusal is not None and (account := self._refusal.until) is not None:
            own = sum(one.account is account for one in self._sent)
            if account.under_way <= own:
                return False  # nobody else's that might turn out right
            turn = asyncio.get_running_loop().create_future()
            account.waiting.append(turn)
            await asyncio.wait((turn,), timeout=deadline.remaining() - _LEAST_SECONDS)
            if not turn.done():
                account.waiting.remove(turn)
                return False
            self._hold()
        return self._refusal is None

    def settle(self, answer: Answer, *, right: bool = False) -> None:
        """Take note of what came of it; ``right``: the password is, whatever the answer."""
        right |= answer.verdict is Verdict.ACCEPTED
        for reservation in self._taken():
            if answer.sent_again and not right:
                self._budgets.count_again(reservation)
            if right:
                self._budgets.accept(reservation, self._credentials.client)
            elif answer.account_state or not answer.password_sent:
                self._budgets.give_back(reservation)
            elif answer.verdict is Verdict.REJECTED:
                self._budgets.refuse(reservation, self._credentials)
            else:
                self._budgets.count(reservation)

    def take_back(self) -> None:
        """Take note that nothing was sent."""
        for reservation in self._taken():
            self._budgets.give_back(reservation)

    def _name(self, name: str) -> None:
        """Note under what this account is counted."""
        login = self._credentials.identity.address
        names = {name or login}
        if self._by_login:
            names.add(login)
        keys = tuple((self._directory, one) for one in sorted(names))
        if keys != self._keys:
            self._let_go()
        self._keys = keys

    def _hold(self) -> None:
        self._refusal = self._budgets.refusal(self._keys, self._credentials)
        if self._refusal is None:
            login = self._credentials.identity.address
            self._held = [self._budgets.reserve(key, login) for key in self._keys]

    def _let_go(self) -> None:
        held, self._held = self._held, []
        for reservation in held:
            self._budgets.give_back(reservation)

    def _taken(self) -> list[Reservation]:
        sent, self._sent = self._sent, []
        return sent


class BudgetedPassdb:
    """Asks ``inner``, which is called ``name``, as long as there is a budget for it. A `Passdb`."""

    def __init__(self, inner: Passdb, budget: Budget, name: str) -> None:
        self._inner = inner
        self._budget = budget
        self._name = name

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        """Ask, or say why not. Raises only CancelledError."""
        began = deadline.clock()
        with self._budget.attempt(credentials) as attempt:
            while why := attempt.reserve():
                if not await attempt.has_turn(deadline):
                    return self._not_asked(credentials, why, deadline.clock() - began)
            try:
                answer = await self._inner.verify(credentials, deadline)
            except asyncio.CancelledError as cancelled:
                if NOT_SENT in cancelled.args:
                    attempt.take_back()
                raise
            attempt.settle(answer)
        return answer

    def _not_asked(self, credentials: Credentials, why: str, seconds: float) -> Answer:
        step = Step(self._name, Verdict.UNAVAILABLE, why, seconds)
        login = credentials.identity.address
        return Answer(Verdict.UNAVAILABLE, login, self._name, why, (step,), cause=Cause.RESTRAINT)
