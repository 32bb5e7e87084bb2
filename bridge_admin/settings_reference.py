"""The settings reference, `docs/settings.md`, made from the declarations.

Run as a program, prints it: `python -m bridge_admin.settings_reference > docs/settings.md`.
Knows how the page looks; what it says about a key stands with the key, in the model.
"""

from collections.abc import Iterator

from bridge_common.settings.declaration import Key, Section, keys_of, sections_below
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
    sections = (_section(name, section) for name, section in sections_below(Settings))
    return "\n".join([_INTRODUCTION, *sections])


def _section(name: str, section: Section) -> str:
    heading = f"[[{name}]]" if section.repeated else f"[{name}]"
    around = name.rpartition(".")[0]
    keys = (_key(key, about, around) for key, about in keys_of(section.declared).items())
    return "\n".join([f"## `{heading}`\n", f"{section.intro}\n", *keys])


def _key(name: str, key: Key, around: str) -> str:
    return "\n".join(_lines_of_key(name, key, around))


def _lines_of_key(name: str, key: Key, around: str) -> Iterator[str]:
    yield f"### `{name}`\n"
    yield f"Type: {key.kind.words()}.\\"
    yield f"Default: {_default(key, around)}.\n"
    yield f"{key.prose}\n"
    yield "```toml"
    yield f"{name} = {key.example}"
    yield "```\n"


def _default(key: Key, around: str) -> str:
    if key.required:
        return "none, required"
    if key.default is None:
        return f"as in `[{around}]`"
    return f"`{format_value(key.kind.plain(key.default))}`"


if __name__ == "__main__":
    print(settings_reference(), end="")
