"""Lock-out budgets before a server that answers when a test says so; the time is the test's own."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from bridge_common.deadline import Deadline
from bridge_common.identity import Identity, LoginForm
from bridge_common.secret import Secret
from lab.held_passdb import Asked, HeldPassdb
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.budget import Budget, BudgetedPassdb
from sasl_bridge.passdb.lockout import LockoutBudgets
from sasl_bridge.verdict import Answer, Step, Verdict

HOME, AFAR = "192.0.2.1", "203.0.113.9"


def login(password: str = "a", local: str = "alice", client: str = AFAR) -> Credentials:
    identity = Identity(local, "example.com", LoginForm.ADDRESS)
    return Credentials(identity, Secret(password.encode()), client)


def says(verdict: Verdict, *, sent: bool = True, account_state: bool = False) -> Answer:
    """Return what a server answers."""
    step = Step("mail", verdict, "its words", 0.2)
    return Answer(verdict, "alice@example.com", "mail", "its words", (step,), sent, account_state)


YES, NO = says(Verdict.ACCEPTED), says(Verdict.REJECTED)
SILENCE = says(Verdict.UNAVAILABLE)
NOT_REACHED = says(Verdict.UNAVAILABLE, sent=False)
DISABLED = says(Verdict.REJECTED, account_state=True)


@dataclass
class BudgetLab:
    """Budgets, and the time in seconds; by the clock on the wall, it begins at 12:00 UTC."""

    limit: int = 4
    size: int = 100
    now: float = 1000.0
    budgets: LockoutBudgets = field(init=False)
    _guesses: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.budgets = self.new_budgets()

    def new_budgets(self) -> LockoutBudgets:
        """Return those of a process that has just begun."""
        return LockoutBudgets(
            self.limit, 1800.0, lambda: self.now, lambda: self.now - 1000.0 + 43_200.0, self.size
        )

    def ask(self, credentials: Credentials, directory: str = "corp") -> Asked:
        """Ask one of the servers of a directory."""
        passdb = BudgetedPassdb(HeldPassdb(), Budget(self.budgets, directory), "mail")
        return Asked(passdb, credentials, Deadline(self.now + 8.0, lambda: self.now))

    def guess(self, number: int, local: str = "alice", client: str = AFAR) -> int:
        """Have so many passwords, all different, refused; return how many of them were sent."""
        sent = 0
        for _ in range(number):
            asked = self.ask(login(f"guess {next(self._guesses)}", local, client))
            if asked.answer is None:
                asked.hear(NO)
                sent += 1
        return sent

    def log_in(self, local: str = "alice", client: str = HOME) -> None:
        """Have a right password accepted."""
        assert self.ask(login("right", local, client)).hear(YES) is YES

    def is_asked(self, credentials: Credentials) -> bool:
        """Say whether this password is sent; what is sent is given back."""
        asked = self.ask(credentials)
        if asked.answer is None:
            asked.hear(NOT_REACHED)
            return True
        return False
