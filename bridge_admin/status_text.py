"""How the state of a daemon reads: what is wrong comes first, and what is well takes few lines.

Knows what the replies to the control command `status` mean. Much of it was sent by strangers or
said by servers: nothing of that reaches a terminal that is not printable.
Knows nothing of how it is shown, once or again and again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bridge_admin.decision_text import short_lines
from bridge_admin.layout import Fact, laid_out, span
from bridge_admin.server_table import server_table
from bridge_admin.settings_state import differs_from_file
from bridge_admin.terminal import Colour, painted
from bridge_common.shown import printable

Reply = Mapping[str, Any]

_INDENT = "  "


@dataclass(frozen=True, slots=True)
class View:
    """For whom the text is: so many columns, and whether there are colours.

    ``now``: seconds since the epoch.
    """

    columns: int
    colours: bool
    now: float

    def painted(self, text: str, colour: Colour | None) -> str:
        """Return the text in this colour, if there are any."""
        return painted(text, colour if self.colours else None)


@dataclass(frozen=True, slots=True)
class Before:
    """What the daemon replied to an earlier look, so many seconds ago."""

    reply: Reply
    seconds: float


def status_lines(reply: Reply, view: View, before: Before | None = None) -> list[str]:
    """Return the lines about one daemon; with a look ``before``, how often things happen."""
    if before is not None and before.reply["pid"] != reply["pid"]:
        before = None
    return [
        _headline(reply, view),
        *_findings(reply, view),
        *laid_out(_facts(reply, before), view.columns),
        *_servers(reply, view),
        *_recent(reply, view),
    ]


def _headline(reply: Reply, view: View) -> str:
    state, colour = _state(reply)
    rest = f"process {reply['pid']}, up {span(view.now - reply['started'])}"
    return f"{view.painted(reply['program'], 'bold')} {view.painted(state, colour)}, {rest}"


def _state(reply: Reply) -> tuple[str, Colour]:
    if not reply["settings_problems"]:
        return ("serves", "good") if reply["enabled"] else ("is switched off", "doubtful")
    if reply["settings_applied"]:
        return "serves its last good settings; the file is broken", "bad"
    return "answers every request as trouble; the settings are broken", "bad"


def _findings(reply: Reply, view: View) -> Iterator[str]:
    for problem in reply["settings_problems"]:
        yield view.painted(f"error: {printable(problem)}", "bad")
    if lost := reply["log_lines_dropped"]:
        text = f"log: {lost} lines were dropped: standard error did not take them"
        yield view.painted(text, "doubtful")
    if trouble := reply.get("state_folder"):
        yield view.painted(f"state folder: {printable(trouble)}", "bad")
    for warning in reply["settings_warnings"]:
        yield view.painted(f"warning: {printable(warning)}", "doubtful")


def _facts(reply: Reply, before: Before | None) -> Iterator[Fact]:
    file = reply["settings_file"]
    differs = "" if reply["settings_problems"] else differs_from_file(dict(reply))
    yield "settings", f"{file}: {differs}" if differs else file
    yield "listening", ", ".join(reply["listeners"])
    yield "connections", str(reply["connections"])
    if "verdicts" in reply:
        yield "logins", _counted("verdicts", reply, before)
        yield "remembered", _remembered(reply["remembered"])
    if "rules" in reply:
        yield "senders", _counted("decisions", reply, before)
        for context, rules in reply["rules"].items():
            modes = ", ".join(f"{rule} {mode}" for rule, mode in rules.items())
            yield ("", f"in {context}: {modes}") if context else ("rules", modes)
        if reply["aliases"]:
            yield "aliases", reply["aliases"]
    yield from _restraints(reply)


def _counted(key: str, reply: Reply, before: Before | None) -> str:
    counts: Mapping[str, int] = reply[key]
    text = ", ".join(f"{count} {name}" for name, count in counts.items()) or "none yet"
    if before is None:
        return text
    new = sum(counts.values()) - sum(before.reply[key].values())
    return f"{text}; {new / before.seconds:.1f} a second"


def _remembered(counts: Mapping[str, int]) -> str:
    text = f"{counts['accepted']} accepted, {counts['refused']} refused"
    text += f"; used {counts['accepted_again']} and {counts['refused_again']} times"
    grace = counts["accepted_in_grace"]
    return f"{text}; {grace} accepted in grace" if grace else text


def _restraints(reply: Reply) -> Iterator[Fact]:
    """Yield what is kept from logins, if anything is."""
    if guard := reply.get("guard"):
        blocked, not_blocked = (
            sum(guard[key].values()) for key in ("blocked", "would_have_blocked")
        )
        if blocked or not_blocked:
            text = f"blocked {blocked}, would have blocked {not_blocked}"
            yield "guard", f"{text} (mode {guard['mode']})"
    if blocks := reply.get("blocks"):
        yield "blocks", f"{blocks} in force"
    budgets: Mapping[str, int] = reply.get("lockout_budgets", {})
    if any(budgets.values()):
        text = f"{budgets['counted']} counted, {budgets['spent']} spent"
        yield "budgets", f"{text}; {budgets['refused']} passwords were not sent"


def _servers(reply: Reply, view: View) -> Iterator[str]:
    servers, columns = reply.get("servers", ()), view.columns - len(_INDENT)
    for line in server_table(servers, columns, view.now, colours=view.colours):
        yield _INDENT + line


def _recent(reply: Reply, view: View) -> Iterator[str]:
    """Yield the last decisions, one line each."""
    found: Sequence[Reply] = reply["recent"]
    if not found:
        return
    yield _INDENT + view.painted("last decisions", "dim")
    columns = view.columns - len(_INDENT)
    for line in short_lines([dict(one) for one in found], columns, colours=view.colours):
        yield _INDENT + line
