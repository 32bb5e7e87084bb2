"""Shows settings: as TOML text that reads back to the same settings, and as JSON values.

Knows the order of the declarations, and that a secret shows as `<secret>`. Writes no file.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bridge_common.settings.declaration import keys_of, sections_of
from bridge_common.settings.model import Settings
from bridge_common.settings.toml_text import Plain, format_value


def format_settings(settings: Settings) -> str:
    """Return the settings in force as TOML text, defaults included, without secrets."""
    return "\n".join(_sections_as_text(settings))


def settings_as_json(settings: Settings) -> dict[str, Any]:
    """Return the settings in force as values that JSON has, named as in the file."""
    made: dict[str, Any] = {}
    for name, about in sections_of(type(settings)).items():
        value = getattr(settings, name)
        if about.repeated:
            made[about.name] = [section_as_json(item) for item in value]
        else:
            made[about.name] = section_as_json(value)
    return made


def section_as_json(section: Any) -> Mapping[str, Plain]:
    """Return one section's values as JSON has them."""
    keys = keys_of(type(section))
    return {name: key.kind.plain(getattr(section, name)) for name, key in keys.items()}


def _sections_as_text(settings: Settings) -> Iterator[str]:
    for name, section in settings_as_json(settings).items():
        if isinstance(section, list):
            for item in section:
                yield _section_as_text(f"[[{name}]]", item)
        else:
            yield _section_as_text(f"[{name}]", section)


def _section_as_text(heading: str, section: Mapping[str, Plain]) -> str:
    lines = (f"{name} = {format_value(value)}\n" for name, value in section.items())
    return f"{heading}\n" + "".join(lines)
