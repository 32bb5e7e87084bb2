"""TLS towards a server: 1.2 or later, verified unless the administrator said otherwise."""

import ssl


def tls_context(*, verify: bool, ca_file: str) -> ssl.SSLContext:
    """Return a client's context; an empty ``ca_file`` means the system's authorities.

    Raises OSError (ssl.SSLError is one) when the file cannot be read or holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca_file:
        context.load_verify_locations(ca_file)
    else:
        context.load_default_certs()
    return context
