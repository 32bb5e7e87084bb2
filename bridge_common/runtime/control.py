"""The control socket: JSON lines between a daemon and its administrator's tools.

A request is one line, `{"command": NAME, ...}`; the reply is one line, `{"ok": true, ...}` or
`{"ok": false, "error": TEXT}`. Root and the service group may connect, by the socket file's mode.
Knows how commands are carried; knows nothing of what they mean. A request is never logged: it may
carry a password.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bridge_common.runtime.endpoint import Listener

_logger = logging.getLogger(__name__)

_MAX_LINE_BYTES = 65536

Reply = dict[str, Any]
Command = Callable[[Mapping[str, Any]], Awaitable[Reply]]


class BadRequest(Exception):  # noqa: N818  # it is the client's error, and reads as what it is
    """A command cannot use what it was given; the text goes to the client."""


class ControlSocket:
    """Serves a table of commands on one listening socket."""

    def __init__(self, commands: Mapping[str, Command]) -> None:
        self._commands = commands
        self._sessions: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client until it hangs up."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # for the type checker: we are inside a coroutine
        self._sessions.add(task)
        try:
            while line := await reader.readline():
                reply = await self._reply(line)
                writer.write(json.dumps(reply).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError, asyncio.CancelledError):
            # ValueError: the line was longer than the reader's limit.
            pass
        finally:
            self._sessions.discard(task)
            writer.close()

    async def _reply(self, line: bytes) -> Reply:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            return _failed("the request is not JSON")
        if not isinstance(request, dict):
            return _failed("the request is not a JSON object")
        command = self._commands.get(str(request.get("command", "")))
        if command is None:
            return _failed(f"no such command; there are {', '.join(sorted(self._commands))}")
        try:
            return {"ok": True, **await command(request)}
        except BadRequest as error:
            return _failed(str(error))
        except Exception:
            _logger.exception("control: command failed")
            return _failed("the daemon met an error of its own; see its log")

    def close(self) -> None:
        """End all sessions."""
        for session in list(self._sessions):
            session.cancel()


def _failed(text: str) -> Reply:
    return {"ok": False, "error": text}


async def serve_control(control: ControlSocket, listener: Listener) -> asyncio.Server:
    """Serve the control socket on its listener."""
    return await asyncio.start_server(control.serve, sock=listener.socket, limit=_MAX_LINE_BYTES)


def text_of(request: Mapping[str, Any], key: str, default: str = "") -> str:
    """Return a string out of a request; raises BadRequest if it is something else."""
    value = request.get(key, default)
    if not isinstance(value, str):
        raise BadRequest(f"{key} must be a string")
    return value
