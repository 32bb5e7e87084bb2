"""Where the settings file is, and what can be known of one that is broken.

Knows TOML's outermost shape only; `read` knows the rest. Raises nothing, logs nothing.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from bridge_common.settings.endpoint import UnixEndpoint, parse_endpoint

_PLAIN_KEY = re.compile(r'^[ \t]*([a-z_]+)[ \t]*=[ \t]*"([^"\\\n]*)"', re.MULTILINE)

DEFAULT_SETTINGS_FILE = Path("/etc/sasl-bridge/settings.toml")


def control_of(file: Path, section: str, default: str) -> str:
    """Return the control endpoint that a settings file names, however broken the rest of it is.

    A daemon with broken settings is asked there what is wrong with them.
    """
    try:
        content = file.read_bytes().decode("utf-8", "replace")
        found = _section_of(content, section)["control"]
        return found if isinstance(parse_endpoint(found), UnixEndpoint) else default
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return default


def _section_of(content: str, section: str) -> Mapping[str, str]:
    try:
        table: Mapping[str, str] = tomllib.loads(content)[section]
    except tomllib.TOMLDecodeError:
        # Not even TOML, then line by line: from the section's heading to the next one.
        _, _, behind = content.partition(f"[{section}]")
        return dict(_PLAIN_KEY.findall(behind.partition("\n[")[0]))
    return table
