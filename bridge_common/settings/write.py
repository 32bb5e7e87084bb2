"""Shows settings: as TOML text that reads back to the same settings, and as JSON values.

Knows the order of the declarations, and that a secret shows as `<secret>`. Writes no file.
"""

from collections.abc import Iterator
from typing import Any

from bridge_common.settings.declaration import keys_of, sections_of
from bridge_common.settings.model import Settings
from bridge_common.settings.toml_text import format_value


def format_settings(settings: Settings) -> str:
    """Return the settings in force as TOML text, defaults included, without secrets."""
    return "\n".join(_sections_as_text(settings))


def settings_as_json(settings: Settings) -> dict[str, Any]:
    """Return the settings in force as values that JSON has, named as in the file."""
    return section_as_json(settings)


def section_as_json(section: Any) -> dict[str, Any]:
    """Return one section's values as JSON has them, then the sections in it.

    What is as in the section around is left out.
    """
    made: dict[str, Any] = {}
    for name, key in keys_of(type(section)).items():
        value = getattr(section, name)
        if value is not None:
            made[name] = key.kind.plain(value)
    for name, about in sections_of(type(section)).items():
        value = getattr(section, name)
        made[about.name] = (
            [section_as_json(item) for item in value] if about.repeated else section_as_json(value)
        )
    return made


def _sections_as_text(section: Any, around: str = "") -> Iterator[str]:
    """Yield each section within this one, those within it behind its keys."""
    for name, about in sections_of(type(section)).items():
        path = f"{around}{about.name}"
        value = getattr(section, name)
        for item in value if about.repeated else (value,):
            yield _section_as_text(f"[[{path}]]" if about.repeated else f"[{path}]", item)
            yield from _sections_as_text(item, f"{path}.")


def _section_as_text(heading: str, section: Any) -> str:
    shown = section_as_json(section)
    lines = (f"{n} = {format_value(shown[n])}\n" for n in keys_of(type(section)) if n in shown)
    return f"{heading}\n" + "".join(lines)
