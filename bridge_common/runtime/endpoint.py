"""Listening sockets of our own: opened with owner and mode, removed only by who bound them.

A socket file that nobody answers at is stale and replaced; a live one belongs to another process
and is left alone, even by a process that starts in the same moment.
Fails with `EndpointError`, whose text says what to do.
"""

import contextlib
import errno
import fcntl
import grp
import os
import pwd
import socket
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bridge_common.settings.endpoint import InetEndpoint, UnixEndpoint, parse_endpoint

BACKLOG = 512


class EndpointError(Exception):
    """An endpoint cannot be opened; the text names it, the reason and the cure."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket and, for a socket file that we made, how to recognise it."""

    name: str
    socket: socket.socket
    path: str = ""
    inode: int = 0

    def close(self) -> None:
        """Close the socket, and unlink its file if it is still the one that we made."""
        self.socket.close()
        if not self.path:
            return
        with contextlib.suppress(OSError):
            if os.lstat(self.path).st_ino == self.inode:
                Path(self.path).unlink()


def open_endpoint(text: str, *, mode: int = 0o660, owner: str = "") -> Listener:
    """Bind and listen at ``unix:PATH`` or ``inet:HOST:PORT``.

    ``mode`` and ``owner`` (``user:group``, either part may be empty) are for socket files.
    Raises EndpointError.
    """
    endpoint = parse_endpoint(text)
    try:
        if isinstance(endpoint, UnixEndpoint):
            return _open_unix(text, endpoint.path, mode, owner)
        return _open_inet(text, endpoint)
    except OSError as error:
        raise EndpointError(f"{text}: {error.strerror or error}{_cure(error)}") from error


def _cure(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            cure = "make the folder first"
            return f"; {cure}: the daemon must be able to write there, its clients to enter"
        case PermissionError():
            return "; the daemon's user must be able to write in this folder"
        case _:
            return ""


def owner_ids(owner: str) -> tuple[int, int]:
    """Return the numeric user and group of ``user:group``; -1 for one that is empty.

    Raises KeyError, whose text says which of them is unknown.
    """
    user, _, group = owner.partition(":")
    uid = pwd.getpwnam(user).pw_uid if user else -1
    return uid, grp.getgrnam(group).gr_gid if group else -1


def _open_unix(text: str, path: str, mode: int, owner: str) -> Listener:
    with _alone_in(Path(path).parent):
        _clear_stale(text, path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener = Listener(text, listening, path, _bind(listening, path))
        try:
            _hand_over(text, path, mode, owner)
            listening.listen(BACKLOG)
            listening.setblocking(False)
        except BaseException:
            listener.close()
            raise
    return listener


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep out other daemons that look, in this moment, whether a socket file is stale."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _bind(listening: socket.socket, path: str) -> int:
    """Bind, and return the inode; nobody may connect before owner and mode are set."""
    before = os.umask(0o177)
    try:
        listening.bind(path)
    except BaseException:
        listening.close()
        raise
    finally:
        os.umask(before)
    return os.lstat(path).st_ino


def _hand_over(text: str, path: str, mode: int, owner: str) -> None:
    try:
        ids = owner_ids(owner)
        if ids != (-1, -1):
            os.chown(path, *ids, follow_symlinks=False)
    except KeyError as error:
        raise EndpointError(f"{text}: socket_owner {owner!r}: {error.args[0]}") from error
    except PermissionError as error:
        cure = "only root may give a socket to another user; leave socket_owner empty"
        raise EndpointError(f"{text}: socket_owner {owner!r}: {cure}") from error
    Path(path).chmod(mode)


def _clear_stale(text: str, path: str) -> None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise EndpointError(f"{text}: a file that is no socket is in the way; move it")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        # Not blocking: the other process may hang, with its queue full.
        probe.setblocking(False)
        if probe.connect_ex(path) != errno.ECONNREFUSED:
            raise EndpointError(f"{text}: another process is listening there; stop it first")
    Path(path).unlink()


def _open_inet(text: str, endpoint: InetEndpoint) -> Listener:
    family, _, _, _, address = socket.getaddrinfo(
        endpoint.host, endpoint.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
        listening.setblocking(False)
        return Listener(text, listening)
    except BaseException:
        listening.close()
        raise
