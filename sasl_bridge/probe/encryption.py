"""How a connection is encrypted, in words, and whose certificate it is.

Knows asyncio's and uvloop's transports. Raises nothing; logs nothing.
"""

import asyncio
import hashlib
import ssl


def encryption_of(channel: asyncio.BaseTransport | None) -> tuple[str, str]:
    """Return the version and cipher, and the certificate's SHA-256 in hex; empty without TLS."""
    tls = channel.get_extra_info("ssl_object") if channel else None
    if not isinstance(tls, ssl.SSLObject):
        return "", ""
    cipher = tls.cipher()
    certificate = tls.getpeercert(binary_form=True)
    fingerprint = hashlib.sha256(certificate).hexdigest() if certificate else ""
    return f"{tls.version()}, {cipher[0] if cipher else 'unknown cipher'}", fingerprint
