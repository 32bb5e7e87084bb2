"""What systemd and a service tell each other: passed sockets, sd_notify, the watchdog.

sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3). Without systemd everything here is silent.
"""

import os
import socket
from collections.abc import MutableMapping

from bridge_common.runtime.endpoint import Listener

_FIRST_FD = 3
_WAIT_SECONDS = 0.2


def passed_listeners(environ: MutableMapping[str, str]) -> list[Listener]:
    """Return the sockets that systemd passed to this very process, and clear the variables."""
    pid = environ.pop("LISTEN_PID", "")
    count = environ.pop("LISTEN_FDS", "")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    names += ["passed"] * int(count)
    return [_adopt(_FIRST_FD + index, names[index]) for index in range(int(count))]


def _adopt(fd: int, name: str) -> Listener:
    os.set_inheritable(fd, False)
    listening = socket.socket(fileno=fd)
    listening.setblocking(False)
    return Listener(f"systemd:{name}", listening)


class Notifier:
    """Tells systemd how the service is doing."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self._address = environ.pop("NOTIFY_SOCKET", "")
        pid = environ.pop("WATCHDOG_PID", str(os.getpid()))
        period = environ.pop("WATCHDOG_USEC", "")
        wanted = pid == str(os.getpid()) and period.isdecimal()
        self.watchdog_seconds = int(period) / 1_000_000 if wanted else 0.0
        """Within this time systemd wants a sign of life; 0.0 if it wants none."""

    def notify(self, *assignments: str, wait_seconds: float = _WAIT_SECONDS) -> None:
        """Send the assignments (`READY=1`, ...); a lost one is not worth a failure.

        Blocks for ``wait_seconds`` at most, where systemd is behind with reading.
        """
        if not self._address:
            return
        # An abstract socket is written with @ for its leading NUL.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending:
                sending.settimeout(wait_seconds)
                # Only of a connected one does the kernel say when it has room at its other end.
                sending.connect(address)
                sending.send("\n".join(assignments).encode())
        except OSError:
            return
