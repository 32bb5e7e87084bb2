"""TLS towards a server: 1.2 or later, verified unless the administrator said otherwise.

Without finite-field Diffie-Hellman: the server chooses its parameters, and large ones cost us more
than a second of the processor for each handshake, in which no other login gets on.
"""

import asyncio
import ssl
from dataclasses import dataclass

from bridge_common.errors import Problem


@dataclass(frozen=True, slots=True)
class Tls:
    """How TLS is begun: with which settings, and for which name in the certificate.

    ``from_start``: before anything is said; else when the protocol's own command has been.
    """

    context: ssl.SSLContext
    name: str
    from_start: bool = True


def tls_context(*, verify: bool, ca_file: str) -> ssl.SSLContext:
    """Return a client's context; an empty ``ca_file`` means the system's authorities.

    Raises OSError (ssl.SSLError is one) when the file cannot be read or holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DEFAULT:!kDHE")  # the distribution's choice of TLS 1.2, but for these
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca_file:
        context.load_verify_locations(ca_file)
    else:
        context.load_default_certs()
    return context


def unusable_ca_file(path: str, ca_file: str, error: OSError) -> Problem:
    """Return what is wrong with the certificates that a section of the settings names."""
    why = f"{error.strerror}; name a file that the daemon's user may read"
    if isinstance(error, ssl.SSLError):
        why = "holds no certificate in PEM form"
    return Problem(f"{path}.ca_file", f"{ca_file}: {why}")


async def begin_tls(
    raw: asyncio.Transport, protocol: asyncio.Protocol, tls: Tls
) -> asyncio.Transport:
    """Begin TLS on a connection; everything is said on the transport returned. Raises OSError."""
    if raw.is_closing():
        raise ConnectionResetError
    loop = asyncio.get_running_loop()
    channel = await loop.start_tls(raw, protocol, tls.context, server_hostname=tls.name)
    if channel is None:  # lost in the moment when the handshake was complete
        raise ConnectionResetError
    return channel
