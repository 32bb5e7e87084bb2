"""Base64 as SASL exchanges carry it: strict, except that padding may be missing."""

import binascii


def encode_base64(data: bytes) -> bytes:
    """Return the base64 form, without line breaks."""
    return binascii.b2a_base64(data, newline=False)


def decode_base64(text: bytes) -> bytes | None:
    """Return what the base64 text stands for, or None if it is not valid.

    Missing padding is accepted, as Dovecot does. Surplus padding, white space, the URL-safe
    alphabet and everything else outside of RFC 4648 section 4 make the text invalid.
    """
    digits = text.rstrip(b"=")
    padding = -len(digits) % 4
    if len(text) - len(digits) > padding:  # a2b_base64 overlooks surplus after whole groups
        return None
    try:
        return binascii.a2b_base64(digits + b"=" * padding, strict_mode=True)
    except binascii.Error:
        return None
