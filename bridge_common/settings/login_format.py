"""How a login is written for one server: a text with `{login}`, `{local}` and `{domain}` in it.

Knows the three placeholders, and which formats are safe. Fills none in: who asks the server does.
Fails with ValueError, readable.
"""

import re

from bridge_common.settings.toml_text import quote

_PLACEHOLDER = re.compile(r"\{(login|local|domain)\}")


def login_format(text: str) -> str:
    """Return the format unchanged, or raise ValueError saying what is wrong with it."""
    names = set(_PLACEHOLDER.findall(text))
    literal = _PLACEHOLDER.sub("", text)
    if "{" in literal or "}" in literal:
        known = "only {login}, {local} and {domain} may stand in braces"
        raise ValueError(f"{quote(text)}: {known}")
    if not names & {"login", "local"}:
        # A fixed name would let everyone who knows its password log in as anybody.
        raise ValueError(f"{quote(text)}: must hold {{login}} or {{local}}")
    if not literal.isprintable():
        raise ValueError(f"{quote(text)} holds a control character")
    return text


def tells_domains_apart(text: str) -> bool:
    """Return whether the same local part in two domains gives two names on the server."""
    return bool(set(_PLACEHOLDER.findall(text)) & {"login", "domain"})
