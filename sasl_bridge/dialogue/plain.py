"""The response of SASL PLAIN, as IMAP and POP3 both send it (RFC 4616 section 2)."""

import base64


def plain_response(login: bytes, password: bytes) -> bytes:
    """Return it in base64; no other identity is asked for."""
    return base64.b64encode(b"\0" + login + b"\0" + password)
