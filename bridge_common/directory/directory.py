"""A directory: its hosts in their order, how it verifies a password, and how it finds addresses.

Knows what a search and a bind amount to, which host is asked, and for how long. Does not know what
a login is worth once the directory knows it: values say what it said.
Raises nothing but CancelledError; logs nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from bridge_common.deadline import Deadline
from bridge_common.directory.codec import NO_ATTRIBUTES, CodecError, Search
from bridge_common.directory.connection import Found
from bridge_common.directory.host import AccountRefusedError, BeforeBind, Host, Session
from bridge_common.directory.owned import ENOUGH_VALUES, owned_in
from bridge_common.directory.results import (
    AddressesResult,
    BindRefused,
    Bound,
    Entry,
    Fault,
    ManyEntries,
    NoEntry,
    NotTried,
    OwnAddresses,
    Result,
    Trouble,
)
from bridge_common.directory.templates import fill_bind_name, fill_filter, values_of
from bridge_common.directory.words import (
    is_a_no,
    is_about_the_account,
    knows_nobody,
    words_for,
)
from bridge_common.identity import Identity, LoginForm
from bridge_common.network.trouble import UnreachableError, silence_text
from bridge_common.secret import Secret
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.shown import shortened, shown

# How long a host that could not be asked comes after the others; then one login tries it again.
_AVOIDED_SECONDS = 30.0
# Less is no time to connect, search and bind: a host that was given no more has not failed.
_LEAST_SECONDS = 0.25
# Groups and shared mailboxes of one account; whether there are more, nobody knows.
_MOST_SEND_AS = 100

_FAULTS: Mapping[type[Exception], Fault] = {
    AccountRefusedError: Fault.ACCOUNT,
    CodecError: Fault.REQUEST,
}

_MORE_VALUES = f"more than {ENOUGH_VALUES} values in address_attributes"

T = TypeVar("T")


class Directory:
    """Says whether a login and a password belong together, and which addresses a login owns."""

    def __init__(self, profile: LdapProfile, hosts: Sequence[Host]) -> None:
        self.profile = profile
        self.hosts = tuple(hosts)
        self._own_name = even_name(profile.bind_dn)

    async def authenticate(
        self,
        identity: Identity,
        password: Secret,
        deadline: Deadline,
        before_bind: BeforeBind = lambda _: "",
    ) -> Result:
        """Answer by the deadline; one host after the other is asked until one can say."""

        async def verify(session: Session, share: Deadline) -> Result:
            found = await self._entry(session, identity, share)
            if isinstance(found, Entry):
                return await bind_as(session, found, password, share, before_bind)
            return found

        return await self._ask_in_order(verify, deadline)

    async def addresses_of(self, identity: Identity, deadline: Deadline) -> AddressesResult:
        """Return which addresses a login owns; asked for in the same way.

        Our own account owns none. With `auth = "direct"` it is trouble: nothing is searched for.
        """
        if self.profile.auth == "direct":
            return Trouble('auth = "direct" does not search for addresses', Fault.REQUEST)
        return await self._ask_in_order(
            lambda session, share: self._find_addresses(session, identity, share), deadline
        )

    def take_over(self, before: "Directory") -> None:
        """Go on with what is known of the same hosts, if nothing about the directory changed."""
        if self.profile == before.profile:
            for host, earlier in zip(self.hosts, before.hosts, strict=True):
                host.take_over(earlier)

    def close(self) -> None:
        """Keep no connection any more; who asks is still answered."""
        for host in self.hosts:
            host.close()

    # Hosts

    async def _ask_in_order(
        self, ask: Callable[[Session, Deadline], Awaitable[T | Trouble]], deadline: Deadline
    ) -> T | Trouble:
        troubles: list[str] = []
        sent = busy = False
        hosts = self._in_order(deadline)
        for number, host in enumerate(hosts):
            share = Deadline.after(deadline.remaining() / (len(hosts) - number), deadline.clock)
            result = await _ask(host, ask, share)
            if isinstance(result, NoEntry | ManyEntries | NotTried) and sent:
                return replace(result, password_sent=True)
            if not isinstance(result, Trouble):
                return result
            sent |= result.password_sent
            busy |= result.busy
            troubles.append(result.detail)
            if result.fault is not Fault.HOST:
                return Trouble("; ".join(troubles), result.fault, sent)
        return Trouble("; ".join(troubles), Fault.HOST, sent, busy)

    def _in_order(self, deadline: Deadline) -> list[Host]:
        """Return the hosts as the settings have them, those that failed lately last.

        One whose time is over is tried by one login, and avoided by the others meanwhile.
        """
        now = deadline.clock()
        hosts = sorted(self.hosts, key=lambda host: host.avoided_until > now)
        if hosts[0].avoided_until:
            hosts[0].avoided_until = now + _AVOIDED_SECONDS
        return hosts

    # One login at one host

    async def _entry(
        self, session: Session, identity: Identity, deadline: Deadline
    ) -> Entry | NoEntry | ManyEntries | Trouble:
        """Return the entry whose password is to be tried."""
        if self.profile.auth == "direct":
            return self.entry_for(identity)
        attributes = (self.profile.identity_attribute or NO_ATTRIBUTES,)
        return await self.find(session, identity, attributes, deadline)

    def entry_for(self, identity: Identity) -> Entry | NoEntry:
        """Return, for `auth = "direct"`, the entry that the login stands for."""
        template = self.profile.bind_template
        name = fill_bind_name(template, values_of(identity))
        if "=" in name and "=" not in template:
            return NoEntry("a login with a = in it would be a distinguished name here")
        return Entry(name)

    async def find(
        self, session: Session, identity: Identity, attributes: tuple[str, ...], deadline: Deadline
    ) -> Entry | NoEntry | ManyEntries | Trouble:
        """Return the one entry of this login, with these attributes of it.

        Raises UnreachableError, AccountRefusedError, CodecError; whoever asks bounds the time.
        """
        search = self.search_for(identity, attributes)
        return self.only_entry(search, await session.search(search, deadline), identity)

    def only_entry(
        self, search: Search, found: Found, identity: Identity
    ) -> Entry | NoEntry | ManyEntries | Trouble:
        """Return the entry that was found, or why it is none to try a password with."""
        entry = _only_entry(search, found)
        if isinstance(entry, Entry) and self._is_our_own(entry, identity):
            # Whoever guesses its password would lock it, and with it everybody out.
            name = names_of([entry])
            return NoEntry(shortened(f"{name} is our own account (bind_dn), which is no login"))
        return entry

    def _is_our_own(self, entry: Entry, identity: Identity) -> bool:
        r"""Say so, as far as the name tells: it may be a DN, `user@domain`, or `DOMAIN\user`."""
        name = self._own_name
        known = name in {even_name(entry.dn), identity.address}
        return known or name.partition("\\")[2] == identity.local

    def search_for(self, identity: Identity, attributes: tuple[str, ...]) -> Search:
        """Return what finds the entry of this login, and these attributes of it."""
        profile = self.profile
        return Search(profile.base_dn, profile.scope, self.filter_for(identity), attributes)

    def filter_for(self, identity: Identity) -> str:
        r"""Return the filter that finds this login; a bare or `DOMAIN\name` login has its own."""
        profile = self.profile
        bare = identity.form is not LoginForm.ADDRESS and profile.bare_login_filter
        return fill_filter(bare or profile.login_filter, values_of(identity))

    async def _find_addresses(
        self, session: Session, identity: Identity, deadline: Deadline
    ) -> AddressesResult:
        attributes = self.profile.address_attributes
        entry = await self.find(session, identity, attributes, deadline)
        if not isinstance(entry, Entry):
            return entry
        own, all_read = owned_in([entry], attributes)
        missing = "" if all_read else _MORE_VALUES
        if not self.profile.send_as_filter:
            return OwnAddresses(own, (), missing)
        found = await self.send_as(session, entry, identity, deadline)
        send_as, all_read = owned_in(found.entries, attributes)
        missing = missing or _missing_of(found) or ("" if all_read else _MORE_VALUES)
        return OwnAddresses(own, send_as, missing)

    async def send_as(
        self, session: Session, entry: Entry, identity: Identity, deadline: Deadline
    ) -> Found:
        """Return the entries whose addresses this one may use too. Raises what `find` raises.

        Those without addresses are left to the server: an account may be in hundreds of groups
        that are for files and printers, and there is a bound to what may be found.
        """
        profile = self.profile
        attributes = profile.address_attributes
        values = {**values_of(identity), "dn": entry.dn}
        with_address = "".join(f"({name}=*)" for name in attributes)
        wanted = f"(&{fill_filter(profile.send_as_filter, values)}(|{with_address}))"
        search = Search(profile.base_dn, "subtree", wanted, attributes, _MOST_SEND_AS)
        return await session.search(search, deadline)


async def _ask(
    host: Host, ask: Callable[[Session, Deadline], Awaitable[T | Trouble]], share: Deadline
) -> T | Trouble:
    """Ask one host, and note whether it could be asked."""
    result: T | Trouble
    seconds = share.remaining()
    had = 0.0  # of that, once its turn came
    session: Session | None = None
    try:
        async with asyncio.timeout(seconds), host.session() as session:
            had = share.remaining()
            result = await ask(session, share)
    except TimeoutError:
        silence = silence_text(session.waiting_for, seconds) if session else ""
        result = Trouble(silence or host.busy_text, Fault.HOST, busy=session is None)
    except (UnreachableError, AccountRefusedError, CodecError) as error:
        result = Trouble(shortened(str(error)), _FAULTS.get(type(error), Fault.HOST))
    failed = isinstance(result, Trouble) and result.fault is Fault.HOST
    if not failed:
        host.avoided_until = 0.0
    elif had >= _LEAST_SECONDS:
        host.avoided_until = share.clock() + _AVOIDED_SECONDS
    sent = session is not None and session.password_sent
    return replace(result, password_sent=sent) if isinstance(result, Trouble) else result


def even_name(name: str) -> str:
    """Return a name without what servers overlook in a DN: case, and blanks beside its signs."""
    name = name.strip().lower()
    if " " in name:
        for sign in ",+=":
            name = sign.join(part.strip(" ") for part in name.split(sign))
    return name


def _only_entry(search: Search, found: Found) -> Entry | NoEntry | ManyEntries | Trouble:
    where = f"{search.filter} under {search.base or 'its root'}"
    entries, done = found.entries, found.done
    if len(entries) > 1:
        # Their names first: a filter is long, and the settings have it.
        return ManyEntries(shortened(f"several entries match: {names_of(entries)}; by {where}"))
    if done.code:
        return Trouble(f"search: {words_for(done, None)}", Fault.REQUEST)
    if not entries:
        return NoEntry(shortened(f"no entry matches {where}"))
    if not entries[0].dn:
        # Whoever binds without a name is nobody, which many servers allow (RFC 4513 section 5.1).
        return Trouble(f"the entry that matches {where} has no name", Fault.REQUEST)
    return entries[0]


def _missing_of(found: Found) -> str:
    """Return why what `send_as` found may not be all; empty: it is."""
    if found.done.code:
        return f"send_as_filter: {words_for(found.done, None)}"
    if len(found.entries) > _MOST_SEND_AS:
        return f"send_as_filter finds more than {_MOST_SEND_AS} entries"
    return ""


def names_of(entries: Sequence[Entry]) -> str:
    """Return the names of entries, for the log."""
    return ", ".join(shown(entry.dn.encode("utf-8", "replace"), None) for entry in entries)


async def bind_as(
    session: Session,
    entry: Entry,
    password: Secret,
    deadline: Deadline,
    before_bind: BeforeBind = lambda _: "",
) -> Result:
    """Try a password with an entry's name.

    Raises UnreachableError, CodecError; whoever asks bounds the time.
    """
    done = await session.bind(entry.dn, password, deadline, before_bind)
    if isinstance(done, NotTried):
        return done
    if done.code == 0:
        return Bound(entry)
    words = words_for(done, password)
    if is_a_no(done):
        return BindRefused(words, is_about_the_account(done))
    return Trouble(words, Fault.HOST if knows_nobody(done) else Fault.REQUEST)
