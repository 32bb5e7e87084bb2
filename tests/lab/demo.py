"""The demo: one login accepted, one refused, one while the mail server is down, before your eyes.

A Postfix (made of examples/postfix) and a Dovecot of its own, the daemon in between, on loopback
ports in a temporary folder that is gone afterwards. Prints each SMTP dialogue as it was spoken.
Needs root, as Postfix does, and nothing from PyPI.
Exit codes: 0 as expected, 1 otherwise, 69 if something cannot run, 77 if not root, 130 if stopped.
"""

import contextlib
import os
import signal
import smtplib
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from lab.bridge import Bridge
from lab.certificates import make_certificates
from lab.dovecot import Dovecot
from lab.gateway import Gateway
from lab.postfix import Postfix
from lab.processes import LabError, lab_folder
from lab.replies import ACCEPTED, TRY_LATER, WRONG
from lab.settings import tls_server
from lab.smtp import Reply

LOGIN = "alice@example.com"
PASSWORD = "correct horse battery staple"
MAIL = """\
From: Alice <alice@example.com>\r
To: Bob <bob@example.net>\r
Subject: Hello\r
\r
The gateway let me send this, and it has never known my password.\r
"""

_COLOURS = {"bold": "1", "dim": "2", "client": "36", "good": "32", "bad": "31", "server": "33"}
_PAINT = sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and "NO_COLOR" not in os.environ


@dataclass(frozen=True, slots=True)
class Act:
    """One login of the demo, and what must come of it."""

    title: str
    explanation: str
    password: str
    expected: Reply


ACTS = (
    Act(
        "1. The right password",
        "Postfix passes what Alice typed to the bridge; the bridge logs in at her mail server\n"
        "by IMAP over TLS; the server says yes, so Postfix does, and takes her mail.",
        PASSWORD,
        ACCEPTED,
    ),
    Act(
        "2. A wrong password",
        "The mail server says no. This is the only case in which anybody is told 535,\n"
        "on which mail programs ask their user for another password.",
        "incorrect horse",
        WRONG,
    ),
    Act(
        "3. The right password, but the mail server is down",
        "Nobody can say whether it is right, so nobody says that it is wrong: 454 lets the\n"
        "mail program keep password and mail, and try again later.",
        PASSWORD,
        TRY_LATER,
    ),
)


def main() -> int:
    """Run the demo; returns its exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it, too, cleans up
    if os.geteuid() != 0:
        print("The demo starts a Postfix of its own, and only root may do that.", file=sys.stderr)
        return os.EX_NOPERM
    try:
        with _stage() as (gateway, dovecot, bridge):
            done = [_play(act, gateway, dovecot, bridge) for act in ACTS]
    except (LabError, OSError, smtplib.SMTPException) as error:
        print(f"\nThe demo cannot go on: {error}", file=sys.stderr)
        return os.EX_UNAVAILABLE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    print(_painted("Everything is stopped, and the temporary folder is gone.", "dim"))
    print(_painted("All three as expected.", "good") if all(done) else _painted("FAILED", "bad"))
    return 0 if all(done) else 1


@contextlib.contextmanager
def _stage() -> Iterator[tuple[Gateway, Dovecot, Bridge]]:
    """Set up everything; progress is a line each."""
    with lab_folder() as folder, contextlib.ExitStack() as started:
        print(_painted("Setting the stage (all on 127.0.0.1)", "bold"))
        tls = make_certificates(folder)
        postfix = Postfix(folder / "postfix", tls)
        gateway = Gateway(folder, tls, postfix)
        dovecot = started.enter_context(gateway.dovecot({LOGIN: PASSWORD}, tls))
        _progress("mail server", f"Dovecot {dovecot.version}, IMAP over TLS, port {dovecot.port}")
        bridge = started.enter_context(gateway.bridge(tls_server("mailboxes", dovecot, tls)))
        _progress("sasl-bridge", f"its socket is {postfix.auth_socket}")
        started.enter_context(postfix)
        port = postfix.submission
        _progress("gateway", f"Postfix {postfix.version}, submission with STARTTLS, port {port}")
        yield gateway, dovecot, bridge


def _play(act: Act, gateway: Gateway, dovecot: Dovecot, bridge: Bridge) -> bool:
    """Perform one act; tell whether it went as expected."""
    print(f"\n{_painted(act.title, 'bold')}\n{act.explanation}\n")
    if act.expected == TRY_LATER:
        dovecot.stop()
        _progress("mail server", "Dovecot is stopped\n")
    with gateway.submission() as session:
        session.secure()
        reply = session.plain(LOGIN, act.password)
        accepted = reply == ACCEPTED and session.deliver(LOGIN, "bob@example.net", MAIL)[0] == 250
    _print_dialogue(session.transcript, act)
    logged = bridge.decisions(_number(act))[-1].partition("login=")
    print(f"\n  What the bridge logged:\n  {_painted(''.join(logged[1:]), 'dim')}\n")
    as_expected = reply == act.expected and accepted == (act.expected == ACCEPTED)
    verdict = "as expected" if as_expected else f"expected {act.expected[0]}, got {reply[0]}"
    print(f"  {_painted(verdict, 'good' if as_expected else 'bad')}")
    return as_expected


def _print_dialogue(transcript: list[str], act: Act) -> None:
    """Print it line by line; what precedes AUTH is the same each time, so only once."""
    lines = transcript
    if act is not ACTS[0]:
        begin = next(number for number, line in enumerate(lines) if line.startswith("C: AUTH"))
        lines = lines[begin:]
        print(_painted("  (greeting, EHLO, STARTTLS and EHLO as before)", "dim"))
    for line in lines:
        print(f"  {_spoken(line, act)}")


def _number(act: Act) -> int:
    return ACTS.index(act) + 1


def _spoken(line: str, act: Act) -> str:
    if not line.startswith("C: "):
        decisive = line.startswith(f"S: {act.expected[0]} ") or "queued as" in line
        return _painted(line, "bold" if decisive else "server")
    if not line.startswith("C: AUTH"):
        return _painted(line, "client")
    return f"{_painted(line, 'client')}   {_painted('(base64: login and password)', 'dim')}"


def _progress(who: str, what: str) -> None:
    print(f"  {who:<12} {what}", flush=True)


def _painted(text: str, colour: str) -> str:
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if _PAINT else text


if __name__ == "__main__":
    sys.exit(main())
