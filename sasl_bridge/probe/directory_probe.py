"""Looking at all hosts of a directory, by the daemon's own means, and at their certificates.

Connections are begun as for every login, and are none of those that logins use; each host has the
share of time that it has then.
Our own account is not tried again once it was refused: that may lock it.
Does not know what to do about what it sees. Every trouble is a fact of the report: raises nothing
but CancelledError; logs nothing.
"""

import asyncio
import contextlib
from collections.abc import Sequence

from bridge_common.deadline import Deadline
from bridge_common.directory.codec import NO_ATTRIBUTES, CodecError, Search
from bridge_common.directory.connection import Found
from bridge_common.directory.directory import Directory
from bridge_common.directory.host import AccountRefusedError, Host, Session
from bridge_common.directory.words import WANTS_TLS, words_for
from bridge_common.network.trouble import UnreachableError, silence_text
from bridge_common.settings.ldap_profile import LdapProfile
from bridge_common.shown import shortened
from sasl_bridge.probe.directory_report import Checked, HostSeen, Reached
from sasl_bridge.probe.encryption import encryption_of
from sasl_bridge.probe.second_opinion import directory_certificate
from sasl_bridge.probe.trouble import Trouble, furthest, trouble_of

_EVERYTHING = "(objectClass=*)"
_MOST_LOOKS = 2  # each is a process of its own


async def look_at_hosts(directory: Directory, deadline: Deadline) -> tuple[HostSeen, ...]:
    """Look at all hosts, each with its share of the time, also behind one that is dead."""
    seen: list[HostSeen] = []
    left = len(directory.hosts)
    for host in directory.hosts:
        share = Deadline.after(deadline.remaining() / left, deadline.clock)
        refused = any(one.account is not None and not one.account.done for one in seen)
        seen.append(await _look(directory, host, share, account_refused=refused))
        left -= 1
    return tuple(seen)


async def _look(
    directory: Directory, host: Host, share: Deadline, *, account_refused: bool
) -> HostSeen:
    seen = HostSeen(host.place.host)
    session = host.new_session()
    began, seconds = share.clock(), share.remaining()
    try:
        async with asyncio.timeout(seconds):
            seen.addresses = await host.addresses.find(seconds)
            await _see(seen, session, directory.profile, share, account_refused=account_refused)
    except TimeoutError:
        seen.trouble, seen.passed_over = silence_text(session.waiting_for, seconds), True
    except (UnreachableError, CodecError) as error:
        seen.trouble = shortened(str(error))
        seen.passed_over = isinstance(error, UnreachableError)
    finally:
        session.close()
    seen.tried = tuple(Reached(address, trouble) for address, trouble in session.tried)
    seen.kind = _kind(seen)
    seen.seconds = share.clock() - began
    return seen


async def _see(
    seen: HostSeen,
    session: Session,
    profile: LdapProfile,
    deadline: Deadline,
    *,
    account_refused: bool,
) -> None:
    session.searching = connection = await session.connect(deadline)
    seen.tls, seen.fingerprint = encryption_of(connection.channel)
    if profile.bind_dn and account_refused:
        seen.account = Checked(done=False, detail="not tried again, as it was refused before")
        return
    try:
        await session.begin_searching(connection)
    except AccountRefusedError as error:
        seen.account = Checked(done=False, detail=_refusal_of_account(str(error)))
        return
    if profile.bind_dn:
        seen.account = Checked(done=True, detail="accepted")
    # With no base it is the root that is asked for, by which anybody sees that it speaks LDAP.
    base = profile.base_dn
    found = await session.search(Search(base, "base", _EVERYTHING, (NO_ATTRIBUTES,), 1), deadline)
    if profile.auth == "search":
        seen.base = _checked_base(found)
    elif found.done.code in WANTS_TLS:
        seen.trouble = words_for(found.done, None)


def _refusal_of_account(words: str) -> str:
    refused = "service account refused"
    if words.startswith(("Invalid credentials (49)", "wrong login or password (data ")):
        refused = "service account's password refused"
    return f"{refused}: {words}"


def _checked_base(found: Found) -> Checked:
    if found.done.code:
        return Checked(done=False, detail=words_for(found.done, None))
    if not found.entries:
        return Checked(done=True, detail="not shown to us, which need not matter")
    return Checked(done=True, detail="is there")


def _kind(seen: HostSeen) -> Trouble:
    """Return what is the matter, at the address where we got furthest."""
    if not seen.trouble:
        return Trouble.NONE
    given_up = [one.trouble for one in seen.tried]
    return furthest(given_up if given_up and all(given_up) else [seen.trouble])


async def look_at_certificates(
    directory: Directory, hosts: Sequence[HostSeen], seconds: float
) -> None:
    """Have the certificates of those shown that began TLS, whether they pass the check or not.

    It takes so many seconds at most, for all of them.
    """
    turns = asyncio.Semaphore(_MOST_LOOKS)

    async def look(host: Host, seen: HostSeen) -> None:
        name = host.place.tls.name if host.place.tls else ""
        seen.certificate_trouble = silence_text("certificate", seconds)  # for the time being
        async with turns:
            seen.certificate, opinion = await directory_certificate(
                directory.profile, _shows_certificate(seen), name, seconds
            )
            known = seen.certificate is not None
            seen.certificate_trouble = "" if known else opinion.detail
            seen.certificate_kind = Trouble.NONE if known else opinion.kind

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as looks:
            for host, seen in zip(directory.hosts, hosts, strict=True):
                if seen.tls or seen.kind is Trouble.CERTIFICATE:
                    looks.create_task(look(host, seen))


def _shows_certificate(seen: HostSeen) -> str:
    """Return the address that was connected to, else the one whose certificate is the trouble."""
    if seen.tls:
        return next(one.address for one in seen.tried if not one.trouble)
    kinds = ((trouble_of(one.trouble), one.address) for one in seen.tried)
    return next(address for kind, address in kinds if kind is Trouble.CERTIFICATE)
