"""Filling a login into a filter or a name, so that it can be nothing there but a value.

Knows the escaping of filters (RFC 4515 section 3) and of distinguished names (RFC 4514 section
2.4). Pure; raises nothing.
"""

import re
from collections.abc import Mapping

from bridge_common.identity import Identity
from bridge_common.settings.placeholders import filled

_SPECIAL_IN_FILTER = re.compile(r"[*()\\\0]")
_SPECIAL_IN_DN = re.compile(r'[,+"\\<>;=]|^[ #]| $')
_CONTROL = re.compile(r"[\0-\x1f]")  # not only NUL: at the ends libldap takes some for blanks


def values_of(identity: Identity) -> Mapping[str, str]:
    """Return what the placeholders of a login stand for."""
    return {"login": identity.address, "local": identity.local, "domain": identity.domain}


def fill_filter(text: str, values: Mapping[str, str]) -> str:
    """Return the filter with the values in."""
    escaped = {name: _escape_for_filter(value) for name, value in values.items()}
    return filled(text, escaped)


def fill_bind_name(text: str, values: Mapping[str, str]) -> str:
    r"""Return the name to bind with; without a `=` it is no DN, but `user@domain` or the like."""
    if "=" not in text:
        return filled(text, values)
    return filled(text, {name: _escape_for_dn(value) for name, value in values.items()})


def _escape_for_filter(value: str) -> str:
    return _SPECIAL_IN_FILTER.sub(lambda found: f"\\{ord(found[0]):02x}", value)


def _escape_for_dn(value: str) -> str:
    escaped = _SPECIAL_IN_DN.sub(lambda found: f"\\{found[0]}", value)
    return _CONTROL.sub(lambda found: f"\\{ord(found[0]):02x}", escaped)
