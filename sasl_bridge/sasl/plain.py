"""SASL PLAIN (RFC 4616): authorization identity, login and password in one response."""

from typing import ClassVar

from bridge_common.secret import Secret
from sasl_bridge.credentials import Claim
from sasl_bridge.sasl.mechanism import Outcome, Prompt
from sasl_bridge.verdict import Refused, Verdict


class Plain:
    """One PLAIN exchange."""

    name: ClassVar[str] = "PLAIN"
    flags: ClassVar[tuple[str, ...]] = ("plaintext",)

    def start(self, initial: bytes | None) -> Outcome:
        """Read the initial response; without one, prompt with an empty challenge."""
        return Prompt(b"") if initial is None else self.step(initial)

    def step(self, response: bytes) -> Outcome:
        """Read the only message there is."""
        acting_for, *rest = response.split(b"\0", 3)
        if len(rest) != len(("login", "password")):  # RFC 4616 section 2: exactly two NULs
            return Refused(Verdict.REJECTED, "malformed PLAIN response")
        login, password = rest
        # Clients may repeat the login as authorization identity; acting for others is not offered.
        if acting_for not in (b"", login):
            return Refused(Verdict.REJECTED, "PLAIN response asks to act for another login")
        return Claim(login, Secret(password))
