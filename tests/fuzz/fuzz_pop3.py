"""Fuzz the POP3 dialogue: `python -m fuzz.fuzz_pop3 --seconds 60`.

Knows POP3 as its server does, and reads it independently of what is tested.
"""

import base64
import re
from functools import lru_cache
from random import Random

from fuzz.dialogue import Epoch, Play, Setting
from fuzz.dialogue_target import DialogueTarget
from fuzz.engine import main
from fuzz.law import LawBrokenError
from fuzz.mutation import Mutation
from fuzz.words import CODES, HAPPENINGS, TEXTS, remark, some, tells_trouble
from sasl_bridge.dialogue.pop3 import Pop3Dialogue
from sasl_bridge.verdict import Verdict

_INDICATORS = (b"+OK", b"-ERR", b"+", b"+ok", b"+OK-", b".", b"-")
_CAPABILITIES = (
    b"USER", b"STLS", b"SASL PLAIN LOGIN", b"SASL LOGIN", b"SASL", b"AUTH-RESP-CODE", b"RESP-CODES",
    b"PIPELINING", b"sasl plain", b"XCLIENT", b"IMPLEMENTATION x y", b"", b" USER", b"SASL\tPLAIN",
    b"..X", b"AUTH-RESP-CODE x\ty",
)  # fmt: skip

MUTATION = Mutation(
    words=(*_INDICATORS, *_CAPABILITIES, *TEXTS, *(b"[%b]" % code for code in CODES)),
    lines=(
        *(b"%b\r\n" % word for word in (*_INDICATORS, *_CAPABILITIES)),
        *(b"-ERR [%b] x\r\n" % code for code in CODES),
        *(b"%b %b\r\n" % (word, text) for word in _INDICATORS[:2] for text in TEXTS),
    ),
    happenings=HAPPENINGS,
)


def pop3_greeting(random: Random) -> bytes:
    """Return how a server begins."""
    return b"+OK %b\r\n" % (b"[XCLIENT] hi" if random.random() < 0.5 else remark(random))


def pop3_reply(command: bytes, random: Random) -> bytes:
    """Return what a server may say to the last thing that it was sent."""
    indicator = random.choice((b"+OK", b"+OK", b"-ERR", b"-ERR", b"+"))
    match command.split()[0]:
        case b"CAPA" if random.random() < 0.9:
            listed = b"".join(b"%b\r\n" % word for word in some(random, _CAPABILITIES))
            listed *= 1 if random.random() < 0.998 else 3000
            return b"+OK\r\n%b.\r\n" % listed
        case b"USER" | b"STLS" | b"XCLIENT" if random.random() < 0.8:
            indicator = b"+OK"
        case b"AUTH" if random.random() < 0.8:
            return b"+ \r\n"
    return b"%b %b\r\n" % (indicator, remark(random))


# What the server reads.

_BEFORE_TLS = re.compile(rb"(?:CAPA\r\n)?(?:STLS\r\n)?(?:QUIT\r\n)?")
_NOTHING_TO_TRY = re.compile(rb"(?:CAPA\r\n)?(?:QUIT\r\n)?(?P<login>(?P<begun>.\A))?")


@lru_cache(maxsize=64)
def _commands(login: bytes, password: bytes) -> re.Pattern[bytes]:
    """Match all that may be sent on the channel that is good enough; ``login`` is all of one."""
    response = re.escape(base64.b64encode(b"\0%b\0%b" % (login, password)))
    user, secret = re.escape(login), re.escape(password)
    whole = rb"AUTH PLAIN\r\n%b\r\n|USER %b\r\nPASS %b\r\n" % (response, user, secret)
    return re.compile(
        rb"(?:CAPA\r\n)?(?:XCLIENT ADDR=[0-9A-Fa-f:.]+\r\n)?"
        rb"(?:(?P<login>%b)|(?P<begun>AUTH PLAIN\r\n)|USER %b\r\n)?(?:QUIT\r\n)?" % (whole, user),
        re.DOTALL,
    )


class Pop3Reader:
    """`Reader` of `dialogue`."""

    def begin(self, setting: Setting) -> Pop3Dialogue:
        return Pop3Dialogue(setting.attempt, setting.rules)

    def login_is_complete(self, play: Play) -> bool:
        before_tls, said = play.said
        commands, attempt = _NOTHING_TO_TRY, play.setting.attempt
        if attempt:
            commands = _commands(attempt.login.encode(), play.setting.password)
        match = commands.fullmatch(said)
        if not match or not _BEFORE_TLS.fullmatch(before_tls):
            raise LawBrokenError("a server reads just our commands, in order", before_tls, said)
        if (
            match["begun"]
            and play.farewell
            and not _answer(play.epochs[-1]).startswith((b"+OK", b"-ERR"))
        ):
            raise LawBrokenError("no leave is taken in the middle of a command", said)
        return match["login"] is not None

    def verdicts(self, play: Play) -> set[Verdict]:
        if not play.epochs[0].received.startswith(b"+OK"):
            return set()
        indicator, _, text = _answer(play.epochs[-1]).partition(b" ")
        if indicator == b"+OK":
            return {Verdict.ACCEPTED}
        return _refusal(text.lstrip(b" "), play) if indicator == b"-ERR" else set()

    def agrees(self, epoch: Epoch) -> bool:
        return _answer(epoch).split(b" ")[0] == b"+OK"


# What the server's own lines mean.

_CONTROLS = re.compile(rb"[\x00-\x1f\x7f]")  # a line of a list that holds any names nothing


def _answer(epoch: Epoch) -> bytes:
    """Return the reply to what we said last; nothing but that may have come since."""
    heard = epoch.heard_before_last_send
    if heard and epoch.received[heard - 1 : heard] != b"\n":
        return b""
    line, end, _ = bytes(epoch.received[heard:]).partition(b"\n")
    return line.removesuffix(b"\r") if end else b""


def _refusal(text: bytes, play: Play) -> set[Verdict]:
    rules, coded = play.setting.rules, text.startswith(b"[")
    if tells_trouble(text, rules.unavailable_texts, coded=coded):
        return set()
    if coded:
        code = text[1:].partition(b"]")[0].upper()
        if code == b"IN-USE" and rules.in_use_is_success:
            return {Verdict.ACCEPTED}
        return {Verdict.REJECTED} if code == b"AUTH" else set()
    return set() if b"AUTH-RESP-CODE" in _listed(play) else {Verdict.REJECTED}


def _listed(play: Play) -> set[bytes]:
    """Return the names on the last list of capabilities."""
    epoch = play.epochs[-1]
    heard = next(heard for heard, data in epoch.sent if data == b"CAPA\r\n")
    answer, *lines = bytes(epoch.received[heard:]).split(b"\n")
    if not answer.startswith(b"+OK"):
        return set()
    lines = [line.removesuffix(b"\r") for line in lines]
    listed = lines[: lines.index(b".")]
    return {line.upper().split(b" ")[0] for line in listed if not _CONTROLS.search(line)}


TARGET = DialogueTarget(
    name="pop3",
    reader=Pop3Reader(),
    mutation=MUTATION,
    greeting=pop3_greeting,
    reply=pop3_reply,
)

if __name__ == "__main__":
    main(TARGET)
