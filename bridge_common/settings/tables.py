"""From TOML's tables to declared sections, strictly, with everything that is wrong at once.

Knows declarations (`declaration`) and which shapes TOML has. Does not know which keys there are.
A key that is wrong is recorded and its default stands in, so that the rest can be looked at;
what would be concluded from such a key is not reported. Raises nothing.
"""

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, TypeVar

from bridge_common.settings.declaration import Key, Section, keys_of, sections_of
from bridge_common.settings.findings import Findings
from bridge_common.settings.kinds import SecretReference
from bridge_common.settings.secrets import resolve_secret
from bridge_common.settings.toml_text import format_key, quote

T = TypeVar("T")


def read_document(declared: type[T], document: Mapping[str, object], findings: Findings) -> T:
    """Return the whole settings, read from TOML's top table."""
    found = {item.name: (name, item) for name, item in sections_of(declared).items()}
    for name in _unknown_names(document, found):
        near = _nearest(name, found, document)
        if near:
            _unsettle(found[near][1], findings)
        findings.refuse(format_key(name), _unknown("section", near))
    values: dict[str, Any] = {}
    for name, (attribute, about) in found.items():
        if name in document:
            read = _read_sections if about.repeated else _read_once
            values[attribute] = read(about, document[name], findings)
    return declared(**values)


def _read_once(about: Section, value: object, findings: Findings) -> Any:
    if isinstance(value, dict):
        return read_section(about.declared, value, about.name, findings)
    findings.refuse(about.name, f"expected a section: write [{about.name}]")
    _unsettle(about, findings)
    return about.declared()


def _read_sections(about: Section, value: object, findings: Findings) -> tuple[Any, ...]:
    if not isinstance(value, list):
        message = f"expected an array of sections: write [[{about.name}]], with two brackets"
        findings.refuse(about.name, message)
        return ()
    made: list[Any] = []
    for number, item in enumerate(value, start=1):
        path = f"{about.name}[{number}]"
        if isinstance(item, dict):
            if isinstance(item.get("name"), str):
                findings.labels[path] = f"{path} {quote(item['name'])}"
            made.append(read_section(about.declared, item, path, findings))
        else:
            findings.refuse(path, f"expected a section: write [[{about.name}]]")
            findings.unsettled.add(about.name)
    return tuple(made)


def read_section(
    declared: type[T], table: Mapping[str, object], path: str, findings: Findings
) -> T:
    """Return one section, read from its table."""
    keys = keys_of(declared)
    for name in _unknown_names(table, keys):
        near = _nearest(name, keys, table)
        if near:
            findings.unsettled.add(f"{path}.{near}")
        findings.refuse(f"{path}.{format_key(name)}", _unknown("key", near))
    values: dict[str, Any] = {}
    for name, key in keys.items():
        if name in table:
            values[name] = _read_key(name, key, table[name], path, findings)
        elif key.required:
            values[name] = key.default
            if f"{path}.{name}" not in findings.unsettled:  # no misspelt key stands for it
                message = f"is missing; for example: {name} = {key.example}"
                findings.refuse(f"{path}.{name}", message)
    return declared(**values)


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


def _unknown_names(table: Iterable[str], known: Collection[str]) -> list[str]:
    return [name for name in table if name not in known]


def _unknown(what: str, near: str | None) -> str:
    return f"unknown {what}" + (f"; did you mean {near}?" if near else "")


def _unsettle(about: Section, findings: Findings) -> None:
    findings.unsettled.add(about.name)
    findings.unsettled.update(f"{about.name}.{name}" for name in keys_of(about.declared))
