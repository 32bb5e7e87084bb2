"""The servers that are asked, as `bridgectl status` shows them: those in trouble first.

Knows what their summaries mean. Knows nothing of how a server is asked.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bridge_admin.layout import row_lines, span
from bridge_admin.terminal import Colour, painted, painted_part
from bridge_common.shown import printable

Server = Mapping[str, Any]

_HEADER = ("server", "state", "in use", "warm", "accepts in", "where")
_AWAY, _OK, _UNKNOWN, _NOT_ENABLED = range(4)  # the worst first
_COLOURS: tuple[Colour | None, ...] = ("bad", "good", None, "dim")
# What was wrong longer ago is of no interest any more.
_LATELY_SECONDS = 3600.0


def server_table(
    servers: Sequence[Server], columns: int, now: float, *, colours: bool
) -> Iterator[str]:
    """Yield the lines of a table for a terminal of so many columns; none without servers."""
    if not servers:
        return
    in_order = sorted(servers, key=_condition)
    header, *rows = _without_empty_columns([_HEADER, *(_row(server, now) for server in in_order)])
    widths = [max(map(len, cells)) for cells in zip(header, *rows, strict=True)]
    yield painted(row_lines(header, widths, columns)[0], "dim" if colours else None)
    for server, row in zip(in_order, rows, strict=True):
        first, *others = row_lines(row, widths, columns)
        colour = _COLOURS[_condition(server)] if colours else None
        yield painted_part(first, widths[0] + 2, row[1], colour)
        yield from others


def _without_empty_columns(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the table without the columns that hold nothing but their heading."""
    columns = [cells for cells in zip(*rows, strict=True) if any(cells[1:])]
    return list(zip(*columns, strict=True))


def _condition(server: Server) -> int:
    if not server["enabled"]:
        return _NOT_ENABLED
    breaker = server.get("breaker")
    if breaker is None:
        return _UNKNOWN
    return _OK if breaker["state"] == "ok" else _AWAY


def _row(server: Server, now: float) -> tuple[str, ...]:
    in_use = server.get("in_use") if server["enabled"] else None
    breaker = server.get("breaker") or {}
    latency = breaker.get("latency_seconds")
    return (
        server["name"],
        _state(server, breaker, now),
        f"{in_use} of {server['most']}" if in_use is not None else "",
        str(server.get("warm") or ""),
        f"{latency:.3f} s" if latency is not None else "",
        "; ".join([_where(server), *_avoided(server), *_trouble(breaker, now)]),
    )


def _state(server: Server, breaker: Mapping[str, Any], now: float) -> str:
    condition = _condition(server)
    if condition == _AWAY:
        return f"away {span(now - breaker['since'])}"
    return {_OK: "ok", _UNKNOWN: "", _NOT_ENABLED: "not enabled"}[condition]


def _where(server: Server) -> str:
    profile = f"profile {server['profile']} at " if server["profile"] else ""
    return f"{profile}{', '.join(server['hosts'])} port {server['port']}"


def _avoided(server: Server) -> Iterator[str]:
    if hosts := server.get("avoided_hosts"):
        yield f"asked last for now: {', '.join(hosts)}"


def _trouble(breaker: Mapping[str, Any], now: float) -> Iterator[str]:
    """Yield what is wrong with it, or was lately."""
    if not breaker.get("last_error"):
        return
    error, ago = printable(breaker["last_error"]), now - breaker["last_error_at"]
    if breaker["state"] != "ok":
        left = breaker["next_probe_seconds"]
        yield f"looked at again in {span(math.ceil(left))}" if left else "being looked at"
        yield error
    elif ago < _LATELY_SECONDS:
        yield f"{span(ago)} ago: {error}"
