"""`GET /metrics` over HTTP at `metrics_listen`, for Prometheus: in the daemon's own loop.

Whoever reaches the port may ask, so everything is bounded: how long a request is, how long one
takes, how many are answered at a time, and how often the text is made.
Knows as much of HTTP as that takes (RFC 9112): one request a connection, its head only.
A port that cannot be had is a warning of the settings: logins do not wait for metrics.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from bridge_common.deadline import Clock
from bridge_common.metrics import CONTENT_TYPE, Measure, exposition
from bridge_common.runtime.endpoint import EndpointError, Listener, open_endpoint

_logger = logging.getLogger(__name__)

_MAX_HEAD_BYTES = 8192  # as much as usual web servers take
_MOST_CONNECTIONS = 8  # Prometheus keeps to one, a second one may run beside it
_PATIENCE_SECONDS = 5.0
# To make the text takes milliseconds, which logins wait for: no more than one in a hundred.
_FRESH_SECONDS = 1.0

_PLAIN = "text/plain; charset=utf-8"


class MetricsSocket:
    """Serves what is measured; where, `apply` alone changes.

    ``trouble`` says why it is not served, though it should be. ``patience_seconds`` is how long a
    client may take for everything.
    """

    def __init__(
        self,
        measures: Callable[[], Iterable[Measure]],
        *,
        clock: Clock = time.monotonic,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        self.trouble = ""
        self._measures = measures
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._endpoint = ""
        self._make_text: Callable[[], bytes] | None = None
        self._text = b""
        self._made_at = float("-inf")
        self._serving: asyncio.Task[None] | None = None
        self._sessions: set[asyncio.Task[None]] = set()

    def apply(self, endpoint: str) -> None:
        """Serve at this endpoint from now on; empty: nowhere. One that is served already stays."""
        if endpoint == self._endpoint and not self.trouble:
            return
        self.close()
        self._endpoint = endpoint
        if not endpoint:
            return
        try:
            self._make_text = self._make_text or exposition(self._measures)
            listener = open_endpoint(endpoint)
        except (EndpointError, ImportError) as error:
            self.trouble = f"metrics_listen: {error}; there are no metrics"
            return
        self._serving = asyncio.get_running_loop().create_task(self._serve(listener))
        self._serving.add_done_callback(lambda _: listener.close())  # even if it never began

    def close(self) -> None:
        """Serve nowhere any more."""
        self._endpoint, self.trouble = "", ""
        if self._serving is not None:
            self._serving.cancel()
            self._serving = None
        for session in self._sessions:
            session.cancel()

    def warnings(self) -> tuple[str, ...]:
        """Return what the administrator should know."""
        return (self.trouble,) if self.trouble else ()

    async def _serve(self, listener: Listener) -> None:
        """Serve until cancelled."""
        server = await asyncio.start_server(
            self._answer_client, sock=listener.socket, limit=_MAX_HEAD_BYTES
        )
        _logger.info("metrics: listening at %s", listener.name)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()

    async def _answer_client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one request, and hang up; whoever is late, or one too many, gets no answer."""
        session = asyncio.current_task()
        assert session is not None  # noqa: S101  # for the type checker: we are inside a coroutine
        if len(self._sessions) >= _MOST_CONNECTIONS:
            writer.transport.abort()
            return
        self._sessions.add(session)
        try:
            async with asyncio.timeout(self._patience_seconds):
                writer.write(self._reply(await reader.readuntil(b"\r\n\r\n")))
                writer.close()
                await writer.wait_closed()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass
        except asyncio.CancelledError:
            pass  # by `close`; the loop has nobody else to tell
        finally:
            self._sessions.discard(session)
            writer.transport.abort()

    def _reply(self, head: bytes) -> bytes:
        match head.partition(b"\r\n")[0].split(b" "):
            case [method, target, version] if version.startswith(b"HTTP/1."):
                return self._reply_to(method, target.partition(b"?")[0])
            case _:
                return _response("400 Bad Request", _PLAIN, b"This is no request of HTTP/1.\n")

    def _reply_to(self, method: bytes, path: bytes) -> bytes:
        if path != b"/metrics":
            return _response("404 Not Found", _PLAIN, b"The metrics are at /metrics.\n")
        if method not in {b"GET", b"HEAD"}:
            return _response(
                "405 Method Not Allowed", _PLAIN, b"Use GET.\n", "Allow: GET, HEAD\r\n"
            )
        try:
            response = _response("200 OK", CONTENT_TYPE, self._fresh_text())
        except Exception:
            _logger.exception("metrics: a fault of ours while reading them")
            return _response("500 Internal Server Error", _PLAIN, b"See the daemon's log.\n")
        return response if method == b"GET" else response.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

    def _fresh_text(self) -> bytes:
        now = self._clock()
        if self._make_text is not None and now - self._made_at >= _FRESH_SECONDS:
            self._text, self._made_at = self._make_text(), now
        return self._text


def _response(status: str, content_type: str, body: bytes, more: str = "") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        f"{more}Connection: close\r\n\r\n"
    )
    return head.encode() + body
