"""From a reference in the settings to the secret: `file:/path`, `credential:name`, or the text.

Knows files and systemd's credentials folder. Does not know what the secret is for.
Fails with ValueError, which says what to do and never holds the secret; logs nothing: what is
doubtful goes to the caller's ``warn``.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from bridge_common.secret import Secret
from bridge_common.settings.toml_text import quote

Warn = Callable[[str], None]

_MAX_SECRET_BYTES = 65536  # more is not a password but the wrong file


def resolve_secret(reference: str, warn: Warn = lambda _: None) -> Secret:
    """Return the secret that ``reference`` names, never an empty one."""
    kind, _, rest = reference.partition(":")
    if kind == "file":
        return _from_file(rest, warn)
    if kind == "credential":
        return _from_credential(rest, warn)
    if not reference:
        raise ValueError("is empty")
    warn("the secret itself is in the settings; put it in a file and write file:/path")
    return Secret(reference.encode("utf-8", "surrogatepass"))


def _from_credential(name: str, warn: Warn) -> Secret:
    if not name or "/" in name or not name.strip("."):
        raise ValueError(f"{quote(name)} is not the name of a credential")
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise ValueError(
            f"systemd passed no credentials: start the service with LoadCredential={name}:..."
        )
    return _from_file(str(Path(folder, name)), warn)


def _from_file(path: str, warn: Warn) -> Secret:
    if not path.startswith("/"):
        raise ValueError(f"{quote(path)} is not an absolute path: write file:/path")
    try:
        with Path(path).open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            value = file.read(_MAX_SECRET_BYTES + 1)
    except ValueError:  # a NUL in the path
        raise ValueError(f"{quote(path)} is not the path of a file") from None
    except OSError as error:
        raise ValueError(f"{quote(path)} cannot be read: {error.strerror}") from None
    if mode & stat.S_IROTH:
        warn(f"{quote(path)} may be read by everyone on this machine: chmod 0640 it")
    return _without_newline(value, path)


def _without_newline(value: bytes, path: str) -> Secret:
    if len(value) > _MAX_SECRET_BYTES:
        raise ValueError(f"{quote(path)} is longer than {_MAX_SECRET_BYTES} bytes: no secret is")
    # The newline that an editor or `echo` adds is not part of the secret; a second one is.
    value = value.removesuffix(b"\n").removesuffix(b"\r") if value.endswith(b"\n") else value
    if not value:
        raise ValueError(f"{quote(path)} is empty: write the secret into it")
    return Secret(value)
