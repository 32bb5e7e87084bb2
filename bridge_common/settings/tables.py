"""From TOML's tables to declared sections, strictly, with everything that is wrong at once.

Knows declarations (`declaration`) and which shapes TOML has. Does not know which keys there are.
A key that is wrong is recorded and its default stands in, so that the rest can be looked at;
what would be concluded from such a key is not reported. Raises nothing.
"""

import difflib
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from bridge_common.settings.declaration import Key, Section, keys_of, sections_of
from bridge_common.settings.findings import Findings
from bridge_common.settings.kinds import SecretReference
from bridge_common.settings.secrets import resolve_secret
from bridge_common.settings.toml_text import format_key, quote

T = TypeVar("T")


def read_document(declared: type[T], document: Mapping[str, object], findings: Findings) -> T:
    """Return the whole settings, read from TOML's top table."""
    return read_section(declared, document, "", findings)


def read_section(
    declared: type[T], table: Mapping[str, object], path: str, findings: Findings
) -> T:
    """Return one section, read from its table, with the sections in it."""
    keys = keys_of(declared)
    within = {about.name: (field, about) for field, about in sections_of(declared).items()}
    _refuse_unknown(
        table, path, keys, {name: about for name, (_, about) in within.items()}, findings
    )
    values: dict[str, Any] = {}
    for name, key in keys.items():
        if name in table:
            values[name] = _read_key(name, key, table[name], path, findings)
        elif key.required:
            values[name] = key.default
            if f"{path}.{name}" not in findings.unsettled:  # no misspelt key stands for it
                message = f"is missing; for example: {name} = {key.example}"
                findings.refuse(f"{path}.{name}", message)
    for name, (field, about) in within.items():
        if name in table:
            read = _read_sections if about.repeated else _read_once
            values[field] = read(about, table[name], _below(path, name), findings)
    return declared(**values)


def _refuse_unknown(
    table: Mapping[str, object],
    path: str,
    keys: Mapping[str, Key],
    within: Mapping[str, Section],
    findings: Findings,
) -> None:
    known = (*keys, *within)
    for name in table:
        if name in known:
            continue
        near = _nearest(name, known, table)
        if near and near in within:
            _unsettle(within[near], _below(path, near), findings)
        elif near:
            findings.unsettled.add(_below(path, near))
        what = "section" if near in within or not keys else "key"
        hint = f"; did you mean {near}?" if near else ""
        findings.refuse(_below(path, format_key(name)), f"unknown {what}{hint}")


def _read_once(about: Section, value: object, path: str, findings: Findings) -> Any:
    if isinstance(value, dict):
        return read_section(about.declared, value, path, findings)
    findings.refuse(path, f"expected a section: write [{path}]")
    _unsettle(about, path, findings)
    return about.declared()


def _read_sections(about: Section, value: object, path: str, findings: Findings) -> tuple[Any, ...]:
    if not isinstance(value, list):
        message = f"expected an array of sections: write [[{path}]], with two brackets"
        findings.refuse(path, message)
        return ()
    made: list[Any] = []
    for number, item in enumerate(value, start=1):
        place = f"{path}[{number}]"
        if isinstance(item, dict):
            if isinstance(item.get("name"), str):
                findings.labels[place] = f"{place} {quote(item['name'])}"
            made.append(read_section(about.declared, item, place, findings))
        else:
            findings.refuse(place, f"expected a section: write [[{path}]]")
            findings.unsettled.add(path)
    return tuple(made)


def _read_key(name: str, key: Key, value: object, path: str, findings: Findings) -> Any:
    place = f"{path}.{name}"
    try:
        read = key.kind.read(value)
        if isinstance(key.kind, SecretReference) and read:  # "" is no reference, but no secret
            reference = read.reveal().decode("utf-8", "surrogatepass")
            return resolve_secret(reference, lambda doubt: findings.warn(place, doubt))
    except ValueError as error:
        findings.refuse(place, f"{error}; for example: {name} = {key.example}")
        return key.default
    return read


def _nearest(name: str, known: Collection[str], present: Collection[str]) -> str | None:
    """Return the known name that was meant, if one is near and not there already."""
    candidates = [item for item in known if item not in present]
    return next(iter(difflib.get_close_matches(name.lower(), candidates, n=1)), None)


def _unsettle(about: Section, path: str, findings: Findings) -> None:
    findings.unsettled.add(path)
    findings.unsettled.update(f"{path}.{name}" for name in keys_of(about.declared))
    for within in sections_of(about.declared).values():
        _unsettle(within, f"{path}.{within.name}", findings)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
