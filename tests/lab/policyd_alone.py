"""A sasl-policyd by itself, under which a login must use its own senders."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.bridge import Policyd
from lab.settings import sender_settings_text

NOT_HERS = "553 5.7.1 not owned by user alice@example.com"
CLOSED = ""
SALES = "sales@example.com"
BOB = "bob@example.com"


def policyd_settings(folder: Path, *tables: str, **sender: Any) -> str:
    """Return settings under which a login must use its own senders."""
    keys: dict[str, Any] = {"match_login": "enforce", "aliases_file": str(folder / "aliases")}
    return sender_settings_text(folder, folder / "policy", tables, **(keys | sender))


@contextmanager
def policyd_alone(folder: Path, *tables: str, **sender: Any) -> Iterator[Policyd]:
    """Yield one that runs."""
    with Policyd(folder, policyd_settings(folder, *tables, **sender)) as policyd:
        yield policyd
