"""Search filters with placeholders: their form, and whether they can match the wrong account.

Knows the written form (RFC 4515). Fills nothing in and escapes nothing: who searches does.
Fails with ValueError, readable.
"""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from bridge_common.settings.ldap_names import ATTRIBUTE
from bridge_common.settings.placeholders import (
    OF_A_LOGIN,
    USERS,
    placeholders_in,
    refuse_others,
    with_stand_ins,
)
from bridge_common.settings.texts import printable
from bridge_common.settings.toml_text import quote

_OF_AN_ENTRY = ("dn", *OF_A_LOGIN)
_ENTRIES = USERS | {"dn"}
_MOST_NESTED = 50  # a filter for people has three or four levels
_CHAIN = ":1.2.840.113556.1.4.1941:="  # [MS-ADTS] 3.1.1.3.4.4.3: member, directly or by groups
# [MS-ADTS] 3.1.1.3.1.3.4: (anr=ann) finds what begins with it, in several attributes.
_BY_BEGINNING = frozenset({"anr", "1.2.840.113556.1.4.1208"})
_ESCAPES = r"\ ( and ) must be written as \5c, \28 and \29"
_WILDCARD = r"* has a meaning after = only: write it as \2a"

# RFC 4515 section 3: attribute, compared how, value; an extensible match may name a rule only.
_RULE = rf"(?::[dD][nN])?:{ATTRIBUTE}:="
_ITEM = re.compile(
    rf"(?:(?P<attribute>{ATTRIBUTE})(?:;[A-Za-z0-9-]+)*"
    rf"(?P<compare>[~<>]?=|(?::[dD][nN])?:=|{_RULE})|{_RULE})"
    r"(?P<value>.*)"
)
_VALUE = re.compile(r"(?:[^\\()\0]|\\[0-9A-Fa-f]{2})*")


@dataclass(frozen=True, slots=True)
class Item:
    """One comparison, and the placeholders without whose value, whole, nothing matches it."""

    pinned: frozenset[str]


@dataclass(frozen=True, slots=True)
class Group:
    """All (`&`), any (`|`) or none (`!`) of the parts."""

    operator: str
    parts: "tuple[Item | Group, ...]"


def login_filter(text: str) -> str:
    """Return a filter that finds the account of a login; a bare item is put into parentheses."""
    return _filter(text, OF_A_LOGIN, USERS)


def send_as_filter(text: str) -> str:
    """Return a filter that finds what belongs to an account, of which the DN is known as well."""
    return _filter(text, _OF_AN_ENTRY, _ENTRIES)


def _filter(text: str, known: Sequence[str], needed: AbstractSet[str]) -> str:
    refuse_others(printable(text), known)
    whole = text if text.startswith("(") else f"({text})"
    if not pins(whole, needed):
        *first, last = (f"{{{name}}}" for name in known if name in needed)
        names = f"{', '.join(first)} or {last}"
        raise ValueError(
            f"{quote(text)} can match the entry of somebody else: {names} must be in a "
            "comparison by plain = (not of anr) without *, in every part of an (|...), "
            "and not within (!...)"
        )
    return whole


def pins(text: str, names: AbstractSet[str]) -> bool:
    """Return whether whatever the filter matches has a value made of one of these placeholders."""
    return _pins(parse_filter(text), names)


def _pins(node: Item | Group, names: AbstractSet[str]) -> bool:
    if isinstance(node, Item):
        return not node.pinned.isdisjoint(names)
    if node.operator == "!":
        return False
    enough = any if node.operator == "&" else all
    return enough(_pins(part, names) for part in node.parts)


def parse_filter(text: str) -> Item | Group:
    """Return the filter as a tree, or raise ValueError saying what is wrong with it."""
    try:
        return _whole(text)
    except ValueError as error:
        raise ValueError(f"{quote(text)} is not a filter: {error}") from None


def _whole(text: str) -> Item | Group:
    node, end = _node(text, 0, _MOST_NESTED)
    if text[end:]:
        raise ValueError(f"nothing may follow its last parenthesis: {quote(text[end:])}")
    return node


def _node(text: str, start: int, levels: int) -> tuple[Item | Group, int]:
    """Return the part of the filter that begins at ``start``, and where it ends."""
    if text[start : start + 1] != "(":
        raise ValueError(f'expected "(" at {_place(text, start)}')
    if text[start + 1 : start + 2] in {"&", "|", "!"}:
        return _group(text, start + 1, levels - 1)
    end = text.find(")", start)
    if end < 0:
        raise ValueError('expected ")" at its end')
    return _item(text[start + 1 : end]), end + 1


def _group(text: str, start: int, levels: int) -> tuple[Group, int]:
    if not levels:
        raise ValueError(f"it is nested deeper than {_MOST_NESTED} levels")
    parts: list[Item | Group] = []
    at = start + 1
    while text[at : at + 1] != ")" or not parts:
        part, at = _node(text, at, levels)
        parts.append(part)
    if text[start] == "!" and len(parts) > 1:
        raise ValueError("(!...) takes one part only")
    return Group(text[start], tuple(parts)), at + 1


def _item(text: str) -> Item:
    match = _ITEM.fullmatch(text)
    if match is None:
        raise ValueError(f"{quote(text)} is not attribute=value")
    value, compare = match["value"], match["compare"]
    # A stand-in that is no hexadecimal digit: no login may complete an escape.
    if not _VALUE.fullmatch(with_stand_ins(value, "_")):
        raise ValueError(f"in {quote(value)}, {_ESCAPES}")
    if "*" in value and compare != "=":
        raise ValueError(f"in {quote(value)}, {_WILDCARD}")
    return Item(_pinned(match["attribute"], compare, value))


def _pinned(attribute: str, compare: str, value: str) -> frozenset[str]:
    """Return what only the account itself matches: other rules match parts, bits, DNs' parts."""
    placeholders = placeholders_in(value)
    if compare == _CHAIN:
        return placeholders & {"dn"}
    exact = compare == "=" and "*" not in value and attribute.lower() not in _BY_BEGINNING
    return placeholders if exact else frozenset()


def _place(text: str, at: int) -> str:
    return f"character {at + 1}, {quote(text[at:])}" if text[at:] else "its end"
