"""The first opinion on a server: the daemon's own, come by exactly as for a login.

Knows how to tell what came of a `Visit`. Raises what `RemotePassdb.visit` raises; logs nothing.
"""

from bridge_common.deadline import Deadline
from sasl_bridge.credentials import Credentials
from sasl_bridge.passdb.remote import RemotePassdb, Visit
from sasl_bridge.probe.encryption import encryption_of
from sasl_bridge.probe.report import Opinion, State, TriedAddress
from sasl_bridge.probe.trouble import Trouble, furthest
from sasl_bridge.verdict import Verdict

BY = "sasl-bridge"


async def first_opinion(
    remote: RemotePassdb, credentials: Credentials | None, deadline: Deadline
) -> Opinion:
    """Try the login, or only look; the answer is there by the deadline."""
    began = deadline.clock()
    visit = await remote.visit(credentials, deadline)
    return _opinion(visit, deadline.clock() - began)


def _opinion(visit: Visit, seconds: float) -> Opinion:
    dialogue = visit.conversation.dialogue if visit.conversation else None
    tls, fingerprint = encryption_of(visit.conversation.channel if visit.conversation else None)
    state: State = visit.outcome.verdict.value if visit.outcome else "ready"
    return Opinion(
        by=BY,
        state=state,
        detail=visit.outcome.detail if visit.outcome else "",
        kind=_kind(visit),
        addresses=visit.addresses,
        tried=tuple(TriedAddress(one.address, one.trouble, one.seconds) for one in visit.tried),
        banner=dialogue.banner if dialogue else "",
        tls=tls,
        fingerprint=fingerprint,
        capabilities=tuple(sorted(dialogue.capabilities)) if dialogue else (),
        password_sent=visit.password_sent,
        seconds=seconds,
    )


def _kind(visit: Visit) -> Trouble:
    """Return what is the matter, at the address where we got furthest."""
    if visit.outcome is None or visit.outcome.verdict is not Verdict.UNAVAILABLE:
        return Trouble.NONE
    given_up = [one.trouble for one in visit.tried]
    return furthest(given_up if given_up and all(given_up) else [visit.outcome.detail])
