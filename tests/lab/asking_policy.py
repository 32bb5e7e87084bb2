"""Postfix's smtpd as the policy socket sees it: one connection, one request after the other."""

import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.policy_client import actions_in, request_bytes


class Asker:
    """One connection to the policy socket, without an event loop."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("rwb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, **attributes: str) -> str:
        """Send a request and return the action, or nothing if the daemon hung up."""
        self.send(**attributes)
        return self.action()

    def send(self, **attributes: str) -> None:
        """Send a request."""
        self._file.write(request_bytes(**attributes))
        self._file.flush()

    def action(self) -> str:
        """Return the action of the next reply, or nothing if the daemon hung up."""
        try:
            reply = self._file.readline() + self._file.readline()
        except ConnectionError:
            return ""
        return actions_in(reply)[0] if reply else ""
