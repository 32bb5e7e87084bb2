"""Where the settings file is, and what can be known of one that is broken.

Knows TOML's outermost shape only; `read` knows the rest. Raises nothing, logs nothing.
"""

import tomllib
from pathlib import Path

from bridge_common.settings.endpoint import UnixEndpoint, parse_endpoint

DEFAULT_SETTINGS_FILE = Path("/etc/sasl-bridge/settings.toml")


def control_of(file: Path, section: str, default: str) -> str:
    """Return the control endpoint that a settings file names, however broken the rest of it is.

    A daemon with broken settings is asked there what is wrong with them.
    """
    try:
        with file.open("rb") as opened:
            found = tomllib.load(opened)[section]["control"]
        return found if isinstance(parse_endpoint(found), UnixEndpoint) else default
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return default
