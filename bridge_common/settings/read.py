"""Reads the settings: from a file or a text to `Settings`, or to every problem there is.

Knows files, TOML syntax, and in which order things are checked. The keys are `model`'s, what must
hold between them is `rules`', what is doubtful about them `doubts`'.
Fails with SettingsError and nothing else; logs nothing: warnings are returned.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge_common.errors import Problem, SettingsError
from bridge_common.settings.doubts import doubts_about
from bridge_common.settings.findings import Findings
from bridge_common.settings.model import Settings
from bridge_common.settings.rules import problems_in
from bridge_common.settings.tables import read_document
from bridge_common.settings.toml_text import quote

_MAX_FILE_BYTES = 1_048_576  # a settings file is some kilobytes; more is the wrong file
_WHOLE_FILE = "settings"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Usable settings, and what is doubtful about them."""

    settings: Settings
    warnings: tuple[Problem, ...]


def read_settings(path: Path) -> Loaded:
    """Return the settings in a file; raises SettingsError."""
    return parse_settings(_read_file(path))


def parse_settings(text: str) -> Loaded:
    """Return the settings in a TOML text; raises SettingsError."""
    return settings_from(_parse_toml(text))


def settings_from(document: Mapping[str, object]) -> Loaded:
    """Return the settings in a parsed TOML document; raises SettingsError."""
    findings = Findings()
    settings = read_document(Settings, document, findings)
    findings.conclude(problems_in(settings))
    if findings.problems:
        raise SettingsError(tuple(findings.problems), settings)
    for doubt in doubts_about(settings):
        findings.warn(doubt.path, doubt.message)
    return Loaded(settings, tuple(findings.warnings))


def _read_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise _refusal(_printable(path), _file_trouble(error)) from None
    if len(content) > _MAX_FILE_BYTES:
        raise _refusal(_printable(path), f"is larger than {_MAX_FILE_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")  # some editors write a byte order mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"line {line} is not UTF-8: save the file in that encoding"
        raise _refusal(_printable(path), message) from None


def _file_trouble(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file; create it, or name another with --settings FILE"
    if isinstance(error, IsADirectoryError):
        return "is a directory; name the file in it with --settings FILE"
    if isinstance(error, PermissionError):
        return "may not be read; give it to the program's group, and chmod 0640 it"
    return f"cannot be read: {error.strerror}"


def _parse_toml(text: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise _refusal(_WHOLE_FILE, "arrays or tables are nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).removesuffix(")").rpartition(" (at ")
        raise _refusal(place, message) from None
    except ValueError:  # int() refuses thousands of digits
        raise _refusal(_WHOLE_FILE, "a number is too long") from None


def _printable(path: Path) -> str:
    text = str(path)
    return text if text.isprintable() else quote(text)


def _refusal(path: str, message: str) -> SettingsError:
    return SettingsError((Problem(path, message),))
