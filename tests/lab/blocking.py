"""bridgectl's commands about blocks, and what they print."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from bridge_admin.cli import main as bridgectl


@dataclass(frozen=True, slots=True)
class Said:
    """What one command came to."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Administrator:
    """Somebody at a shell, for one settings file."""

    settings_file: Path
    capsys: pytest.CaptureFixture[str]

    def says(self, *words: str) -> Said:
        """Run bridgectl."""
        code = bridgectl([*words, "--settings", str(self.settings_file)])
        out, err = self.capsys.readouterr()
        return Said(code, out, err)
