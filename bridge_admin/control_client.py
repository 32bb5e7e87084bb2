"""The tools' end of the control socket: one question, one answer, in JSON lines.

Fails with `NotRunning` if nobody listens there, `RequestFailed` if the daemon says no, and
`TooLong` if it could not take the question.
"""

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge_common.runtime.control import MAX_LINE_BYTES
from bridge_common.settings.location import control_of
from bridge_common.settings.model import SmtpAuth
from bridge_common.settings.sender import Sender

# More than requests take: the daemon's own deadline is 9.5 s at most, and the probe of a directory
# has three of them, 28.5 s.
_TIMEOUT_SECONDS = 15.0
PROBE_TIMEOUT_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Daemon:
    """A daemon, and where the settings say its control socket is: a section and its default."""

    name: str
    section: str
    control: str


BRIDGE = Daemon("sasl-bridge", "smtp_auth", SmtpAuth().control)
POLICYD = Daemon("sasl-policyd", "sender", Sender().control)


class NotRunning(Exception):  # noqa: N818  # it says what is the matter
    """No daemon answers at the control socket; the text says what to do."""


class TooLong(Exception):  # noqa: N818  # the same
    """The request is longer than daemons take; the text says so."""


class RequestFailed(Exception):  # noqa: N818  # the same
    """The daemon refused the request; the text is the daemon's.

    ``kind`` says whose fault it is: "request", "busy" (nobody's; try again), "fault" (its own).
    """

    def __init__(self, text: str, kind: str) -> None:
        super().__init__(text)
        self.kind = kind


def ask_daemon(
    settings_file: Path,
    command: str,
    *,
    daemon: Daemon = BRIDGE,
    seconds: float = _TIMEOUT_SECONDS,
    **arguments: Any,
) -> dict[str, Any]:
    """Send one command to a daemon and return its reply, without the ``ok``.

    ``seconds`` is how long the answer is waited for.
    The settings may be broken: they are only asked where the control socket is.
    Raises NotRunning, RequestFailed or TooLong.
    """
    question = json.dumps({"command": command, **arguments})
    if len(question) > MAX_LINE_BYTES:
        raise TooLong(f"this is more than the {MAX_LINE_BYTES} bytes that a daemon can be asked")
    control = control_of(settings_file, daemon.section, daemon.control)
    path = control.removeprefix("unix:")
    try:
        line = _exchange(path, question, seconds)
    except PermissionError as error:
        raise NotRunning(f"{control}: permission denied; run this as root") from error
    except OSError as error:
        # Whoever mistyped the file's name would look for the daemon in vain.
        missing = "" if settings_file.exists() else f"there is no {settings_file}, and "
        raise NotRunning(
            f"{missing}{control}: {error.strerror or error}; is {daemon.name} running?"
        ) from error
    if not line.endswith(b"\n"):
        raise NotRunning(f"{control}: the daemon hung up without an answer; see its log")
    reply: dict[str, Any] = json.loads(line)
    if not reply.pop("ok"):
        raise RequestFailed(str(reply["error"]), str(reply.get("kind", "fault")))
    return reply


def _exchange(path: str, line: str, seconds: float) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        connection.connect(path)
        connection.sendall(line.encode() + b"\n")
        with connection.makefile("rb") as answers:
            return answers.readline()
