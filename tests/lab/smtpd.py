"""Postfix's smtpd as the auth socket sees it: one connection, one login after the other."""

import base64
import socket
from pathlib import Path
from types import TracebackType
from typing import Self


class Smtpd:
    """One connection to the auth socket, as Postfix's smtpd holds it."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("rwb")
        self._id = 0

    def __enter__(self) -> Self:
        self._file.write(b"VERSION\t1\t1\nCPID\t1\n")
        while self._file.readline() != b"DONE\n":
            pass
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        self._socket.close()

    def login(
        self, login: str, password: str, *, secured: bool = True, client: str = "192.0.2.1"
    ) -> str:
        """Return the reply, or nothing if the daemon hung up."""
        self._id += 1
        response = base64.b64encode(f"\0{login}\0{password}".encode()).decode()
        session = "service=smtp" + (f"\trip={client}" if client else "")
        session += "\tsecured" if secured else ""
        self._file.write(f"AUTH\t{self._id}\tPLAIN\t{session}\tresp={response}\n".encode())
        self._file.flush()
        return self._file.readline().decode().removesuffix("\n")
