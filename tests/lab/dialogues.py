"""The corpora of logins at remote servers: tests/transcripts/imap and tests/transcripts/pop3.

Knows their directions, how the dialogue of a transcript is begun, and what happens in it.
Does not play it: that is for whoever reads it.
Fails with `TranscriptError` or AssertionError on a transcript that makes no sense.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from bridge_common.secret import Secret
from lab.transcript import Direction, FromClient, FromServer, Step, read_transcript
from sasl_bridge.dialogue.imap import ImapDialogue
from sasl_bridge.dialogue.interface import Attempt, Dialogue, DialogueRules, Outcome
from sasl_bridge.dialogue.pop3 import Pop3Dialogue
from sasl_bridge.verdict import Verdict

_CORPORA = Path(__file__).parents[1] / "transcripts"

_ATTEMPT = Attempt("alice@example.com", Secret(b"secret"))
_RULES = DialogueRules()


@dataclass(frozen=True, slots=True)
class Said:
    """The server says this, all of it together."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Heard:
    """The client must have said this, and nothing else."""

    data: bytes


@dataclass(frozen=True, slots=True)
class TlsBegins:
    """The client must want to begin TLS, and does."""


@dataclass(frozen=True, slots=True)
class HungUp:
    """The server hangs up."""


Event = Said | Heard | TlsBegins | HungUp


@dataclass(frozen=True, slots=True)
class Login:
    """One transcript: what is tried, what happens, and what is to come of it.

    ``outcome`` is None if there is to be none: the dialogue waits.
    ``takes_leave``: whether it says LOGOUT or QUIT when it is told to leave at the end.
    """

    name: str
    attempt: Attempt | None = _ATTEMPT
    rules: DialogueRules = _RULES
    events: tuple[Event, ...] = ()
    password_sent: bool = True
    takes_leave: bool = True
    outcome: Outcome | None = None

    def begin(self) -> Dialogue:
        """Begin the dialogue. Its tags, with IMAP, are T1, T2, ..."""
        if self.name.startswith("pop3/"):
            return Pop3Dialogue(self.attempt, self.rules)
        return ImapDialogue(self.attempt, self.rules, tag_prefix="T")


def transcripts() -> list[str]:
    """Return the names of all there are, as in ``pop3/stls``."""
    files = (file for protocol in ("imap", "pop3") for file in (_CORPORA / protocol).glob("*.txt"))
    return sorted(f"{file.parent.name}/{file.stem}" for file in files)


def read_login(name: str) -> Login:
    """Read the transcript of this name."""
    steps = read_transcript(_CORPORA / f"{name}.txt")
    login = Login(name, events=tuple(_events(steps)))
    for step in steps:
        if isinstance(step, Direction):
            login = _directed(login, step.words)
    if login.events[-1:] == (HungUp(),):
        login = replace(login, takes_leave=False)
    return login


def _events(steps: list[Step]) -> Iterator[Event]:
    """Join what is said in a row; directions that are no events stand in nobody's way."""
    events = (event for step in steps if (event := _event(step)) is not None)
    for kind, group in groupby(events, type):
        joined = b"".join(event.data for event in group if isinstance(event, Said | Heard))
        yield kind(joined) if joined else kind()


def _event(step: Step) -> Event | None:
    match step:
        case FromServer(line):
            return Said(line + b"\r\n")
        case Direction(("part", text)):
            return Said(text.encode())
        case FromClient(line):
            return Heard(line + b"\r\n")
        case Direction(("tls",)):
            return TlsBegins()
        case Direction(("hangup",)):
            return HungUp()
    return None


def _directed(login: Login, words: tuple[str, ...]) -> Login:  # noqa: C901, PLR0911  # a table
    match words:
        case ("login", name, password):
            return replace(login, attempt=Attempt(name, Secret(password.encode())))
        case ("nothing-to-try",):
            return replace(login, attempt=None, password_sent=False)
        case ("client", address):
            assert login.attempt
            attempt = replace(login.attempt, client=address)
            return replace(login, attempt=attempt, rules=replace(login.rules, forward_client=True))
        case ("security", ("plain" | "ssl" | "tls") as security):
            return replace(login, rules=replace(login.rules, security=security))
        case ("unavailable-text", text):
            texts = (*login.rules.unavailable_texts, text)
            return replace(login, rules=replace(login.rules, unavailable_texts=texts))
        case ("in-use-is-success",):
            return replace(login, rules=replace(login.rules, in_use_is_success=True))
        case ("unsent",):
            return replace(login, password_sent=False)
        case ("no-farewell",):
            return replace(login, takes_leave=False)
        case (("accepted" | "rejected" | "unavailable") as verdict, *detail):
            return replace(login, outcome=Outcome(Verdict(verdict), " ".join(detail)))
        case ("account-state",):
            assert login.outcome
            return replace(login, outcome=replace(login.outcome, account_state=True))
        case ("hangup",) | ("tls",) | ("part", _):
            return login
    raise AssertionError(f"{login.name}: unknown direction {words}")
