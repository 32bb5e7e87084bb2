"""The control socket: JSON lines between a daemon and its administrator's tools.

A request is one line, `{"command": NAME, ...}`; the reply is one line, `{"ok": true, ...}` or
`{"ok": false, "error": TEXT, "kind": KIND}`, where the kind says whose fault it is: the request's
("request"), nobody's ("busy": try again), or ours ("fault").
A client that closes its sending side has hung up: `WhileAwaited` commands (probe) then end without
a reply, the others are done.
Root and the service group may connect, by the socket file's mode.
Knows how commands are carried; knows nothing of what they mean. A request is never logged: it may
carry a password.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bridge_common.runtime.endpoint import Listener

_logger = logging.getLogger(__name__)

MAX_LINE_BYTES = 65536
"""Of a request; whoever sends a longer line is hung up on."""

Reply = dict[str, Any]
Command = Callable[[Mapping[str, Any]], Awaitable[Reply]]
Kind = Literal["request", "busy", "fault"]


class BadRequest(Exception):  # noqa: N818  # it is the client's error, and reads as what it is
    """A command cannot use what it was given; the text goes to the client."""


class _GoneError(Exception):
    """The client hung up and does not wait for its reply."""


class Busy(Exception):  # noqa: N818  # the same
    """A command cannot be done at the moment; the text goes to the client."""


@dataclass(frozen=True, slots=True)
class WhileAwaited:
    """A command that ends when its client hangs up; others are done all the same."""

    command: Command

    async def __call__(self, request: Mapping[str, Any]) -> Reply:
        """Do it."""
        return await self.command(request)


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
        reading = _read_line(reader)
        try:
            while line := await reading:
                # Read on at once: so we notice when nobody waits for the reply any more.
                reading = _read_line(reader)
                reply = await self._reply(line, reading)
                writer.write(json.dumps(reply).encode() + b"\n")
                await writer.drain()
        except (_GoneError, ConnectionError, ValueError, asyncio.CancelledError):
            # ValueError: the line was longer than the reader's limit.
            pass
        finally:
            self._sessions.discard(task)
            reading.cancel()
            writer.close()

    async def _reply(self, line: bytes, next_line: "asyncio.Future[bytes]") -> Reply:
        try:
            command, request = self._requested(line)
            if isinstance(command, WhileAwaited):
                reply = await _unless_hung_up(command(request), next_line)
            else:
                reply = await command(request)
        except BadRequest as error:
            return _failed(str(error), "request")
        except Busy as error:
            return _failed(str(error), "busy")
        except _GoneError:
            raise
        except Exception:
            _logger.exception("control: command failed")
            return _failed("the daemon met an error of its own; see its log", "fault")
        return {"ok": True, **reply}

    def _requested(self, line: bytes) -> tuple[Command, Mapping[str, Any]]:
        """Return the command and what it is given. Raises BadRequest."""
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            raise BadRequest("the request is not JSON") from None
        if not isinstance(request, dict):
            raise BadRequest("the request is not a JSON object")
        command = self._commands.get(str(request.get("command", "")))
        if command is None:
            raise BadRequest(f"no such command; there are {', '.join(sorted(self._commands))}")
        return command, request

    def close(self) -> None:
        """End all sessions."""
        for session in list(self._sessions):
            session.cancel()


def _read_line(reader: asyncio.StreamReader) -> "asyncio.Task[bytes]":
    reading = asyncio.create_task(reader.readline())
    # Nobody may come to ask what it raised.
    reading.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return reading


async def _unless_hung_up(command: Awaitable[Reply], next_line: "asyncio.Future[bytes]") -> Reply:
    """Return the command's reply; cancel it, and raise _GoneError, if the client is gone."""
    doing = asyncio.ensure_future(command)
    waiting: set[asyncio.Future[Any]] = {doing, next_line}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done() and _is_gone(next_line):
            raise _GoneError
        return await doing
    finally:
        if not doing.done():
            doing.cancel()
            await asyncio.wait({doing})


def _is_gone(next_line: "asyncio.Future[bytes]") -> bool:
    """Say whether the client has closed its side: no line came, or it broke off."""
    return next_line.exception() is not None or not next_line.result().endswith(b"\n")


def _failed(text: str, kind: Kind) -> Reply:
    return {"ok": False, "error": text, "kind": kind}


async def serve_control(control: ControlSocket, listener: Listener) -> asyncio.Server:
    """Serve the control socket on its listener."""
    return await asyncio.start_server(control.serve, sock=listener.socket, limit=MAX_LINE_BYTES)


def text_of(request: Mapping[str, Any], key: str, default: str = "") -> str:
    """Return a string out of a request; raises BadRequest if it is something else."""
    value = request.get(key, default)
    if not isinstance(value, str):
        raise BadRequest(f"{key} must be a string")
    return value
