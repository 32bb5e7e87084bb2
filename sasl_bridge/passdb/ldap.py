"""A directory as a passdb: asks it, and tells the answer.

Knows what the directory's word is worth as a verdict, and whose identity an accepted login has.
Does not know LDAP.
Every trouble becomes an UNAVAILABLE answer with its reason. What a later try will not mend, but
only a change of the settings or of the directory, is also logged as an error: each kind of it once
a minute, however many log in.
"""

import logging
from collections.abc import Collection
from dataclasses import replace

from bridge_common.deadline import Deadline
from bridge_common.directory.directory import Directory, even_name
from bridge_common.directory.results import (
    BindRefused,
    Bound,
    Entry,
    Fault,
    NoEntry,
    NotTried,
    Result,
    Trouble,
)
from bridge_common.identity import IdentityRules, LoginForm, RefusedLogin, canonical_identity
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.budget import Attempt, Budget
from sasl_bridge.passdb.lockout import LockoutBudgets
from sasl_bridge.verdict import Answer, Cause, Step, Verdict

_logger = logging.getLogger(__name__)

_QUIET_SECONDS = 60.0

Judgement = tuple[Verdict, str, str]
"""The verdict, the identity, and the reason."""


class LdapPassdb:
    """Asks one directory. A `Passdb`; ``name`` is what it is called in the list and the log.

    ``served`` are the domains that it is asked about; empty: all of ours. The account whose
    lock-out ``budget`` is used is the entry: it is one, however many logins it has.
    """

    def __init__(
        self,
        name: str,
        directory: Directory,
        identities: IdentityRules,
        served: Collection[str] = (),
        budget: Budget | None = None,
    ) -> None:
        self.name = name
        self._budget = budget or Budget(LockoutBudgets(limit=0), name)
        self._served = served
        self.directory = directory
        self._identities = identities
        self._quiet_until: dict[object, float] = {}

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        """Ask the directory."""
        began = deadline.clock()
        with self._budget.attempt(credentials) as attempt:
            result = await self._authenticate(credentials, deadline, attempt)
            answer = self._answer(result, credentials.identity.address, began, deadline)
            attempt.settle(answer, right=isinstance(result, Bound))
        return answer

    async def _authenticate(
        self, credentials: Credentials, deadline: Deadline, attempt: Attempt
    ) -> Result:
        def before_bind(name: str) -> str:
            return attempt.reserve(even_name(name))

        identity, password = credentials.identity, credentials.password
        while True:
            result = await self.directory.authenticate(identity, password, deadline, before_bind)
            if not isinstance(result, NotTried) or not await attempt.has_turn(deadline):
                return result

    def _answer(self, result: Result, login: str, began: float, deadline: Deadline) -> Answer:
        verdict, identity, detail = self._judge(result, login)
        now = deadline.clock()
        restrained = isinstance(result, NotTried)
        if verdict is Verdict.UNAVAILABLE and not restrained:
            self._report(result, f"login {login}: {detail}", now)
        step = Step(self.name, verdict, detail, now - began)
        about_account = verdict is Verdict.REJECTED and _is_about_the_account(result)
        sent = _was_sent(result)
        cause = cause_of(result) if verdict is Verdict.UNAVAILABLE else None
        return Answer(verdict, identity, self.name, detail, (step,), sent, about_account, cause)

    def _judge(self, result: Result, login: str) -> Judgement:
        match result:
            case Bound(entry):
                attribute = self.directory.profile.identity_attribute
                return judge_account(entry, login, attribute, self._identities, self._served)
            case BindRefused(detail) | NoEntry(detail):
                return Verdict.REJECTED, login, detail
            case Trouble(detail, Fault.ACCOUNT):
                return Verdict.UNAVAILABLE, login, own_account_refused(detail)
        return Verdict.UNAVAILABLE, login, result.detail

    def _report(self, trouble: Result, text: str, now: float) -> None:
        """Log what a later try will not mend; one kind of it keeps no other from the log."""
        kind = trouble.fault if isinstance(trouble, Trouble) else type(trouble)
        if kind is not Fault.HOST and now >= self._quiet_until.get(kind, now):
            self._quiet_until[kind] = now + _QUIET_SECONDS
            _logger.error("ldap_profile %s: %s", self.directory.profile.name, text)


def judge_account(
    entry: Entry, login: str, attribute: str, identities: IdentityRules, served: Collection[str]
) -> Judgement:
    """Return the verdict on a right password; ``attribute`` holds the account's name, if any does.

    An account is to have one name of its own, of a domain that is ours, and that this directory
    serves: it has no say about the others' names.
    """
    if not attribute:
        return Verdict.ACCEPTED, login, "bound"
    values = entry.values(attribute)
    if len(values) != 1:
        count = f"{len(values)} values" if values else "no value"
        return Verdict.UNAVAILABLE, login, f"identity_attribute {attribute} has {count}"
    # It is no login, so it need not be of the default domain.
    rules = replace(identities, domains=frozenset(), bare_required=False)
    identity = canonical_identity(values[0].encode(), rules)
    if not isinstance(identity, RefusedLogin) and identity.form is not LoginForm.ADDRESS:
        identity = RefusedLogin("it has no domain of its own")
    if isinstance(identity, RefusedLogin):
        why = f"identity_attribute {attribute} is no login: {identity.reason}"
        return Verdict.UNAVAILABLE, login, why
    if identities.domains and identity.domain not in identities.domains:
        return Verdict.REJECTED, login, f"the account is {identity.address}, which is not ours"
    if served and identity.domain not in served:
        why = f"the account is {identity.address}, whose domain is not asked about here (domains)"
        return Verdict.REJECTED, login, why
    return Verdict.ACCEPTED, identity.address, "bound"


def own_account_refused(why: str) -> str:
    """Return why nobody can be searched for."""
    return f"the directory refuses our own account (bind_dn): {why}"


def cause_of(result: Result) -> Cause | None:
    """Return what an UNAVAILABLE comes of; None: nothing is known of a host that is just busy."""
    match result:
        case NotTried():
            return Cause.RESTRAINT
        case Trouble(fault=Fault.ACCOUNT):
            return Cause.SERVER  # any login meets that
        case Trouble(fault=Fault.HOST, busy=True):
            return None
        case Trouble(fault=Fault.HOST, password_sent=sent):
            return Cause.LOGIN if sent else Cause.SERVER
    return Cause.ACCOUNT


def _is_about_the_account(refused: Result) -> bool:
    """Say whether a no is not about the password, be it that the password was right."""
    return isinstance(refused, Bound) or (
        isinstance(refused, BindRefused) and refused.account_state
    )


def _was_sent(result: Result) -> bool:
    """Say whether the directory got to see the password."""
    return isinstance(result, Bound | BindRefused) or result.password_sent
