"""Mail addresses and domains as they are compared: the domain as an A-label, in lower case.

Knows RFC 5321 domains and IDNA 2008 (through the idna library); knows nothing of logins.
"""

import functools

import idna

_MAX_DOMAIN = 253  # RFC 1035 section 2.3.4, without the root's dot


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
