"""How decisions read: in columns for people, as in the log for programs, or as JSON.

What a decision holds was chosen by strangers: nothing of it reaches a terminal that is not
printable. Knows the fields of both programs; knows nothing of where decisions come from.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bridge_admin.layout import row_lines
from bridge_admin.terminal import Colour, painted_part
from bridge_common.decision_line import format_decision
from bridge_common.shown import printable

Decision = dict[str, Any]
"""As the control socket tells it, and with its ``program``."""

_USUAL_MECHANISMS = ("PLAIN", "LOGIN", "")
# Where a server's words look like this, they only stand by themselves.
_BETWEEN_STEPS = re.compile(r"; (?=\S+ (?:accepted|rejected|unavailable) in [0-9.]+ s \()")
_COLOURS: dict[str, Colour | None] = {
    "accepted": "good",
    "rejected": "bad",
    "unavailable": "doubtful",
    "DUNNO": None,
    "553 5.7.1": "bad",
    "451 4.3.0": "doubtful",
    "close": "doubtful",
    "monitored": "doubtful",
}
_WIDE = 100  # columns
# Of the time, the outcome, the login and the client: few break out of the latter, and they leave
# room for the rest.
_LEAST_WIDTHS = (8, 9, 5, 6)
_MOST_WIDTHS = (19, 11, 32, 15)


def as_logged(decision: Decision) -> str:
    """Return the line that the log holds."""
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(decision["time"]))
    return f"{moment} {format_decision(decision['fields'])}"


def as_json(decision: Decision) -> str:
    """Return one object: when, by whom, its number there, and the fields."""
    second, fraction = divmod(decision["time"], 1)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
    head = {
        "time": f"{moment}.{int(fraction * 1000):03}Z",
        "program": decision["program"],
        "number": decision["number"],
    }
    return json.dumps(head | decision["fields"])


class Columns:
    """Decisions as a table that may grow: its columns get wider, but not too wide, never narrower.

    ``colours``: whether the terminal has any.
    """

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours
        self._widths: Sequence[int] = _LEAST_WIDTHS

    def lines(self, decisions: Sequence[Decision], terminal: int) -> list[str]:
        """Return the lines of these, for a terminal of so many columns."""
        rows = [_row(decision) for decision in decisions]
        for *cells, _ in rows:
            wider = zip(self._widths, map(len, cells), _MOST_WIDTHS, strict=True)
            self._widths = [max(now, min(cell, most)) for now, cell, most in wider]
        return [line for row in rows for line in self._lines(row, terminal)]

    def _lines(self, row: tuple[str, ...], terminal: int) -> Iterator[str]:
        *cells, details = row
        widths = [*map(max, self._widths, map(len, cells)), 0]
        first, *others = row_lines((*cells, details), widths, terminal)
        colour = _colour(cells) if self._colours else None
        yield painted_part(first, widths[0] + 2, cells[1], colour)
        yield from others


def short_lines(decisions: Sequence[Decision], terminal: int, *, colours: bool) -> list[str]:
    """Return one line for each, cut where the terminal ends; a narrow one is not shown clients."""
    rows = [_row(decision) for decision in decisions]
    if terminal < _WIDE:
        rows = [(*cells[:3], cells[4]) for cells in rows]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = []
    for cells in rows:
        padded = (f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True))
        line = _cut("  ".join(padded).rstrip(), terminal)
        lines.append(
            painted_part(line, widths[0] + 2, cells[1], _colour(cells) if colours else None)
        )
    return lines


def _cut(line: str, terminal: int) -> str:
    return line if len(line) <= terminal else line[: terminal - 3] + "..."


def _colour(cells: Sequence[str]) -> Colour | None:
    return _COLOURS.get(cells[1], "bad")


def _row(decision: Decision) -> tuple[str, ...]:
    fields = {name: _text(value) for name, value in decision["fields"].items()}
    details = _of_sender(fields) if "action" in fields else _of_login(fields)
    return (
        _moment(decision["time"]),
        _outcome(fields),
        fields.get("login") or "-",
        fields.get("client") or "-",
        details,
    )


def _text(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float | int) else printable(str(value))


def _moment(moment: float) -> str:
    """Return the time of day, and the day if it is not today."""
    then, now = time.localtime(moment), time.localtime()
    today = (then.tm_year, then.tm_yday) == (now.tm_year, now.tm_yday)
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S", then)


def _outcome(fields: Mapping[str, str]) -> str:
    if "action" in fields:
        return "monitored" if fields.get("mode") == "monitor" else fields["action"]
    return fields.get("verdict", "")


def _of_login(fields: Mapping[str, str]) -> str:
    """Return who decided about a login and why, and what the others said who were asked."""
    server = fields.get("server", "")
    text = f"{server}: {fields.get('reason', '')}"
    if fields.get("seconds", "0.000") != "0.000":
        text += f" ({fields['seconds']} s)"
    asked = _BETWEEN_STEPS.split(fields.get("asked", ""))
    text = "; ".join(
        [text, *(step for step in asked if step and not step.startswith(f"{server} "))]
    )
    if fields.get("typed"):
        text += f"; typed as {fields['typed']}"
    mechanism = fields.get("mechanism", "")
    return text if mechanism in _USUAL_MECHANISMS else f"[{mechanism}] {text}"


def _of_sender(fields: Mapping[str, str]) -> str:
    """Return the envelope, and which rule decided about it and why."""
    text = fields.get("sender") or "?"
    if fields.get("resolved"):
        text += f" (= {fields['resolved']})"
    if fields.get("recipient"):
        text += f" > {fields['recipient']}"
    if fields.get("context"):
        text += f" ({fields['context']})"
    why = ": ".join(filter(None, (fields.get("rule"), fields.get("reason"))))
    return f"{text}; {why}" if why else text
