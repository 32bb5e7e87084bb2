"""Playing a dialogue with a server made of steps, and the laws that hold for every dialogue.

Takes the carrier's part, and judges by what went over the wire, not by what the dialogue says of
itself. What only one protocol knows is asked of a `Reader`, which reads as its server would.
Words of a step:

    security plain|ssl|tls    encryption, as in `DialogueRules`; all of these may stand anywhere
    login LOGIN PASSWORD      what is tried
    nothing-to-try            it only looks
    client ADDRESS            is forwarded
    in-use-is-success
    unavailable-text TEXT
    tls                       the handshake succeeds, where one is due
    hangup                    the server hangs up
"""

import base64
import re
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import unquote

from bridge_common.secret import Secret
from fuzz.law import require
from fuzz.steps import Step, Steps, whole_and_in_pieces
from sasl_bridge.dialogue.interface import (
    Action,
    Attempt,
    DialogueRules,
    Outcome,
    Security,
    Send,
    StartTls,
)
from sasl_bridge.dialogue.line_dialogue import LineDialogue
from sasl_bridge.verdict import Verdict

_LONGEST_LINE = 8 * 1024  # of a server, in bytes; so much may be held of one that is not whole
_LONGEST_TALK = 64 * 1024 + _LONGEST_LINE  # before TLS, and in it

_SECURITIES: dict[str, Security] = {"plain": "plain", "ssl": "ssl", "tls": "tls"}
_SHOWN_CHARACTERS = 200
_TELLING = 6  # so much of a password, or all of a shorter one, is not to be shown
_SHORT = 4  # below this it is looked for as a word only
_SURELY_ENCODED = 9  # from here on, eight characters of its base64 hang on nothing else
_THEIR_WORDS = re.compile(r"(?:\A(?:OK|NO|\+OK|-ERR)|:| with| said) .*")
_LITERAL_SENT = re.compile(rb"\{\d+\+\}\r\n")
# A verdict may hang on whether these came in one piece with what stood before; nothing else may.
_TOO_EARLY = (
    "the server answered before it was asked",
    "the server went on unencrypted behind its leave to begin TLS",
)


_ATTEMPT = Attempt("alice@example.com", Secret(b"secret"))
_RULES = DialogueRules()


@dataclass(frozen=True, slots=True)
class Setting:
    """What is agreed before the first byte."""

    attempt: Attempt | None
    rules: DialogueRules

    @property
    def password(self) -> bytes:
        """The password, or nothing."""
        return self.attempt.password.reveal() if self.attempt else b""


def setting_of(steps: Steps) -> Setting:
    """Gather the settings among the steps; the last of a kind counts."""
    attempt, client, rules = _ATTEMPT, "", _RULES
    for step in steps:
        match step:
            case ("login", str(login), str(password)):
                attempt = Attempt(login, Secret(password.encode()))
            case ("client", str(client)):
                rules = replace(rules, forward_client=True)
            case tuple():
                rules = _directed(rules, step)
    looks_only = ("nothing-to-try",) in steps
    return Setting(None if looks_only else replace(attempt, client=client), rules)


def _directed(rules: DialogueRules, words: tuple[str, ...]) -> DialogueRules:
    match words:
        case ("security", ("plain" | "ssl" | "tls") as name):
            return replace(rules, security=_SECURITIES[name])
        case ("in-use-is-success",):
            return replace(rules, in_use_is_success=True)
        case ("unavailable-text", text):
            return replace(rules, unavailable_texts=(*rules.unavailable_texts, text))
    return rules


@dataclass
class Epoch:
    """What was said on one channel: before TLS, or on it."""

    received: bytearray = field(default_factory=bytearray)
    sent: list[tuple[int, bytes]] = field(default_factory=list)
    """How much had been received when it was sent, and what was sent."""

    @property
    def said(self) -> bytes:
        """All that was sent."""
        return b"".join(data for _, data in self.sent)

    @property
    def heard_before_last_send(self) -> int:
        """How much had been received when we spoke last."""
        return self.sent[-1][0] if self.sent else 0


class Reader(Protocol):
    """What a server of one protocol reads, and what its own lines mean."""

    def begin(self, setting: Setting) -> LineDialogue:
        """Begin the dialogue; tags, where there are any, are T1, T2, ..."""
        ...

    def login_is_complete(self, play: "Play") -> bool:
        """Read all that was sent; return whether the whole login was among it.

        Raises LawBrokenError unless it is just the commands that may be sent, in their order, with
        the right login and password, and none in the middle of another one.
        """
        ...

    def verdicts(self, play: "Play") -> set[Verdict]:
        """Return what the server's words may be taken for."""
        ...

    def agrees(self, epoch: Epoch) -> bool:
        """Return whether its answer to what was sent last is OK."""
        ...


@dataclass
class Play:
    """One dialogue from its beginning to its end."""

    setting: Setting
    dialogue: LineDialogue
    epochs: list[Epoch] = field(default_factory=lambda: [Epoch()])
    outcome: Outcome | None = None
    handshake_due: bool = False
    broken_off: bool = False  # by the carrier: no TLS came about
    reached: set[Hashable] = field(default_factory=set)
    path: tuple[str, ...] = ()
    farewell: bytes = b""

    @property
    def over(self) -> bool:
        """Nothing counts any more."""
        return self.outcome is not None or self.broken_off

    @property
    def said(self) -> tuple[bytes, bytes]:
        """What was sent with leave taken: on a channel that is not good enough, and on one."""
        wants_tls = self.setting.rules.security == "tls"
        if len(self.epochs) > 1:
            return self.epochs[0].said, self.epochs[1].said + self.farewell
        said = self.epochs[0].said + self.farewell
        return (said, b"") if wants_tls else (b"", said)

    def step(self, step: Step) -> None:
        """Let it happen, as the carrier would."""
        match step:
            case bytes():
                self._receive(step)
            case ("tls",) if self.handshake_due and not self.broken_off:
                self.handshake_due = False
                self.epochs.append(Epoch())
                self._take(self.dialogue.tls_began())
            case ("hangup",):
                # During a handshake the carrier sees to it by itself.
                self.broken_off |= self.handshake_due
                if not self.handshake_due:
                    self._take(self.dialogue.receive_eof())

    def _receive(self, data: bytes) -> None:
        if not data:
            return
        self.broken_off |= self.handshake_due  # it was none
        if self.broken_off:
            return
        self.epochs[-1].received += data
        was_ready = self.dialogue.ready
        self._take(self.dialogue.receive(data))
        self._judge_readiness(was_ready=was_ready)
        held = len(self.dialogue._lines._buffer)
        require(held < (1 if self.over else _LONGEST_LINE), "what is held is bounded")
        if not self.over:
            heard = len(self.epochs[-1].received)
            require(heard <= _LONGEST_TALK, "whoever talks without end is not listened to")

    def _judge_readiness(self, *, was_ready: bool) -> None:
        ready = self.dialogue.ready
        require(ready or not was_ready, "whoever was ready stays so")
        require(was_ready or not (ready and self.over), "nobody gets ready and ends it in a breath")

    def _take(self, actions: list[Action]) -> None:
        require(not (self.over and actions), "nothing comes after the outcome")
        for place, action in enumerate(actions, 1):
            last = place == len(actions)
            match action:
                case Send(data):
                    _require_one_command(data)
                    epoch = self.epochs[-1]
                    epoch.sent.append((len(epoch.received), data))
                case StartTls():
                    require(last, "StartTls is the last action")
                    require(not self.handshake_due, "TLS is begun once")
                    require(self.setting.rules.security == "tls", "TLS is begun if asked for")
                    require(len(self.epochs) == 1, "TLS is begun once")
                    self.handshake_due = True
                case Outcome():
                    require(last, "the outcome is the last action")
                    self.outcome = action
        if actions:
            self._note()

    def _note(self) -> None:
        dialogue = self.dialogue
        if self.path[-1:] != (dialogue.waiting_for,):
            self.path += (dialogue.waiting_for,)
        self.reached.add(self.path)
        if self.outcome:
            ours = _THEIR_WORDS.sub("", self.outcome.detail)
            self.reached.add((self.path, self.outcome.verdict, ours))

    def end(self) -> None:
        """Take leave."""
        self.farewell = self.dialogue.farewell()
        require(not (self.handshake_due and self.farewell), "no leave is taken of a handshake")


@dataclass(frozen=True, slots=True)
class DialogueLaws:
    """Plays and judges."""

    reader: Reader

    def play(self, steps: Steps) -> set[Hashable]:
        """Play it as it is, and once more in small pieces. Raises LawBrokenError."""
        setting = setting_of(steps)
        whole, cut = whole_and_in_pieces(lambda one: self._judged(setting, one), steps)
        _compare(whole, cut)
        return whole.reached

    def _judged(self, setting: Setting, steps: Steps) -> Play:
        play = Play(setting, self.reader.begin(setting))
        for step in steps:
            play.step(step)
        play.end()
        self._judge(play)
        return play

    def _judge(self, play: Play) -> None:
        setting, dialogue = play.setting, play.dialogue
        complete = self.reader.login_is_complete(play)
        if play.handshake_due or len(play.epochs) > 1:
            require(self.reader.agrees(play.epochs[0]), "TLS is begun with the server's leave")
        require(dialogue.password_sent == complete, "password_sent says so")
        require(dialogue.ready or not complete, "nothing of the login is said before it is ready")
        _require_showable(dialogue.banner, setting.password)
        if play.outcome:
            _require_showable(play.outcome.detail, setting.password)
            rejected = play.outcome.verdict is Verdict.REJECTED
            require(rejected or not play.outcome.account_state, "only a no is about the account")
            self._judge_verdict(play, play.outcome.verdict, complete=complete)

    def _judge_verdict(self, play: Play, verdict: Verdict, *, complete: bool) -> None:
        if verdict is Verdict.UNAVAILABLE:
            return
        require(play.setting.attempt is not None, "only a login is accepted or rejected")
        accepted = verdict is Verdict.ACCEPTED
        require(complete or not accepted, "nobody is accepted before the whole login was sent")
        may_be = self.reader.verdicts(play)
        require(verdict in may_be, f"{verdict.value} only if the server said so")

    def story(self, steps: Steps) -> str:
        """Show the dialogue as a transcript, as far as it goes."""
        setting = setting_of(steps)
        play = Play(setting, self.reader.begin(setting))
        lines = []
        for step in steps:
            sent_before = sum(len(epoch.sent) for epoch in play.epochs)
            try:
                play.step(step)
            except Exception as error:  # noqa: BLE001  # it is being told as a finding already
                lines.append(f"# {error!r}")
            if isinstance(step, bytes):
                lines += [
                    "S: " + _escaped(line) for line in step.removesuffix(b"\r\n").split(b"\r\n")
                ]
            else:
                lines.append("! " + " ".join(step))
            sent = [data for epoch in play.epochs for _, data in epoch.sent][sent_before:]
            lines += ["C: " + _escaped(data.removesuffix(b"\r\n")) for data in sent]
        if play.outcome:
            lines.append(f"! {play.outcome.verdict.value} {play.outcome.detail}")
            lines += ["! account-state"] if play.outcome.account_state else []
        return "\n".join(lines)


def _escaped(line: bytes) -> str:
    return repr(line)[2:-1]


def _compare(whole: Play, cut: Play) -> None:
    """Hold the two against each other: what came in pieces may have come too early in one."""
    if whole.outcome and whole.outcome.detail in _TOO_EARLY:
        return
    require(cut.outcome == whole.outcome, "any cut gives the same outcome")
    require(len(cut.epochs) == len(whole.epochs), "any cut gives the same epochs")
    for one, other in zip(whole.epochs, cut.epochs, strict=True):
        # In one piece with nonsense, what was about to be said stays unsaid.
        require(other.said.startswith(one.said), "any cut makes it say the same")


def _require_one_command(data: bytes) -> None:
    ends = 1 + len(_LITERAL_SENT.findall(data))
    require(data.endswith(b"\r\n"), "what is sent ends like a line")
    require(data.count(b"\r") == data.count(b"\n") == ends, "one command is sent at a time")


def _require_showable(text: str, password: bytes) -> None:
    require(text.isprintable() and len(text) <= _SHOWN_CHARACTERS, "what is shown is fit for it")
    for reading in (text, unquote(text)):
        require(not _tells(reading.casefold(), password), "no form of the password is shown")


def _tells(text: str, password: bytes) -> bool:
    plain = password.decode("utf-8").casefold()
    if not plain:
        return False
    if len(password) < _SHORT:
        return re.search(rf"(?<!\w){re.escape(plain)}(?!\w)", text) is not None
    # The first characters that hang on nothing that may stand before the password.
    starts = ((0, 0), (1, 2), (2, 3))
    encoded = (base64.b64encode(bytes(n) + password)[at : at + 8] for n, at in starts)
    forms = [form.decode().casefold() for form in encoded if len(password) > _SURELY_ENCODED]
    starts_of = (plain[:_TELLING], plain.strip()[:_TELLING])
    return any(form in text for form in (*starts_of, *forms))
