"""`bridgectl decisions`: what was decided lately about logins and senders, and what is next.

The daemons remember their last thousand, whatever the log holds. `--follow` looks again and again,
four times a second: so the daemons do nothing for it while they decide, however many look.
"""

import argparse
import contextlib
import os
import select
import sys
from collections.abc import Callable, Iterable
from typing import Any

from bridge_admin.both_daemons import DAEMONS, add_daemon_option, ask_daemons, exit_code
from bridge_admin.control_client import NotRunning, ask_daemon
from bridge_admin.decision_text import Columns, Decision, as_json, as_logged
from bridge_admin.terminal import columns, is_terminal, wants_colours

_SHOWN = 20
_LOOK_SECONDS = 0.25
_FILTERS = ("login", "client", "verdict", "action", "refused")
# Followed daemons that are silent hold up the other one's decisions for so long.
_PATIENCE_SECONDS = 3.0

Lines = Callable[[list[Decision]], list[str]]


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command and its arguments."""
    parser = subparsers.add_parser(
        "decisions",
        help="show what was decided lately about logins and senders",
        description="Show the last decisions of the running daemons, of which each remembers a "
        "thousand, and with --follow those to come. In a terminal they stand in columns, in a pipe "
        "as in the log. Exit code 0; 69 if a daemon does not run that the settings switch on.",
    )
    add_daemon_option(parser)
    parser.add_argument("--follow", action="store_true", help="go on with new ones, until Ctrl-C")
    parser.add_argument(
        "--limit",
        type=_limit,
        default=_SHOWN,
        metavar="N",
        help="show so many of the past, 250 of each daemon at most (default: %(default)s)",
    )
    parser.add_argument("--login", default="", metavar="TEXT", help="only logins that hold this")
    parser.add_argument(
        "--client", default="", metavar="IP", help="only clients of this address or network"
    )
    parser.add_argument(
        "--verdict",
        default="",
        choices=("accepted", "rejected", "unavailable"),
        help="only logins with this verdict",
    )
    parser.add_argument(
        "--action",
        default="",
        metavar="CODE",
        help="only senders with this action: 553, 451, dunno",
    )
    parser.add_argument(
        "--refused", action="store_true", help="only what was refused or in trouble"
    )
    return parser


def _limit(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Print the decisions."""
    wanted = {name: getattr(arguments, name) for name in _FILTERS}
    replies = ask_daemons(arguments, "decisions", most=arguments.limit, **wanted)
    lines_of = _text(arguments)
    found = [one for name, reply in replies.items() if reply for one in _decisions(name, reply)]
    _show(lines_of(_in_order(found)[-arguments.limit :] if arguments.limit else []))
    if not arguments.follow:
        return exit_code(arguments, replies, good=True)
    followed = [_Followed(arguments, name, wanted, reply) for name, reply in replies.items()]
    return _follow(followed, lines_of)


def _text(arguments: argparse.Namespace) -> Lines:
    """Return what makes lines of decisions."""
    if arguments.json:
        return lambda found: list(map(as_json, found))
    if not is_terminal():
        return lambda found: list(map(as_logged, found))
    table = Columns(colours=wants_colours())
    return lambda found: table.lines(found, columns())


def _decisions(program: str, reply: dict[str, Any]) -> list[Decision]:
    return [one | {"program": program} for one in reply["decisions"]]


def _in_order(found: Iterable[Decision]) -> list[Decision]:
    return sorted(found, key=lambda one: one["time"])


def _show(lines: list[str]) -> None:
    for line in lines:
        print(line)
    sys.stdout.flush()


def _follow(followed: "list[_Followed]", lines_of: Lines) -> int:
    """Show what is new until Ctrl-C, or until nobody reads it any more."""
    reader = select.poll()
    reader.register(sys.stdout, 0)  # it tells only that the other side is gone
    with contextlib.suppress(KeyboardInterrupt):
        while not reader.poll(_LOOK_SECONDS * 1000):
            _show(lines_of(_in_order(new for one in followed for new in one.look())))
    return os.EX_OK


class _Followed:
    """One daemon, up to where its decisions are known, and whether it is away."""

    def __init__(
        self,
        arguments: argparse.Namespace,
        name: str,
        wanted: dict[str, Any],
        reply: dict[str, Any] | None,
    ) -> None:
        self._settings = arguments.settings
        self._name = name
        self._wanted = wanted
        self._away = reply is None
        self._last = reply["last"] if reply else 0
        self._run = reply["run"] if reply else ""

    def look(self) -> list[Decision]:
        """Return what is new; say on standard error what is not to be had."""
        try:
            reply = ask_daemon(
                self._settings,
                "decisions",
                daemon=DAEMONS[self._name],
                seconds=_PATIENCE_SECONDS,
                after=self._last,
                run=self._run,
                **self._wanted,
            )
        except NotRunning as error:
            if not self._away:
                _say(str(error))
            self._away = True
            return []
        if self._away:
            _say(f"{self._name} answers again")
        if reply["missed"]:
            _say(f"{reply['missed']} decisions of {self._name} came too fast to be followed")
        self._away, self._last, self._run = False, reply["last"], reply["run"]
        return _decisions(self._name, reply)


def _say(text: str) -> None:
    print(f"bridgectl: {text}", file=sys.stderr, flush=True)
