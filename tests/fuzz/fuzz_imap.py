"""Fuzz the IMAP dialogue: `python -m fuzz.fuzz_imap --seconds 60`.

Knows IMAP as its server does, and reads it independently of what is tested.
The server foresees our tags: the worst case.
"""

import base64
import re
from collections.abc import Iterator
from functools import lru_cache
from random import Random

from fuzz.dialogue import Epoch, Play, Setting
from fuzz.dialogue_target import DialogueTarget
from fuzz.engine import main
from fuzz.law import LawBrokenError
from fuzz.mutation import Mutation
from fuzz.words import CODES, HAPPENINGS, TEXTS, remark, some, tells_trouble
from sasl_bridge.dialogue.imap import ImapDialogue
from sasl_bridge.verdict import Verdict

_CAPABILITIES = (
    b"IMAP4rev1", b"AUTH=PLAIN", b"SASL-IR", b"LOGINDISABLED", b"STARTTLS", b"ID", b"LITERAL+",
    b"LITERAL-", b"AUTH=LOGIN", b"auth=plain",
)  # fmt: skip
_TAGS = (b"*", b"+", b"T1", b"T2", b"T3", b"T4", b"T5", b"T", b"t1", b"A1")
_NAMES = (b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH", b"CAPABILITY", b"ID", b"LIST", b"7", b"ok")
_NOISE = (
    b"* 7 EXISTS\r\n", b"* OK still here\r\n", b"\r\n", b'* ID ("name" {3}\r\nT2 "a")\r\n',
    b"* LIST () {9}\r\nT3 OK no\r\n\r\n", b"* CAPABILITY STARTTLS\r\n", b"* NO [ALERT] hot\r\n",
    b"* BYE\r\n", b"* PREAUTH x\r\n",
    b"* XLIST {4+}\r\n\r\n\r\n {2}\r\nT1\r\n", b"* BAD {3}\r\n",
)  # fmt: skip

MUTATION = Mutation(
    words=(
        *_TAGS,
        *_NAMES,
        *_CAPABILITIES,
        *TEXTS,
        *(b"[%b]" % code for code in CODES),
        b"{0}",
    ),
    lines=(
        *_NOISE,
        b"* LIST {%b}\r\n" % (b"9" * 5000),
        *(b"T%d %b x\r\n" % (number, name) for number in range(1, 6) for name in _NAMES[:3]),
        *(b"%b %b\r\n" % (tag, text) for tag in _TAGS[:2] for text in TEXTS),
    ),
    happenings=HAPPENINGS,
)


def imap_reply(command: bytes, random: Random) -> bytes:
    """Return what a server may say to the last thing that it was sent."""
    tag = command.split(b" ")[0] if _TAGGED.match(command) else b"T%d" % random.randint(1, 6)
    name = random.choice((b"OK", b"OK", b"OK", b"OK", b"NO", b"NO", b"BAD"))
    answer = b"%b %b %b\r\n" % (tag, name, remark(random))
    listed = b"* CAPABILITY IMAP4rev1 " + b" ".join(some(random, _CAPABILITIES)) + b"\r\n"
    words = command.split(b" ")[1:2] or [b""]
    match words[0].strip():
        case b"CAPABILITY":
            answer = listed + tag + b" OK done\r\n"
        case b"STARTTLS":
            answer = tag + b" OK begin\r\n"
        case b"AUTHENTICATE" if command.endswith(b"PLAIN\r\n"):
            answer = b"+ \r\n"
    if command.endswith(b"}\r\n"):
        answer = b"+ go ahead\r\n"
    if random.random() < 0.001:
        return random.choice(_NOISE) * 6000
    noise = [random.choice(_NOISE) for _ in range(random.choice((0, 0, 0, 1, 3)))]
    return b"".join(noise) + answer


def imap_greeting(random: Random) -> bytes:
    """Return how a server begins."""
    if random.random() < 0.5:
        return b"* OK %b\r\n" % remark(random)
    return b"* OK [CAPABILITY IMAP4rev1 %b] hi\r\n" % b" ".join(some(random, _CAPABILITIES))


# What the server reads.

_TAGGED = re.compile(rb"(?m)^T(\d+) ")
_CAPABILITY = rb"(?:T\d+ CAPABILITY\r\n)?"
_ID = rb'(?:T\d+ ID \("x-originating-ip" "[0-9A-Fa-f:.]+"\)\r\n)?'
_LOGOUT = rb"(?:T\d+ LOGOUT\r\n)?"
_BEFORE_TLS = re.compile(_CAPABILITY + rb"(?:T\d+ STARTTLS\r\n)?" + _LOGOUT)


@lru_cache(maxsize=64)
def _commands(login: bytes, password: bytes) -> re.Pattern[bytes]:
    """Match all that may be sent on the channel that is good enough; ``login`` is all of one."""

    def strings(value: bytes) -> bytes:
        quoted = b'"%b"' % re.sub(rb'(["\\])', rb"\\\1", value)
        literal = rb"\{%d\+?\}\r\n%b" % (len(value), re.escape(value))
        return b"(?:%b|%b)" % (re.escape(quoted), literal) if value.isascii() else literal

    waiting = rb"\{%d\}\r\n"
    name, secret = strings(login), strings(password)
    response = re.escape(base64.b64encode(b"\0%b\0%b" % (login, password)))
    whole = rb"T\d+ (?:LOGIN %b %b|AUTHENTICATE PLAIN(?: |\r\n)%b)\r\n" % (name, secret, response)
    begun = rb"T\d+ (?:LOGIN %b|LOGIN %b %b|AUTHENTICATE PLAIN\r\n)" % (
        waiting % len(login),
        name,
        waiting % len(password),
    )
    said = rb"(?:(?P<login>%b)|(?P<begun>%b))?%b" % (whole, begun, _LOGOUT)
    return re.compile(_CAPABILITY + _ID + said, re.DOTALL)


_NOTHING_TO_TRY = re.compile(_CAPABILITY + _LOGOUT + rb"(?P<login>(?P<begun>.\A))?")


# What the server's own lines mean.

_LITERAL = re.compile(rb"\{(\d+)\+?\}$")
_STATUS = re.compile(rb"\* (OK|NO|BAD|BYE|PREAUTH)(?: |$)", re.IGNORECASE)
_ENDS_IT_ALL = re.compile(rb"\* (?:BYE|PREAUTH)(?: |$)", re.IGNORECASE)
_SAYS_NOTHING = re.compile(rb"(?:\s*\[(?:ALERT|CAPABILITY)(?: [^\]]*)?\])*\s*", re.IGNORECASE)
_REJECTING = {b"AUTHENTICATIONFAILED", b"AUTHORIZATIONFAILED", b"EXPIRED", b"CONTACTADMIN"}


def _responses(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield where each response begins, and its first line: what is in literals is none."""
    start = place = 0
    while (end := data.find(b"\n", place)) >= 0:
        text = data[place:end].removesuffix(b"\r")
        first = text if place == start else data[start : data.index(b"\n", start)]
        place = end + 1
        literal = _LITERAL.search(text)
        if literal and first.startswith(b"* ") and not _STATUS.match(first):
            place += int(literal[1])
            if not int(literal[1]) or place <= len(data):
                continue
            return
        yield start, first.rstrip(b"\r")
        start = place


def _rejects(text: bytes, setting: Setting) -> bool:
    """Say whether this no may be one to the login."""
    text = _SAYS_NOTHING.sub(b"", text, count=1)
    coded = text.startswith(b"[")
    if tells_trouble(text, setting.rules.unavailable_texts, coded=coded):
        return False
    return not coded or re.split(rb"[] ]", text[1:])[0].upper() in _REJECTING


class ImapReader:
    """`Reader` of `dialogue`."""

    def begin(self, setting: Setting) -> ImapDialogue:
        return ImapDialogue(setting.attempt, setting.rules, tag_prefix="T")

    def login_is_complete(self, play: Play) -> bool:
        before_tls, said = play.said
        commands, attempt = _NOTHING_TO_TRY, play.setting.attempt
        if attempt:
            commands = _commands(attempt.login.encode(), play.setting.password)
        match = commands.fullmatch(said)
        if not match or not _BEFORE_TLS.fullmatch(before_tls):
            raise LawBrokenError("a server reads just our commands, in order", before_tls, said)
        if match["begun"] and play.farewell and not _answer(play.epochs[-1]):
            raise LawBrokenError("no leave is taken in the middle of a command", said)
        tags = [int(number) for number in _TAGGED.findall(before_tls + said)]
        if tags != sorted(set(tags)):
            raise LawBrokenError("each command has a tag of its own", tags)
        return match["login"] is not None

    def verdicts(self, play: Play) -> set[Verdict]:
        if not play.epochs[0].received.lstrip(b"\r\n").upper().startswith(b"* OK"):
            return set()
        words = _answer(play.epochs[-1]).split(b" ", 2)
        match words[1:2]:
            case [name] if name.upper() == b"OK":
                return {Verdict.ACCEPTED}
            case [name] if name.upper() == b"NO":
                text = words[2] if words[2:] else b""
                return {Verdict.REJECTED} if _rejects(text, play.setting) else set()
        return set()

    def agrees(self, epoch: Epoch) -> bool:
        return _answer(epoch).upper().split(b" ")[1:2] == [b"OK"]


def _answer(epoch: Epoch) -> bytes:
    """Return the answer to the last command, all of which came after what we said last."""
    tag = b"T" + _TAGGED.findall(epoch.said)[-1]
    for start, line in _responses(bytes(epoch.received)):
        if _ENDS_IT_ALL.match(line):
            return b""
        if line.partition(b" ")[0] == tag and start >= epoch.heard_before_last_send:
            return line
    return b""


TARGET = DialogueTarget(
    name="imap",
    reader=ImapReader(),
    mutation=MUTATION,
    greeting=imap_greeting,
    reply=imap_reply,
)

if __name__ == "__main__":
    main(TARGET)
