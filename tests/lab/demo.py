"""The demo: logins and senders accepted and refused, and a server down, before your eyes.

A Postfix (made of examples/postfix), a Dovecot or (`python -m lab.demo ldap`) an OpenLDAP slapd of
its own, both daemons in between, on loopback ports in a temporary folder that is gone afterwards.
What is played stands in `lab.plays`.
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

from lab.bridge import Daemon
from lab.certificates import make_certificates
from lab.directory_entries import Person
from lab.dovecot import Dovecot
from lab.gateway import Gateway
from lab.plays import IMAP, LDAP, LOGIN, PASSWORD, Act, Play, Seen
from lab.policed import ENFORCED
from lab.postfix import Postfix
from lab.processes import LabError, lab_folder
from lab.settings import ldap_profile, tls_server
from lab.slapd import Slapd
from lab.smtp import Reply

_COLOURS = {"bold": "1", "dim": "2", "client": "36", "good": "32", "bad": "31", "server": "33"}
_PAINT = sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and "NO_COLOR" not in os.environ


def main(play: Play) -> int:
    """Run the demo; returns its exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that it, too, cleans up
    if os.geteuid() != 0:
        print("The demo starts a Postfix of its own, and only root may do that.", file=sys.stderr)
        return os.EX_NOPERM
    try:
        with _stage(play) as stage:
            done = [_perform(act, stage) for act in play.acts]
    except (LabError, OSError, smtplib.SMTPException) as error:
        print(f"\nThe demo cannot go on: {error}", file=sys.stderr)
        return os.EX_UNAVAILABLE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    print(_painted("Everything is stopped, and the temporary folder is gone.", "dim"))
    print(_painted("All as expected.", "good") if all(done) else _painted("FAILED", "bad"))
    return 0 if all(done) else 1


@dataclass(frozen=True, slots=True)
class _Stage:
    play: Play
    gateway: Gateway
    passwords: Dovecot | Slapd
    daemons: dict[str, Daemon]


@contextlib.contextmanager
def _stage(play: Play) -> Iterator[_Stage]:
    """Set up everything; progress is a line each."""
    with lab_folder() as folder, contextlib.ExitStack() as started:
        print(_painted("Setting the stage (all on 127.0.0.1)", "bold"))
        tls = make_certificates(folder)
        postfix = Postfix(folder / "postfix", tls, xclient=True, policy=True)
        gateway = Gateway(folder, tls, postfix)
        passwords: Dovecot | Slapd
        if play is LDAP:
            alice = Person("alice", PASSWORD, (LOGIN, play.sender))
            passwords = started.enter_context(gateway.slapd([alice], tls))
            what = f"OpenLDAP's slapd, LDAP over TLS, port {passwords.port}"
            profile = ldap_profile("directory", passwords)
            bridge = gateway.bridge(profile, method="ldap", ldap_profile="directory")
            policyd = gateway.policyd(profile, ldap_profile="directory", **ENFORCED)
        else:
            passwords = started.enter_context(gateway.dovecot({LOGIN: PASSWORD}, tls))
            what = f"Dovecot {passwords.version}, IMAP over TLS, port {passwords.port}"
            bridge = gateway.bridge(tls_server("mailboxes", passwords, tls))
            policyd = gateway.policyd(**ENFORCED)
        _progress(play.who, what)
        daemons: dict[str, Daemon] = {"sasl-bridge": bridge, "sasl-policyd": policyd}
        for daemon in daemons.values():
            started.enter_context(daemon)
        _progress("sasl-bridge", f"its socket is {postfix.auth_socket}")
        _progress("sasl-policyd", f"its socket is {postfix.policy_socket}")
        started.enter_context(postfix)
        ports = f"submission port {postfix.submission}, port 25 is {postfix.smtp}"
        _progress("gateway", f"Postfix {postfix.version}, {ports}")
        yield _Stage(play, gateway, passwords, daemons)


def _perform(act: Act, stage: _Stage) -> bool:
    """Perform one act; tell whether it went as expected."""
    print(f"\n{_painted(act.title, 'bold')}\n{act.explanation}\n")
    if act.without_server:
        stage.passwords.stop()
        _progress(stage.play.who, f"{stage.play.program} is stopped\n")
    before = {name: len(stage.daemons[name].decisions(0)) for name in act.logged_by}
    seen = act.perform(stage.gateway, stage.play)
    _print_dialogue(act, seen)
    print()
    for name in act.logged_by:
        for line in stage.daemons[name].decisions(before[name] + 1)[before[name] :]:
            _print_logged(name, line)
    good = seen.replies == act.expected
    verdict = "as expected" if good else f"expected {act.expected}, got {seen.replies}"
    print(f"\n  {_painted(verdict, 'good' if good else 'bad')}")
    return good


def _print_logged(name: str, line: str) -> None:
    """Print a line of a daemon's log without its time."""
    print(f"  {name} logged:\n  {_painted(line.partition(' ')[2].partition(' ')[2], 'dim')}")


def _print_dialogue(act: Act, seen: Seen) -> None:
    """Print it line by line, from where it is new."""
    if act.before:
        print(_painted(f"  ({act.before})", "dim"))
    for line in seen.dialogue:
        print(f"  {_spoken(line, act.expected)}")


def _spoken(line: str, expected: tuple[Reply, ...]) -> str:
    if not line.startswith("C: "):
        decisive = any(line == f"S: {code} {text}" for code, text in expected)
        decisive = decisive or "queued as" in line
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
