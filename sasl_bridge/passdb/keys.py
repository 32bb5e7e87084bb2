"""Digests under which passwords are remembered: nobody without this process's key can make one.

Knows what a verdict depends on: who was asked, the canonical login, the form in which it was typed
(bare `john` and `john@example.com` may be two accounts), the client's address where servers are
told it, and the password. Knows nothing of what is remembered under them. Raises nothing.
"""

import hashlib
import secrets

from sasl_bridge.credentials import Credentials

# Copied for each digest, which is quicker than to begin with a key anew.
_KEYED = hashlib.blake2b(key=secrets.token_bytes(32), digest_size=32)


def keyed_digest(*parts: bytes) -> bytes:
    """Return 32 bytes that stand for these parts, each of them bounded by its length."""
    digest = _KEYED.copy()
    for part in parts:
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.digest()


def login_key(scope: bytes, credentials: Credentials, *, by_client: bool) -> bytes:
    """Return what stands for a login among those who are asked.

    ``scope`` stands for who is asked, and how; ``by_client``: they are told the client's address,
    and may answer by it.
    """
    identity = credentials.identity
    return keyed_digest(
        scope,
        identity.address.encode(),
        identity.form.value.encode(),
        credentials.client.encode() if by_client else b"",
    )


def password_key(credentials: Credentials) -> bytes:
    """Return what stands for this password of this canonical login, and of no other one."""
    return keyed_digest(credentials.identity.address.encode(), credentials.password.reveal())
