"""fake_sender_control: who is not logged in must not use our domains.

"Fake Sender Control". Trusted networks and exceptions may. A sender that *may* become one of ours
when Postfix rewrites it counts as ours.
"""

from ipaddress import ip_address

from policyd.action import Code, Refuse
from policyd.ownership.identity import may_be_a_login
from policyd.ownership.keys import keys_of
from policyd.request import PolicyRequest
from policyd.rules.interface import Facts, Finding, Network, RuleSettings

_LOGGED_IN = Finding(None, "the client is logged in")
_FOREIGN = Finding(None, "the sender's domain is not one of ours")
_TRUSTED = Finding(None, "the client is of trusted_networks")
_REFUSAL = Refuse(Code.NOT_ALLOWED, "not logged in")


def fake_sender(request: PolicyRequest, facts: Facts, settings: RuleSettings) -> Finding:
    """Refuse an outsider who uses one of our domains."""
    if request.is_authenticated:
        return _LOGGED_IN
    reading = facts.sender.reading_of_ours(settings.domains)
    if not reading:
        return _FOREIGN
    if is_in(request.client_address, settings.trusted_networks):
        return _TRUSTED
    keys = _keys(facts.sender.address, settings) if settings.exceptions else ()
    for exception in settings.exceptions:
        if exception.sender in keys and is_in(request.client_address, exception.clients):
            return Finding(None, f"there is a [[sender.exception]] for {exception.sender}")
    uses = f"uses {reading}, which is of one of our domains"
    if reading.endswith("@"):
        uses = "uses a sender of which nobody can tell the domain, so that it may be one of ours"
    return Finding(_REFUSAL, f"a client that is not logged in {uses}")


def _keys(address: str, settings: RuleSettings) -> tuple[str, ...]:
    """Return for what an exception may be; not for an extension that may be another login."""
    delimiters = settings.recipient_delimiter
    if may_be_a_login(address, settings.identity):
        delimiters = ""
    return keys_of(address, delimiters)


def is_in(client: str, networks: tuple[Network, ...]) -> bool:
    """Say whether a client's address lies in one of the networks; no address lies in none."""
    try:
        # smtpd_peer.c: an IPv6 address may come with its zone, which ip_address takes too.
        address = ip_address(client)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)
