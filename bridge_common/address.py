"""Mail addresses and domains as they are compared.

The local part is in NFC with ASCII in lower case, the domain an A-label in lower case.
Knows RFC 5321 domains and IDNA 2008 (through the idna library); knows nothing of logins.
"""

import functools
import unicodedata

import idna

_MAX_DOMAIN = 253  # RFC 1035 section 2.3.4, without the root's dot

_ASCII_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def canonical_local(local: str) -> str:
    """Return a local part as it is compared."""
    if local.isascii():
        return local.lower()
    composed = unicodedata.normalize("NFC", local).translate(_ASCII_LOWER)
    # NFC again: h composes with a macron below, H does not.
    return unicodedata.normalize("NFC", composed)


def canonical_address(text: str) -> str | None:
    """Return ``local@domain``, without quotes, as it is compared; None if it is no address.

    The domain is behind the last @: an unquoted local part may hold others.
    """
    local, _, domain = text.rpartition("@")
    label = domain_to_a_label(domain)
    return f"{canonical_local(local)}@{label}" if local and label else None


# The logins of a gateway are of a few domains, and asking costs 10 us each time.
@functools.lru_cache(maxsize=1024)
def domain_to_a_label(domain: str) -> str | None:
    """Return the domain in lower-case A-label form, or None if it is no domain name.

    No trailing dot, no address literal, no underscore: what mail addresses carry.
    """
    if not domain or domain.endswith(".") or len(domain) > _MAX_DOMAIN:
        return None
    try:
        encoded = idna.encode(domain, uts46=True, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return None
    return encoded if len(encoded) <= _MAX_DOMAIN and not encoded.endswith(".") else None


@functools.lru_cache(maxsize=1024)
def strict_a_label(domain: str) -> str | None:
    """Return the A-label of a domain to which nothing was done but NFC and lower case, or None.

    So it is the same domain for who does not map look-alikes (UTS 46): full-width letters, or
    U+3002 as a dot, are no domain name here.
    """
    if not domain or len(domain) > _MAX_DOMAIN:
        return None
    try:
        lowered = unicodedata.normalize("NFC", domain.lower())
        encoded = idna.encode(lowered, strict=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return None
    return encoded if len(encoded) <= _MAX_DOMAIN and not encoded.endswith(".") else None
