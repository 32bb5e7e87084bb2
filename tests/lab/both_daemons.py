"""Both daemons by one settings file, where no server can say whether a login is right."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from bridge_admin.control_client import ask_daemon
from lab.bridge import Bridge, Policyd
from lab.settings import sender_settings_text, server, settings_text

_NOBODY = 1  # a port where none listens


@contextlib.contextmanager
def running(folder: Path, *programs: type[Bridge | Policyd]) -> Iterator[Path]:
    """Yield the settings file of both daemons, of which these run.

    Only refused decisions are logged.
    """
    logins = settings_text(folder, folder / "auth", [server("first", _NOBODY)], require_tls=False)
    senders = sender_settings_text(folder, folder / "policy", [], match_login="enforce")
    text = logins + "".join(senders.partition("[sender]")[1:]) + '[log]\ndecisions = "refused"\n'
    file = folder / "settings.toml"
    file.write_text(text)
    with contextlib.ExitStack() as stack:
        for program in programs:
            stack.enter_context(program(folder / program.module, text))
        yield file


def log_in(file: Path, login: str) -> None:
    """Try a login, as `bridgectl login` does."""
    ask_daemon(file, "verify", login=login, password="secret", client="192.0.2.9")
