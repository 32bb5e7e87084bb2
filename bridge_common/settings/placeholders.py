"""Placeholders, `{login}` and the like, in texts that are filled in for each login.

Knows how they are written, and which of them tell accounts apart.
Fails with ValueError, readable.
"""

import re
from collections.abc import Mapping, Sequence

from bridge_common.settings.toml_text import quote

OF_A_LOGIN = ("login", "local", "domain")
USERS = frozenset({"login", "local"})
"""Those that differ from user to user."""
DOMAINS = frozenset({"login", "domain"})
"""Those that differ from domain to domain."""

_PLACEHOLDER = re.compile(r"\{([a-z]+)\}")


def placeholders_in(text: str) -> frozenset[str]:
    """Return the names of the placeholders."""
    return frozenset(_PLACEHOLDER.findall(text))


def with_stand_ins(text: str, stand_in: str) -> str:
    """Return the text with ``stand_in`` in the place of each placeholder."""
    return _PLACEHOLDER.sub(lambda _: stand_in, text)


def refuse_others(text: str, known: Sequence[str]) -> None:
    """Raise ValueError if there is anything in braces, or a brace, but ``known`` placeholders."""
    rest = with_stand_ins(text, "")
    if "{" in rest or "}" in rest or not placeholders_in(text) <= set(known):
        *first, last = (f"{{{name}}}" for name in known)
        allowed = f"only {', '.join(first)} and {last} may stand in braces"
        raise ValueError(f"{quote(text)}: {allowed}")


def tells_domains_apart(text: str) -> bool:
    """Return whether the same local part in two domains gives two different texts."""
    return not DOMAINS.isdisjoint(placeholders_in(text))


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return the text with the values in; what a value holds is never filled in again."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)
