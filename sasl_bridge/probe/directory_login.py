"""Trying a login at one host of a directory, once, and noting everything that is found on the way.

The verdict is the one that the login has for Postfix. Every trouble is a fact of the report: raises
nothing but CancelledError; logs nothing.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bridge_common.deadline import Deadline
from bridge_common.directory.codec import CodecError, Search
from bridge_common.directory.connection import Found
from bridge_common.directory.directory import Directory, bind_as
from bridge_common.directory.host import AccountRefusedError, Session
from bridge_common.directory.owned import addresses_in
from bridge_common.directory.results import BindRefused, Bound, Entry, Fault, NoEntry, Trouble
from bridge_common.directory.words import words_for
from bridge_common.identity import IdentityRules
from bridge_common.network.trouble import UnreachableError, silence_text
from bridge_common.shown import shortened, shown
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.ldap import judge_account
from sasl_bridge.probe.directory_report import HostSeen, LoginTried
from sasl_bridge.verdict import Verdict

_MOST_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """Which login a directory is asked about, and which identities are ours.

    ``served`` are the domains that it is asked about; empty: all of ours.
    """

    directory: Directory
    credentials: Credentials
    identities: IdentityRules
    served: tuple[str, ...]


async def try_login(
    tried: LoginTried, asked: Asked, hosts: Sequence[HostSeen], deadline: Deadline
) -> None:
    """Ask the host where logins end, if it is ready, and note what it says; no other one."""
    pairs = zip(asked.directory.hosts, hosts, strict=True)
    host, seen = next((pair for pair in pairs if not pair[1].passed_over), (None, None))
    if host is None or seen is None:
        tried.detail = "not tried, as no host can be asked"
        return
    if seen.state != "ready":
        tried.detail = f"not tried, as logins end at {seen.host}, which cannot be used"
        return
    tried.host = seen.host
    session = host.new_session()
    began, seconds = deadline.clock(), deadline.remaining()
    try:
        async with asyncio.timeout(seconds):
            entry = await _ask(tried, asked, session, deadline)
        if entry is not None and asked.directory.profile.send_as_filter and tried.found:
            await _note_send_as(tried, entry, asked, session, deadline)
    except TimeoutError:
        tried.detail, tried.passed_over = silence_text(session.waiting_for, seconds), True
    except (UnreachableError, AccountRefusedError, CodecError) as error:
        tried.detail = shortened(str(error))
        tried.passed_over = isinstance(error, UnreachableError)
    finally:
        session.close()
        tried.password_sent = session.password_sent
        tried.seconds = deadline.clock() - began


async def _ask(
    tried: LoginTried, asked: Asked, session: Session, deadline: Deadline
) -> Entry | None:
    """Return the entry whose password was tried; None: there is none."""
    profile, credentials = asked.directory.profile, asked.credentials
    if profile.auth == "search":
        entry = await _find(tried, asked, session, deadline)
    else:
        entry = _direct(tried, asked)
    if entry is None:
        return None
    tried.name = _name(entry)
    login = credentials.identity.address
    verdict, identity, reason = judge_account(
        entry, login, profile.identity_attribute, asked.identities, asked.served
    )
    known = verdict is Verdict.ACCEPTED
    tried.identity, tried.identity_trouble = (identity, "") if known else ("", reason)
    result = await bind_as(session, entry, credentials.password, deadline)
    if isinstance(result, Bound):
        tried.state, tried.detail = verdict.value, reason
    else:
        tried.state = "rejected" if isinstance(result, BindRefused) else "unavailable"
        tried.detail = result.detail
        tried.passed_over = isinstance(result, Trouble) and result.fault is Fault.HOST
    return entry


def _direct(tried: LoginTried, asked: Asked) -> Entry | None:
    entry = asked.directory.entry_for(asked.credentials.identity)
    if isinstance(entry, Entry):
        return entry
    tried.state, tried.detail = "rejected", entry.detail
    return None


async def _find(
    tried: LoginTried, asked: Asked, session: Session, deadline: Deadline
) -> Entry | None:
    """Return the one entry, whose addresses are noted; or note why there is none."""
    directory = asked.directory
    profile = directory.profile
    wanted = filter(None, [profile.identity_attribute, *profile.address_attributes])
    search = directory.search_for(asked.credentials.identity, tuple(dict.fromkeys(wanted)))
    tried.filter = search.filter
    found = await session.search(search, deadline)
    tried.found = tuple(map(_name, found.entries))
    entry = directory.only_entry(search, found, asked.credentials.identity)
    if not isinstance(entry, Entry):
        tried.state = "rejected" if isinstance(entry, NoEntry) else "unavailable"
        told = isinstance(entry, Trouble) or len(tried.found) == 1
        tried.detail = entry.detail if told else _number_text(search, found, tried.found)
        return None
    tried.addresses = _addresses([entry], profile.address_attributes)
    return entry


async def _note_send_as(
    tried: LoginTried, entry: Entry, asked: Asked, session: Session, deadline: Deadline
) -> None:
    """Note whose addresses it may use besides; of no account for the login."""
    directory, seconds = asked.directory, deadline.remaining()
    try:
        async with asyncio.timeout(seconds):
            found = await directory.send_as(session, entry, asked.credentials.identity, deadline)
    except TimeoutError:
        tried.send_as_trouble = silence_text(session.waiting_for, seconds)
        return
    except (UnreachableError, AccountRefusedError, CodecError) as error:
        tried.send_as_trouble = shortened(str(error))
        return
    tried.send_as = _addresses(found.entries, directory.profile.address_attributes)
    if found.done.code:
        tried.send_as_trouble = words_for(found.done, None)


def _number_text(search: Search, found: Found, names: Sequence[str]) -> str:
    """Return what was found in place of one entry."""
    if not names:
        return f"no entry matches {search.filter} under {search.base or 'the root'}"
    number = "two" if len(names) == 2 and not found.done.code else "several"  # noqa: PLR2004  # two
    return f"{number} entries match: {'; '.join(names)}"


def _addresses(entries: Sequence[Entry], attributes: Sequence[str]) -> tuple[str, ...]:
    owned = (one for entry in entries for one in addresses_in(entry, attributes))
    return tuple(map(_shown, dict.fromkeys(owned)))[:_MOST_SHOWN]


def _name(entry: Entry) -> str:
    return _shown(entry.dn)


def _shown(text: str) -> str:
    return shown(text.encode("utf-8", "replace"), None)
