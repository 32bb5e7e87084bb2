"""What every passdb offers, a wrapper as well as the thing wrapped."""

from typing import Protocol

from bridge_common.deadline import Deadline
from sasl_bridge.credentials import Credentials
from sasl_bridge.verdict import Answer

NOT_SENT = "the password was not sent"
"""The argument of a CancelledError, where that is known."""


class Passdb(Protocol):
    """Something that can say whether a login and a password belong together."""

    async def verify(self, credentials: Credentials, deadline: Deadline) -> Answer:
        """Answer within the deadline; raises nothing but CancelledError."""
        ...
