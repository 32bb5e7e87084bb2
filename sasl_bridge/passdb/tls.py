"""TLS towards a server: 1.2 or later, verified unless the administrator said otherwise.

Without finite-field Diffie-Hellman: the server chooses its parameters, and large ones cost us more
than a second of the processor for each handshake, in which no other login gets on.
"""

import ssl


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
