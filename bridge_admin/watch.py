"""`bridgectl status --watch`: the daemons' state, looked at again and again.

On a terminal each picture is drawn over the one before; in a pipe it comes below.
A daemon that goes away is told of in its place, and the other one is still shown.
Fails as `ask_each` does, with RequestFailed.
"""

import argparse
import contextlib
import json
import os
import select
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from bridge_admin.both_daemons import Replies, ask_each, missed
from bridge_admin.screen import Screen
from bridge_admin.status_text import Before, Reply, View, status_lines
from bridge_admin.terminal import columns, is_terminal, painted, wants_colours

# A daemon that is silent keeps the other one's state waiting for so long.
_PATIENCE_SECONDS = 3.0


def watch(arguments: argparse.Namespace, seconds: float) -> int:
    """Show the state each so many seconds, until Ctrl-C; returns the exit code."""
    looks = _Looks(arguments)
    with contextlib.suppress(KeyboardInterrupt):
        if is_terminal() and not arguments.json:
            _draw(looks, seconds)
        else:
            _append(looks, seconds, as_json=arguments.json)
    return os.EX_OK


def _draw(looks: "_Looks", seconds: float) -> None:
    colours = wants_colours()
    with Screen() as screen:
        while True:
            look = looks.next()
            end = time.monotonic() + seconds
            time_of_day = time.strftime("%H:%M:%S", time.localtime(look.moment))
            title = f"{time_of_day}, every {seconds:g} s until Ctrl-C"
            head = [painted(title, "dim" if colours else None), ""]
            changed = True
            while changed:
                screen.draw([*head, *look.lines(columns(), colours=colours)])
                changed = screen.changes_within(end - time.monotonic())


def _append(looks: "_Looks", seconds: float, *, as_json: bool) -> None:
    """Print until nobody reads it any more."""
    reader = select.poll()
    reader.register(sys.stdout, 0)  # it tells only that the other side is gone
    gone = False
    while not gone:
        look = looks.next()
        if as_json:
            print(json.dumps(look.replies))
        else:
            moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(look.moment))
            print("\n".join([moment, "", *look.lines(columns(), colours=False), ""]))
        sys.stdout.flush()
        gone = bool(reader.poll(seconds * 1000))


@dataclass(frozen=True, slots=True)
class _Look:
    """What was seen of the daemons at a moment, in seconds since the epoch.

    ``away``: why those that are missed did not answer. ``before``: what was seen the time before.
    """

    moment: float
    replies: Replies
    away: Mapping[str, str]
    before: Mapping[str, Before]

    def lines(self, columns: int, *, colours: bool) -> list[str]:
        """Return who does not answer, then the state of each of the others."""
        view = View(columns, colours, self.moment)
        lines = [view.painted(f"{name}: {why}", "bad") for name, why in self.away.items()]
        for name, reply in self.replies.items():
            if reply is not None:
                lines += ["", *status_lines(reply, view, self.before.get(name))]
        return lines if self.away else lines[1:]


class _Looks:
    """The looks, each of which knows of the one before."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._last: dict[str, tuple[float, Reply]] = {}

    def next(self) -> _Look:
        """Look at the daemons."""
        replies, away = ask_each(self._arguments, "status", seconds=_PATIENCE_SECONDS)
        now = time.monotonic()
        before = {name: Before(reply, now - then) for name, (then, reply) in self._last.items()}
        self._last = {name: (now, reply) for name, reply in replies.items() if reply}
        said = {name: str(away[name]) for name in missed(self._arguments, replies)}
        return _Look(time.time(), replies, said, before)
