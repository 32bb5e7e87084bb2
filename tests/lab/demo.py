"""The demo: one login accepted, one refused, one while nobody can say, before your eyes.

A Postfix (made of examples/postfix), a Dovecot or (`python -m lab.demo ldap`) an OpenLDAP slapd of
its own, the daemon in between, on loopback ports in a temporary folder that is gone afterwards.
Prints each SMTP dialogue as it was spoken.
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
from lab.directory_entries import Person
from lab.dovecot import Dovecot
from lab.gateway import Gateway
from lab.postfix import Postfix
from lab.processes import LabError, lab_folder
from lab.replies import ACCEPTED, TRY_LATER, WRONG
from lab.settings import ldap_profile, tls_server
from lab.slapd import Slapd
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


@dataclass(frozen=True, slots=True)
class Play:
    """What is shown: who knows the passwords, and the words for how it is asked."""

    who: str
    program: str
    asking: str

    @property
    def acts(self) -> tuple[Act, ...]:
        """The three logins, in order."""
        return (
            Act(
                "1. The right password",
                f"Postfix passes what Alice typed to the bridge; the bridge {self.asking};\n"
                f"the {self.who} says yes, so Postfix does, and takes her mail.",
                PASSWORD,
                ACCEPTED,
            ),
            Act(
                "2. A wrong password",
                f"The {self.who} says no. This is the only case in which anybody is told 535,\n"
                "on which mail programs ask their user for another password.",
                "incorrect horse",
                WRONG,
            ),
            Act(
                f"3. The right password, but the {self.who} is down",
                "Nobody can say whether it is right, so nobody says that it is wrong: 454 lets\n"
                "the mail program keep password and mail, and try again later.",
                PASSWORD,
                TRY_LATER,
            ),
        )


IMAP = Play("mail server", "Dovecot", "logs in at her mail server by IMAP over TLS")
LDAP = Play("directory", "slapd", "looks her up in the directory and binds as her, over TLS")


def main(play: Play) -> int:
    """Run the demo; returns its exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it, too, cleans up
    if os.geteuid() != 0:
        print("The demo starts a Postfix of its own, and only root may do that.", file=sys.stderr)
        return os.EX_NOPERM
    try:
        with _stage(play) as stage:
            done = [_perform(number, stage) for number in range(len(play.acts))]
    except (LabError, OSError, smtplib.SMTPException) as error:
        print(f"\nThe demo cannot go on: {error}", file=sys.stderr)
        return os.EX_UNAVAILABLE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    print(_painted("Everything is stopped, and the temporary folder is gone.", "dim"))
    print(_painted("All three as expected.", "good") if all(done) else _painted("FAILED", "bad"))
    return 0 if all(done) else 1


@dataclass(frozen=True, slots=True)
class _Stage:
    play: Play
    gateway: Gateway
    passwords: Dovecot | Slapd
    bridge: Bridge


@contextlib.contextmanager
def _stage(play: Play) -> Iterator[_Stage]:
    """Set up everything; progress is a line each."""
    with lab_folder() as folder, contextlib.ExitStack() as started:
        print(_painted("Setting the stage (all on 127.0.0.1)", "bold"))
        tls = make_certificates(folder)
        postfix = Postfix(folder / "postfix", tls)
        gateway = Gateway(folder, tls, postfix)
        passwords: Dovecot | Slapd
        if play is LDAP:
            alice = Person("alice", PASSWORD, (LOGIN,))
            passwords = started.enter_context(gateway.slapd([alice], tls))
            what = f"OpenLDAP's slapd, LDAP over TLS, port {passwords.port}"
            profile = ldap_profile("directory", passwords)
            settings = gateway.bridge(profile, method="ldap", ldap_profile="directory")
        else:
            passwords = started.enter_context(gateway.dovecot({LOGIN: PASSWORD}, tls))
            what = f"Dovecot {passwords.version}, IMAP over TLS, port {passwords.port}"
            settings = gateway.bridge(tls_server("mailboxes", passwords, tls))
        _progress(play.who, what)
        bridge = started.enter_context(settings)
        _progress("sasl-bridge", f"its socket is {postfix.auth_socket}")
        started.enter_context(postfix)
        port = postfix.submission
        _progress("gateway", f"Postfix {postfix.version}, submission with STARTTLS, port {port}")
        yield _Stage(play, gateway, passwords, bridge)


def _perform(number: int, stage: _Stage) -> bool:
    """Perform one act; tell whether it went as expected."""
    act = stage.play.acts[number]
    print(f"\n{_painted(act.title, 'bold')}\n{act.explanation}\n")
    if act.expected == TRY_LATER:
        stage.passwords.stop()
        _progress(stage.play.who, f"{stage.play.program} is stopped\n")
    with stage.gateway.submission() as session:
        session.secure()
        reply = session.plain(LOGIN, act.password)
        accepted = reply == ACCEPTED and session.deliver(LOGIN, "bob@example.net", MAIL)[0] == 250
    _print_dialogue(session.transcript, act.expected, whole=number == 0)
    logged = stage.bridge.decisions(number + 1)[-1].partition("login=")
    print(f"\n  What the bridge logged:\n  {_painted(''.join(logged[1:]), 'dim')}\n")
    as_expected = reply == act.expected and accepted == (act.expected == ACCEPTED)
    verdict = "as expected" if as_expected else f"expected {act.expected[0]}, got {reply[0]}"
    print(f"  {_painted(verdict, 'good' if as_expected else 'bad')}")
    return as_expected


def _print_dialogue(lines: list[str], expected: Reply, *, whole: bool) -> None:
    """Print it line by line; what precedes AUTH is the same each time, so only once."""
    if not whole:
        begin = next(number for number, line in enumerate(lines) if line.startswith("C: AUTH"))
        lines = lines[begin:]
        print(_painted("  (greeting, EHLO, STARTTLS and EHLO as before)", "dim"))
    for line in lines:
        print(f"  {_spoken(line, expected)}")


def _spoken(line: str, expected: Reply) -> str:
    if not line.startswith("C: "):
        decisive = line.startswith(f"S: {expected[0]} ") or "queued as" in line
        return _painted(line, "bold" if decisive else "server")
    if not line.startswith("C: AUTH"):
        return _painted(line, "client")
    return f"{_painted(line, 'client')}   {_painted('(base64: login and password)', 'dim')}"


def _progress(who: str, what: str) -> None:
    print(f"  {who:<12} {what}", flush=True)


def _painted(text: str, colour: str) -> str:
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if _PAINT else text


if __name__ == "__main__":
    sys.exit(main(LDAP if sys.argv[1:] == ["ldap"] else IMAP))
