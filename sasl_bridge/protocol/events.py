"""What a connection tells its owner: a request to verify, one that is over, the client's breach."""

from dataclasses import dataclass

from sasl_bridge.credentials import Claim
from sasl_bridge.protocol.breach import Broken
from sasl_bridge.protocol.parameters import AuthParameters
from sasl_bridge.verdict import Refused


@dataclass(frozen=True, slots=True, eq=False)
class AuthRequest:
    """A request to be answered once, by this very object: ids are reused, objects are not.

    ``id`` is the client's number for it. ``mechanism`` is printable: one that we offer, in upper
    case, or the beginning of whatever was named instead. ``claim`` is `Refused` where there is
    nothing to verify: the owner logs it, takes its time, and answers it like any other.
    """

    id: int
    mechanism: str
    parameters: AuthParameters
    claim: Claim | Refused


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A request that was handed out is over: whatever verifies it can stop."""

    request: AuthRequest


Event = AuthRequest | Cancelled | Broken
