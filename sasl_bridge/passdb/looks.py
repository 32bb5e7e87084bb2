"""Looks at a server without credentials: goes as far as a login would, short of the login.

Knows how that is done at a mail server and at a directory, and that it takes none of the
connections that logins may have: where all of these hang, a look is needed most.
Does not know when to look, nor what follows. Fails with a text, as `Look` says; logs nothing.
"""

import asyncio

from bridge_common.deadline import Deadline
from bridge_common.directory.codec import CodecError, Search
from bridge_common.directory.directory import Directory
from bridge_common.directory.host import AccountRefusedError, Host
from bridge_common.network.trouble import UnreachableError, silence_text
from bridge_common.shown import shortened
from sasl_bridge.passdb.ldap import own_account_refused
from sasl_bridge.passdb.lookout import Look
from sasl_bridge.passdb.remote import RemotePassdb

# The root of the directory, which anybody may read (RFC 4512 section 5.1); what it says of itself
# makes no difference.
_ROOT = Search("", "base", "(objectClass=*)")


def mail_server_look(remote: RemotePassdb) -> Look:
    """Return what connects, begins TLS, and sees the server get ready for a login."""

    async def look(deadline: Deadline) -> str:
        visit = await remote.look(deadline)
        return visit.outcome.detail if visit.outcome else ""

    return look


def directory_look(directory: Directory) -> Look:
    """Return what connects, begins TLS, logs our own account in and searches; at any host."""

    async def look(deadline: Deadline) -> str:
        troubles = []
        now = deadline.clock()
        hosts = sorted(directory.hosts, key=lambda host: host.avoided_until > now)
        for number, host in enumerate(hosts):
            share = Deadline.after(deadline.remaining() / (len(hosts) - number), deadline.clock)
            try:
                await _look_at(host, share)
            except UnreachableError as error:
                troubles.append(str(error))
            except AccountRefusedError as error:  # logins do not get beyond it either
                return shortened(own_account_refused(str(error)))
            else:
                host.avoided_until = 0.0
                return ""
        return shortened("; ".join(troubles))

    return look


async def _look_at(host: Host, share: Deadline) -> None:
    """Raise UnreachableError or AccountRefusedError if a login could not be searched for."""
    session = host.new_session()
    seconds = share.remaining()
    try:
        async with asyncio.timeout(seconds):
            await session.search(_ROOT, share)
    except TimeoutError:
        raise UnreachableError(silence_text(session.waiting_for, seconds)) from None
    except CodecError as error:
        raise UnreachableError(f"{host.place.host}: {error}") from None
    finally:
        session.close()
