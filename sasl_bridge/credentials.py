"""What a client claims, and what of it was admitted.

A `Claim` is what the SASL exchange carried, byte for byte.
`Credentials` are a claim that passed admission: the only thing a server is ever asked about.
"""

from dataclasses import dataclass

from bridge_common.identity import Identity
from bridge_common.secret import Secret


@dataclass(frozen=True, slots=True)
class Claim:
    """A login as it was typed, and its password; nothing of it has been checked."""

    login: bytes
    password: Secret


@dataclass(frozen=True, slots=True)
class Credentials:
    """An admitted login and its password.

    The password is never empty and holds no NUL, CR or LF.
    ``client`` is the SMTP client's address as the mail server gave it, or empty.
    """

    identity: Identity
    password: Secret
    client: str = ""
