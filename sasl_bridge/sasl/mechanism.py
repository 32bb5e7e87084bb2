"""What a SASL mechanism is, seen from the server: responses in; a prompt or the end out.

A mechanism object serves one exchange. It knows nothing of base64, of the carrying protocol,
or of whether a claim is true. It raises nothing: a response it cannot read ends in `Refused`.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from sasl_bridge.credentials import Claim
from sasl_bridge.verdict import Refused


@dataclass(frozen=True, slots=True)
class Prompt:
    """A challenge to the client, not yet in base64; the exchange waits for a response."""

    challenge: bytes


Outcome = Prompt | Claim | Refused
"""`Claim` and `Refused` end the exchange."""


class Mechanism(Protocol):
    """One exchange of one mechanism: `start` once, then `step` as long as it prompts."""

    name: ClassVar[str]
    """As registered with IANA, in upper case."""
    flags: ClassVar[tuple[str, ...]]
    """Security properties in Dovecot's words, by which Postfix filters mechanisms."""

    def start(self, initial: bytes | None) -> Outcome:
        """Begin; ``initial`` is the initial response, None (not empty) if there was none."""
        ...

    def step(self, response: bytes) -> Outcome:
        """Go on with the client's response to the last prompt."""
        ...
