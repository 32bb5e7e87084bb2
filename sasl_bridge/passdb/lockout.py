"""The lock-out budgets: how many wrong passwords of each account each directory was sent.

Directories lock an account after so many of them (Active Directory's lockoutThreshold, OpenLDAP's
pwdMaxFailure); each budget is to be smaller, so that nobody who guesses through this gateway can
lock anybody. What is counted is what a directory may have counted: a password that is being tried
counts until it is known not to be wrong.

Knows how much of a budget who may use (`share_of`), and when it is whole again: once the interval
passed without a wrong password, or by a right one, which sets back the directory's count as well.
A right one forgives only what was answered before it was sent: the others may have come after it.

Bounded. Nothing that counts is ever dropped to make room for something else, or whoever sprays
wrong passwords over thousands of logins could guess at one of them for ever. So strangers who fill
the table bring about that further accounts are not asked about; those who log in from an address
of theirs have a tenth of it to themselves. To fill it takes as many wrong passwords within the
interval as it has places, each of them sent.
Keeps names and numbers, and in memory keyed digests of refused passwords, which are in no snapshot.
Does not know how anybody is asked. Raises nothing; logs nothing.
"""

import time
from asyncio import Future
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge_common.deadline import Clock
from bridge_common.runtime.state_folder import is_age
from bridge_common.settings.kinds import format_duration
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.keys import keyed_digest
from sasl_bridge.passdb.known_addresses import Key, KnownAddresses, entries_in

_MOST_ACCOUNTS = 50_000
_MOST_LOGINS = 8
_MOST_DIGESTS = 8


def share_of(budget: int, *, known: bool, refused_before: bool) -> int:
    """Return how many wrong passwords may have been sent for one more to be sent.

    A quarter of the budget, at least one, is kept for addresses from which the account logged in
    lately (``known``): strangers may use 3 of 4, 2 of 3, 1 of 2, and the only one of 1.
    A password that was refused before may use half of it (2 of 4, 1 of 3 and less), so that a
    telephone with an old password leaves something to an owner who has a new one.
    """
    kept = 0 if known or budget == 1 else max(1, budget // 4)
    return min(budget - kept, max(1, budget // 2)) if refused_before else budget - kept


@dataclass(slots=True)
class Account:
    """What is counted of one account at one directory.

    ``wrong`` passwords so far, of which so many are ``forgiven``; the last one was answered at the
    moment ``last_at``. ``under_way``: being tried.
    ``logins`` are those by which it was tried lately; ``refused`` digests of refused passwords.
    ``waiting`` are woken when one of those under way is answered.
    """

    wrong: int = 0
    forgiven: int = 0
    under_way: int = 0
    last_at: float = 0.0
    logins: list[str] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)
    waiting: list[Future[None]] = field(default_factory=list)

    @property
    def counted(self) -> int:
        """How many wrong passwords count."""
        return self.wrong - self.forgiven

    def forgive(self, wrong: int) -> bool:
        """Let the first ``wrong`` of them count no more; say whether any of those did."""
        if wrong <= self.forgiven:
            return False
        self.forgiven = wrong
        if not self.counted:
            self.refused.clear()
        return True

    def wake(self) -> None:
        """Have those who wait look again."""
        for waiting in self.waiting:
            if not waiting.done():
                waiting.set_result(None)
        self.waiting.clear()


@dataclass(frozen=True, slots=True)
class Reservation:
    """One password that is being tried; ``before`` so many had been wrong when it was sent."""

    key: Key
    account: Account
    before: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a password is not to be sent; ``until`` one that is being tried turns out right, maybe.

    ``until``: None if there is nothing to wait for.
    """

    reason: str
    until: Account | None = None


class LockoutBudgets:
    """The budgets of all directories; they outlive a reload, and by `snapshot` a restart.

    ``limit`` is the budget of each account, 0: there is none; ``interval`` in seconds.
    ``refused`` counts the logins that were not asked about. ``version`` is another one as soon as
    there is something new to keep over a restart.
    """

    name = "lockout-budgets"

    def __init__(
        self,
        limit: int = 4,
        interval: float = 1800.0,
        clock: Clock = time.monotonic,
        wall: Clock = time.time,
        size: int = _MOST_ACCOUNTS,
    ) -> None:
        self.limit = limit
        self.interval = interval
        self.refused = 0
        self.version = 0
        self.known = KnownAddresses(clock)
        self._clock, self._wall = clock, wall
        self._size = size
        # Those with the oldest last wrong password first, but for some that are being tried.
        self._accounts: dict[Key, Account] = {}

    def obey(self, limit: int, interval: float) -> None:
        """Keep to these settings from now on."""
        self.limit, self.interval = limit, interval

    # Reserving

    def refusal(self, keys: Sequence[Key], credentials: Credentials) -> Refusal | None:
        """Return why a password of an account, which has these keys, is not to be sent."""
        refusal = self._refusal(keys, credentials, known=False)
        if refusal and any(self.known.has(key, credentials.client) for key in keys):
            return self._refusal(keys, credentials, known=True)
        return refusal

    def _refusal(
        self, keys: Sequence[Key], credentials: Credentials, *, known: bool
    ) -> Refusal | None:
        self._drop_those_over()
        for key in keys:
            account = self._accounts.get(key)
            refusal = account and self._spent(key, account, credentials, known=known)
            if refusal:
                return refusal
        return self._no_place(sum(key not in self._accounts for key in keys), known=known)

    def reserve(self, key: Key, login: str) -> Reservation:
        """Take note that a password is about to be sent; one of the four below must end it."""
        account = self._accounts.setdefault(key, Account())
        account.under_way += 1
        if login in account.logins:
            account.logins.remove(login)
        account.logins.append(login)
        del account.logins[:-_MOST_LOGINS]
        return Reservation(key, account, account.wrong)

    def give_back(self, reservation: Reservation) -> None:
        """End it: the password was not sent, or is not wrong."""
        self._end(reservation)

    def accept(self, reservation: Reservation, client: str) -> None:
        """End it: the password is right; it came from this address, if any."""
        forgiven = reservation.account.forgive(reservation.before)
        known = self.known.add(reservation.key, client)
        self.version += forgiven or known
        self._end(reservation)

    def refuse(self, reservation: Reservation, credentials: Credentials) -> None:
        """End it: the password is wrong."""
        account = reservation.account
        digest = _digest(credentials)
        if digest not in account.refused:
            account.refused.append(digest)
            del account.refused[:-_MOST_DIGESTS]
        self.count(reservation)

    def count(self, reservation: Reservation) -> None:
        """End it: the password was sent, and nobody said whether it is wrong."""
        account = reservation.account
        self.version += 1
        account.wrong += 1
        account.last_at = self._clock()
        self._accounts.pop(reservation.key, None)
        self._accounts[reservation.key] = account
        self._end(reservation)

    def count_again(self, reservation: Reservation) -> None:
        """Take note that its password, which is not right, was sent once more than reserved for."""
        reservation.account.wrong += 1

    def _end(self, reservation: Reservation) -> None:
        account = reservation.account
        account.under_way -= 1
        account.wake()
        self._drop_if_idle(reservation.key, account)

    def _spent(
        self, key: Key, account: Account, credentials: Credentials, *, known: bool
    ) -> Refusal | None:
        self._forgive_if_over(account)
        refused_before = bool(account.refused) and _digest(credentials) in account.refused
        share = share_of(self.limit, known=known, refused_before=refused_before)
        if account.counted + account.under_way < share:
            return None
        login, directory = credentials.identity.address, key[0]
        if account.counted < share:
            reason = f"as many passwords of {login} as may be wrong are being tried at {directory}"
            return Refusal(f"lock-out budget: {reason}", account)
        return Refusal(f"lock-out budget: {self._told(account, login, directory)}")

    def _told(self, account: Account, login: str, directory: str) -> str:
        one = account.counted == 1
        number = f"{account.counted} wrong password{'' if one else 's'}"
        moment = time.localtime(self._wall() + self._seconds_left(account))
        until = time.strftime("%H:%M", moment)
        when = f"in the last {format_duration(self.interval)}"
        kept = "" if account.counted >= self.limit else ", and the rest is kept for its owner"
        sent = f"{number} of {login} {'was' if one else 'were'} sent to {directory} {when}"
        return f"{sent}{kept}; not asked until {until}"

    def _no_place(self, wanted: int, *, known: bool) -> Refusal | None:
        places = self._size if known else self._size - self._size // 10
        if len(self._accounts) + wanted <= places or not wanted:
            return None
        why = f"wrong passwords of {len(self._accounts)} accounts are counted, which is the most"
        return Refusal(f"lock-out budget: {why}")

    def _seconds_left(self, account: Account) -> float:
        return max(0.0, account.last_at + self.interval - self._clock())

    def _is_over(self, account: Account) -> bool:
        return not account.under_way and not self._seconds_left(account)

    def _forgive_if_over(self, account: Account) -> None:
        if self._is_over(account):
            account.forgive(account.wrong)

    def _drop_those_over(self) -> None:
        while self._accounts:
            key = next(iter(self._accounts))
            if not self._is_over(self._accounts[key]):
                return
            del self._accounts[key]

    def _drop_if_idle(self, key: Key, account: Account) -> None:
        if not account.under_way and not account.counted and self._accounts.get(key) is account:
            del self._accounts[key]

    # The administrator's side

    def clear(self, *names: str) -> int:
        """Make budgets whole: all, or those of one account; return how many that were.

        Its names are canonical logins by which it was tried, or what `listed` calls it.
        """
        cleared = 0
        for key, account in list(self._accounts.items()):
            if not names or not {key[1], *account.logins}.isdisjoint(names):
                cleared += account.forgive(account.wrong)
                account.wake()
                self._drop_if_idle(key, account)
        self.version += cleared
        return cleared

    def listed(self) -> list[dict[str, Any]]:
        """Return the accounts of which a wrong password counts, as JSON has it.

        ``spent``: "for strangers", "for all", or empty.
        """
        return [
            {
                "directory": directory,
                "account": name,
                "logins": account.logins[::-1],
                "wrong": account.counted,
                "of": self.limit,
                "spent": self._spent_for(account),
                "seconds_left": round(self._seconds_left(account)),
            }
            for (directory, name), account in self._counting()
        ]

    def summary(self) -> dict[str, int]:
        """Return how many accounts are counted, how many budgets are spent, and the refusals."""
        counting = [account for _, account in self._counting()]
        spent = sum(bool(self._spent_for(account)) for account in counting)
        return {"counted": len(counting), "spent": spent, "refused": self.refused}

    def _counting(self) -> Iterator[tuple[Key, Account]]:
        self._drop_those_over()
        return ((key, one) for key, one in self._accounts.items() if one.counted)

    def _spent_for(self, account: Account) -> str:
        if not self.limit or self._is_over(account):
            return ""
        if account.counted >= self.limit:
            return "for all"
        strangers = share_of(self.limit, known=False, refused_before=False)
        return "for strangers" if account.counted >= strangers else ""

    # The state that outlives the process

    def snapshot(self) -> dict[str, Any]:
        """Return what is known, as JSON has it, of what was answered."""
        now = self._clock()
        counting = [
            {
                "directory": directory,
                "account": name,
                "logins": account.logins[:],
                "wrong": account.counted,
                "age": now - account.last_at,
            }
            for (directory, name), account in self._counting()
        ]
        return {"accounts": counting, "addresses": self.known.snapshot()}

    def restore(self, data: object, elapsed: float) -> None:
        """Know again what a snapshot says, ``elapsed`` seconds later; nonsense is passed over."""
        if not isinstance(data, dict):
            return
        elapsed = max(0.0, elapsed)
        self.known.restore(data.get("addresses"), elapsed)
        now = self._clock()
        entries = entries_in(data.get("accounts"))
        known = [(entry["age"], key, entry) for key, entry in entries if _is_count(entry)]
        known.sort(key=lambda one: one[0], reverse=True)
        earlier: dict[Key, Account] = {}
        for age, key, entry in known[-self._size :]:
            last_at = now - age - elapsed
            account = self._accounts.get(key) or earlier.setdefault(key, Account(last_at=last_at))
            account.wrong += entry["wrong"]
            account.last_at = max(account.last_at, last_at)
            account.logins[:0] = [one for one in entry["logins"] if isinstance(one, str)]
            del account.logins[:-_MOST_LOGINS]
        self._accounts = {**earlier, **self._accounts}
        self._drop_those_over()


def _is_count(entry: Any) -> bool:
    wrong = entry.get("wrong")
    a_number = isinstance(wrong, int) and not isinstance(wrong, bool) and wrong > 0
    return a_number and is_age(entry.get("age")) and isinstance(entry.get("logins"), list)


def _digest(credentials: Credentials) -> bytes:
    """Return what stands for a password, by whatever login it came."""
    return keyed_digest(credentials.password.reveal())
