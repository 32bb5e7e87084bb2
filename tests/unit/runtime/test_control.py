"""The control socket, over a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge_common.runtime.control import (
    BadRequest,
    Busy,
    Command,
    ControlSocket,
    Reply,
    WhileAwaited,
    serve_control,
    text_of,
)
from bridge_common.runtime.endpoint import open_endpoint


async def echo(request: Mapping[str, Any]) -> Reply:
    return {"text": text_of(request, "text")}


async def picky(_request: Mapping[str, Any]) -> Reply:
    raise BadRequest("not like this")


async def faulty(_request: Mapping[str, Any]) -> Reply:
    raise RuntimeError("a fault of ours")


async def busy(_request: Mapping[str, Any]) -> Reply:
    raise Busy("later")


async def slow(request: Mapping[str, Any]) -> Reply:
    Path(text_of(request, "file")).touch()
    try:
        await asyncio.Event().wait()
    finally:
        Path(text_of(request, "file")).unlink()
    return {}


async def dozing(request: Mapping[str, Any]) -> Reply:
    """Take a few turns of the loop."""
    for _ in range(20):
        await asyncio.sleep(0)
    return await echo(request)


@asynccontextmanager
async def control(
    folder: Path,
) -> AsyncIterator[tuple[ControlSocket, asyncio.StreamReader, asyncio.StreamWriter]]:
    commands: dict[str, Command] = {
        "echo": echo,
        "picky": picky,
        "busy": busy,
        "faulty": faulty,
        "slow": slow,
        "awaited": WhileAwaited(slow),
        "dozing": WhileAwaited(dozing),
    }
    served = ControlSocket(commands)
    listener = open_endpoint(f"unix:{folder}/control")
    server = await serve_control(served, listener)
    reader, writer = await asyncio.open_unix_connection(folder / "control")
    try:
        yield served, reader, writer
    finally:
        writer.close()
        server.close()
        served.close()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: bytes) -> Any:
    writer.write(line + b"\n")
    return json.loads(await reader.readline())


async def test_a_command_gets_its_request_and_its_reply_is_one_line(tmp_path: Path) -> None:
    async with control(tmp_path) as (_, reader, writer):
        assert await ask(reader, writer, b'{"command": "echo", "text": "a\\nb"}') == {
            "ok": True,
            "text": "a\nb",
        }
        assert await ask(reader, writer, b'{"command": "echo"}') == {"ok": True, "text": ""}


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"hello", "the request is not JSON"),
        (b"\xff", "the request is not JSON"),
        (b"[" * 60000, "the request is not JSON"),
        (b"[]", "the request is not a JSON object"),
        (b"{}", "no such command; there are awaited, busy, dozing, echo, faulty, picky, slow"),
        (
            b'{"command": ["x"]}',
            "no such command; there are awaited, busy, dozing, echo, faulty, picky, slow",
        ),
        (b'{"command": "echo", "text": 1}', "text must be a string"),
        (b'{"command": "picky"}', "not like this"),
    ],
)
async def test_a_bad_request_is_told_and_the_session_goes_on(
    tmp_path: Path, line: bytes, error: str
) -> None:
    async with control(tmp_path) as (_, reader, writer):
        assert await ask(reader, writer, line) == {
            "ok": False,
            "error": error,
            "kind": "request",
        }
        assert (await ask(reader, writer, b'{"command": "echo"}'))["ok"]


@pytest.mark.expect_warnings("control: command failed")
async def test_a_fault_of_ours_is_logged_and_the_session_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with control(tmp_path) as (_, reader, writer):
        reply = await ask(reader, writer, b'{"command": "faulty", "password": "pssst"}')
        assert reply == {
            "ok": False,
            "error": "the daemon met an error of its own; see its log",
            "kind": "fault",
        }
        assert (await ask(reader, writer, b'{"command": "echo"}'))["ok"]
    assert "pssst" not in caplog.text


async def test_one_may_be_told_to_try_again(tmp_path: Path) -> None:
    async with control(tmp_path) as (_, reader, writer):
        assert await ask(reader, writer, b'{"command": "busy"}') == {
            "ok": False,
            "error": "later",
            "kind": "busy",
        }


async def begun(writer: asyncio.StreamWriter, command: str, file: Path) -> None:
    """Send a command that touches the file, and wait until it has."""
    writer.write(json.dumps({"command": command, "file": str(file)}).encode() + b"\n")
    while not file.exists():
        await asyncio.sleep(0)


@pytest.mark.parametrize("last_words", [b"", b"half a line"])
async def test_a_command_may_end_with_its_client(tmp_path: Path, last_words: bytes) -> None:
    async with control(tmp_path) as (_, _, writer):
        await begun(writer, "awaited", tmp_path / "begun")
        writer.write(last_words)
        writer.close()
        while (tmp_path / "begun").exists():
            await asyncio.sleep(0.001)


async def test_others_are_done_all_the_same(tmp_path: Path) -> None:
    async with control(tmp_path) as (_, _, writer):
        await begun(writer, "slow", tmp_path / "slow")
        reader, other = await asyncio.open_unix_connection(tmp_path / "control")
        await begun(other, "awaited", tmp_path / "awaited")
        writer.close()
        other.close()
        while (tmp_path / "awaited").exists():
            await asyncio.sleep(0.001)
        assert (tmp_path / "slow").exists()
        assert await reader.read() == b""


async def test_who_sends_the_next_request_still_waits(tmp_path: Path) -> None:
    async with control(tmp_path) as (_, reader, writer):
        writer.write(b'{"command": "dozing", "text": "1"}\n{"command": "dozing", "text": "2"}\n')
        assert json.loads(await reader.readline()) == {"ok": True, "text": "1"}
        assert json.loads(await reader.readline()) == {"ok": True, "text": "2"}


async def test_an_endless_line_ends_the_session(tmp_path: Path) -> None:
    async with control(tmp_path) as (_, reader, writer):
        writer.write(b"x" * 200_000)
        assert await reader.read() == b""


async def test_closing_ends_sessions_and_their_commands(tmp_path: Path) -> None:
    async with control(tmp_path) as (served, reader, writer):
        assert (await ask(reader, writer, b'{"command": "echo"}'))["ok"]
        begun = tmp_path / "begun"
        writer.write(json.dumps({"command": "slow", "file": str(begun)}).encode() + b"\n")
        while not begun.exists():
            await asyncio.sleep(0)
        served.close()
        assert await reader.read() == b""
