"""`bridgectl explain`: which rule lets a sender through or refuses it, and why.

sasl-policyd does the explaining, with the code that decides for Postfix.
"""

import argparse
import json
import os
from collections.abc import Iterator
from typing import Any

from bridge_admin.control_client import POLICYD, ask_daemon
from bridge_admin.settings_state import differs_from_file
from bridge_common.shown import printable

# lookup_timeout is 30 s at most.
_TIMEOUT_SECONDS = 35.0
_PARTS = ("login", "sender", "client", "recipient", "context")
_EXIT_CODES = {"DUNNO": os.EX_OK, "451 4.3.0": os.EX_TEMPFAIL}


def add_parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> argparse.ArgumentParser:
    """Declare the command and its arguments."""
    parser = subparsers.add_parser(
        "explain",
        help="say whether a sender would be let through, and which rule decides",
        description="Ask sasl-policyd what Postfix would be told of a sender, and why. Exit code "
        "0 if nothing is against it, 77 if it is refused, 75 if it is to try again later.",
    )
    parser.add_argument("--login", default="", help="who has logged in (default: nobody)")
    parser.add_argument(
        "--sender", required=True, metavar="ADDRESS", help="what MAIL FROM says; <> is the null one"
    )
    parser.add_argument("--client", default="", metavar="IP", help="the client's address")
    parser.add_argument("--recipient", default="", metavar="ADDRESS", help="what RCPT TO says")
    parser.add_argument(
        "--context", default="", metavar="NAME", help="Postfix's policy_context, as submission"
    )
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Ask the daemon and print the answer."""
    asked = {part: getattr(arguments, part) for part in _PARTS}
    reply = ask_daemon(
        arguments.settings, "explain", daemon=POLICYD, seconds=_TIMEOUT_SECONDS, **asked
    )
    reply["settings"] = differs_from_file(ask_daemon(arguments.settings, "status", daemon=POLICYD))
    if arguments.json:
        print(json.dumps(reply))
    else:
        for line in _lines(reply):
            print(printable(line))  # a sender may be typed to do something to the terminal
    return _EXIT_CODES.get(reply["action"], os.EX_NOPERM)


def _lines(reply: dict[str, Any]) -> Iterator[str]:
    if reply["settings"]:
        yield f"settings {reply['settings']}"
    yield from _login(reply)
    yield from _sender(reply)
    yield from _rules(reply)
    yield ""
    yield from _verdict(reply)


def _login(reply: dict[str, Any]) -> Iterator[str]:
    login, identity = reply["login"], reply["identity"]
    if not login:
        yield "login    nobody has logged in"
        return
    yield f"login    {login}" + (f" is {identity}" if identity not in ("", login) else "")
    if reply["login_refused"]:
        yield f"         owns nothing: {reply['login_refused']}"
    for item in reply["owns"]:
        yield f"         owns {item['address']} ({item['how']})"
    if reply["trouble"]:
        yield f"         may own more: {reply['trouble']}"


def _sender(reply: dict[str, Any]) -> Iterator[str]:
    yield f"sender   {reply['sender'] or '<>, the null sender'}"
    if reply["unsure"]:
        yield f"         is not one sure address: {reply['unsure']}"
        for reading in reply["readings"]:
            yield f"         may become {reading}{'any domain' if reading[-1] == '@' else ''}"
    elif reply["resolved"] != reply["sender"]:
        yield f"         counts as {reply['resolved']}"


def _rules(reply: dict[str, Any]) -> Iterator[str]:
    context, contexts = reply["context"], reply["contexts"]
    if not context:
        yield "rules    of [sender]"
    elif reply["context_known"]:
        yield f"rules    of [sender] in context {context}"
    else:
        yield f"rules    of [sender]: there is no [[sender.context]] {context}"
    if contexts and not (context and reply["context_known"]):
        known = ", ".join(contexts)
        yield f"         there are contexts: {known}; name one with --context"
    for rule in reply["rules"]:
        verdict = "refuses" if rule["refuses"] else "passes"
        if not rule["in_force"]:
            verdict = "would refuse" if rule["refuses"] else "would pass"
        yield f"         {rule['rule']:<20} {rule['mode']:<8} {verdict:<12} {rule['why']}"


def _verdict(reply: dict[str, Any]) -> Iterator[str]:
    if reply["smtp_reply"]:
        yield f"{reply['rule']} decides; Postfix tells the client:"
        yield reply["smtp_reply"]
    elif reply["monitored"]:
        yield f"Nothing is refused; {reply['rule']} would, if it were enforced."
    else:
        yield "Nothing is against it: Postfix goes on with its next restriction."
