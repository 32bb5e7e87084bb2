"""Whether what a daemon has in force is what the settings file says. Raises nothing."""

from pathlib import Path
from typing import Any


def differs_from_file(status: dict[str, Any]) -> str:
    """Return why the file does not say what is in force; empty if it does.

    ``status`` is a daemon's reply to the command of that name.
    """
    if status["settings_problems"]:
        return "the file is broken; the last good settings are in force"
    try:
        # Its inode's change: a file may be moved here that is older than the one before.
        changed = Path(status["settings_file"]).stat().st_ctime
    except OSError as error:
        return f"the file cannot be looked at ({error.strerror}); what it said is in force"
    if changed > status["settings_applied"]:
        return "the file has changed since; bridgectl reload brings it into force"
    return ""
