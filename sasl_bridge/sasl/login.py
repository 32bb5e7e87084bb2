"""SASL LOGIN (draft-murchison-sasl-login): the login at one prompt, the password at the next.

The draft's own prompts are "User Name" and "Password"; clients expect the ones used here.
"""

from typing import ClassVar

from bridge_common.secret import Secret
from sasl_bridge.credentials import Claim
from sasl_bridge.sasl.mechanism import Outcome, Prompt
from sasl_bridge.verdict import Refused, Verdict


class Login:
    """One LOGIN exchange; an initial response is the login."""

    name: ClassVar[str] = "LOGIN"
    flags: ClassVar[tuple[str, ...]] = ("plaintext",)

    def __init__(self) -> None:
        self._login: bytes | None = None

    def start(self, initial: bytes | None) -> Outcome:
        """Prompt for the login, or for the password if the login came along."""
        return Prompt(b"Username:") if initial is None else self.step(initial)

    def step(self, response: bytes) -> Outcome:
        """Take the login, then the password."""
        if b"\0" in response:
            return Refused(Verdict.REJECTED, "malformed LOGIN response")
        if self._login is None:
            self._login = response
            return Prompt(b"Password:")
        return Claim(self._login, Secret(response))
