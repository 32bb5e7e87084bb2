"""The settings reference, `docs/settings.md`, made from the declarations.

Run as a program, prints it: `python -m bridge_admin.settings_reference > docs/settings.md`.
Knows how the page looks; what it says about a key stands with the key, in the model.
"""

from collections.abc import Iterator

from bridge_common.settings.declaration import Key, Section, keys_of, sections_of
from bridge_common.settings.model import Settings
from bridge_common.settings.toml_text import format_value

_INTRODUCTION = """\
# Settings

All settings are in one TOML file, `/etc/sasl-bridge/settings.toml`; \
`--settings FILE` names another.
`examples/settings.toml` is one to start from.
`bridgectl check` reads the file as the programs do, and reports everything that is wrong, at once.
`bridgectl show` prints the settings in force, defaults included.

A key that does not exist, or a value of the wrong type, makes the whole file unusable.
A program that runs already then keeps the settings that it has.

Durations are written `"500ms"`, `"8s"`, `"5m"` or `"1h"`; a bare number counts seconds.
Endpoints are written `unix:/absolute/path` or `inet:HOST:PORT`, with an IPv6 address in brackets: \
`inet:[::1]:PORT`.
Domains may hold letters beyond ASCII, and are compared in their ASCII form (`xn--...`), \
in lower case.
"""


def settings_reference() -> str:
    """Return the whole page as Markdown."""
    return "\n".join([_INTRODUCTION, *map(_section, sections_of(Settings).values())])


def _section(section: Section) -> str:
    heading = f"[[{section.name}]]" if section.repeated else f"[{section.name}]"
    keys = keys_of(section.declared).items()
    return "\n".join([f"## `{heading}`\n", f"{section.intro}\n", *(_key(*item) for item in keys)])


def _key(name: str, key: Key) -> str:
    return "\n".join(_lines_of_key(name, key))


def _lines_of_key(name: str, key: Key) -> Iterator[str]:
    default = "none, required" if key.required else f"`{_default(key)}`"
    yield f"### `{name}`\n"
    yield f"Type: {key.kind.words()}.\\"
    yield f"Default: {default}.\n"
    yield f"{key.prose}\n"
    yield "```toml"
    yield f"{name} = {key.example}"
    yield "```\n"


def _default(key: Key) -> str:
    return format_value(key.kind.plain(key.default))


if __name__ == "__main__":
    print(settings_reference(), end="")
