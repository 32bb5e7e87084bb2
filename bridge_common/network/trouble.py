"""What goes wrong on the way to a server, in words: foreign exceptions become ours only here.

Knows the exceptions of sockets, TLS and the resolver; logs nothing.
"""

import os
import socket
import ssl


class UnreachableError(Exception):
    """No dialogue could begin; the text says why, for the log."""


# X509_V_ERR_... of OpenSSL's x509_vfy.h.
_CERTIFICATE_TEXTS = {
    9: "certificate is not yet valid",
    10: "certificate has expired",
    18: "certificate is self-signed",
    19: "certificate is not signed by a trusted authority",
    20: "certificate is not signed by a trusted authority",
    62: "certificate is not valid for {name}",
    64: "certificate is not valid for {name}",
}

# What OpenSSL says when the answer to its hello is no TLS; it differs between 3.0 and later.
_NO_TLS_REASONS = frozenset(
    {"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}
)

# The first class that fits; subclasses of OSError, the more special first.
_TEXTS: tuple[tuple[type[BaseException], str], ...] = (
    (ConnectionRefusedError, "connection refused by {endpoint}"),
    (ConnectionError, "connection reset by {endpoint}"),
    (ssl.SSLEOFError, "connection reset by {endpoint}"),
)


def endpoint_text(address: str, port: int) -> str:
    """Return ``192.0.2.1 port 993``."""
    return f"{address} port {port}"


def trouble_text(error: BaseException, endpoint: str, name: str) -> str:
    """Return what happened at ``endpoint``, whose certificate ought to be for ``name``."""
    for kind, text in _TEXTS:
        if isinstance(error, kind):
            return text.format(endpoint=endpoint)
    if isinstance(error, ssl.SSLCertVerificationError):
        known = _CERTIFICATE_TEXTS.get(error.verify_code, "").format(name=name)
        return known or f"certificate cannot be verified: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return _tls_text(getattr(error, "reason", None) or "for no known reason", endpoint)
    if isinstance(error, OSError) and error.errno:
        return f"{endpoint}: {os.strerror(error.errno)}"
    return f"{endpoint}: {type(error).__name__}"


def silence_text(missing: str, seconds: float) -> str:
    """Return what did not come in time."""
    return f"no {missing} within {seconds:.1f} s"


def lookup_text(error: BaseException, host: str) -> str:
    """Return why ``host`` has no address."""
    if isinstance(error, socket.gaierror):
        return f"no address for {host}: {error.strerror}"
    return f"no address for {host}: {type(error).__name__}"


def _tls_text(reason: str, endpoint: str) -> str:
    if reason in _NO_TLS_REASONS:
        return f"{endpoint} does not speak TLS"
    return f"TLS with {endpoint} failed: {reason.lower().replace('_', ' ')}"
