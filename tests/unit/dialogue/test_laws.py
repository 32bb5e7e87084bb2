"""Laws that hold for every server, whatever it says: made of the grammar's words, and nearly so."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.secret import Secret
from sasl_bridge.dialogue.imap import ImapDialogue
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
from sasl_bridge.dialogue.pop3 import Pop3Dialogue
from sasl_bridge.verdict import Verdict

SECRETS = (b"secret", b"AGFsaWNlAHNlY3JldA==")
ATTEMPT = Attempt("alice", Secret(b"secret"), "198.51.100.7")

rules = st.builds(
    DialogueRules,
    security=st.sampled_from(get_args(Security)),
    forward_client=st.booleans(),
    in_use_is_success=st.booleans(),
)


@dataclass(frozen=True)
class Words:
    """How servers of a protocol talk."""

    begin_with: Callable[[Attempt | None, DialogueRules], LineDialogue]
    good: bytes  # what makes one ready, with a login or without
    lines: st.SearchStrategy[bytes]
    yes: tuple[bytes, ...]  # how a line begins that may be a yes
    no: tuple[bytes, ...]  # ... or a no

    def begin(self, rules: DialogueRules) -> LineDialogue:
        """Begin with the login."""
        return self.begin_with(ATTEMPT, rules)


imap_lines = st.builds(
    lambda tag, word, rest: f"{tag} {word} {rest}\r\n".encode(),
    st.sampled_from(["*", "*", "T1", "T2", "T3", "T4", "+", "x", ""]),
    st.sampled_from(["OK", "OK", "NO", "BAD", "BYE", "PREAUTH", "CAPABILITY", "secret"]),
    st.sampled_from(
        [
            "",
            "[CAPABILITY IMAP4rev1]",
            "[CAPABILITY STARTTLS AUTH=PLAIN]",
            "AUTH=PLAIN SASL-IR STARTTLS ID",
            "[ALERT] secret",
            "[LIMIT] c2VjcmV0",
            "[AUTHENTICATIONFAILED]",
            "{5}",
        ]
    ),
)
pop3_lines = st.builds(
    lambda indicator, rest: f"{indicator}{rest}\r\n".encode(),
    st.sampled_from(["+OK", "+OK", "+OK", "-ERR", "+", "", "x"]),
    st.sampled_from(
        [
            *("", " ", " in", " [AUTH] secret", " [IN-USE] c2VjcmV0", " [SYS/TEMP]", " [XCLIENT]"),
            *("\r\nSTLS\r\nUSER\r\n.", "\r\nSASL PLAIN\r\n.", "\r\nUSER\r\n.", "STLS", "."),
        ]
    ),
)
IMAP = Words(
    lambda attempt, rules: ImapDialogue(attempt, rules, tag_prefix="T"),
    b"* OK [CAPABILITY STARTTLS ID AUTH=PLAIN SASL-IR] x\r\n",
    st.one_of(imap_lines, st.just(b"* OK [CAPABILITY STARTTLS AUTH=PLAIN SASL-IR] x\r\n")),
    tuple(b"T%d OK" % number for number in range(1, 5)),
    tuple(b"T%d NO" % number for number in range(1, 5)),
)
POP3 = Words(
    Pop3Dialogue,
    b"+OK [XCLIENT] x\r\n",
    pop3_lines,
    (b"+OK", b"-ERR [IN-USE]"),
    (b"-ERR",),
)
both = pytest.mark.parametrize("words", [IMAP, POP3], ids=["imap", "pop3"])


def hear(dialogue: LineDialogue, data: bytes) -> list[Action]:
    """Let the dialogue hear this; TLS begins when it is wanted."""
    actions = dialogue.receive(data)
    if StartTls() in actions:
        assert actions[-1:] == [StartTls()]
        actions += dialogue.tls_began()
    return actions


@both
@given(st.data())
def test_any_server(words: Words, data: st.DataObject) -> None:
    """At most one outcome; yes only to a yes behind the password; no password shown."""
    agreed = data.draw(rules)
    dialogue = words.begin(agreed)
    over = in_tls = False
    for said in data.draw(st.lists(words.lines, max_size=12)):
        sent_before = dialogue.password_sent
        actions = hear(dialogue, said)
        assert not (over and actions)
        for action in actions:
            in_tls |= isinstance(action, StartTls)
            if isinstance(action, Send) and agreed.security == "tls" and not in_tls:
                assert not any(secret in action.data for secret in (*SECRETS, b"alice", b"198."))
            if isinstance(action, Outcome):
                over = True
                judge(words, action, said, sent_before=sent_before)
    assert dialogue.password_sent <= dialogue.ready
    assert dialogue.ready <= (in_tls or agreed.security != "tls")


def judge(words: Words, outcome: Outcome, said: bytes, *, sent_before: bool) -> None:
    """Hold the outcome against what the server said last; only the first line can be its word."""
    if outcome.verdict is Verdict.ACCEPTED:
        assert sent_before
        assert said.startswith(words.yes)
    elif outcome.verdict is Verdict.REJECTED:
        assert sent_before or words is POP3
        assert said.startswith(words.no)
    assert "secret" not in outcome.detail.lower()
    assert "c2vjcmv0" not in outcome.detail.lower()


@both
@given(st.data())
def test_any_cut_within_lines_gives_the_same(words: Words, data: st.DataObject) -> None:
    """Where a line is cut makes no difference, to what is done or to the farewell."""
    agreed = data.draw(rules)
    whole, cut = words.begin(agreed), words.begin(agreed)
    for said in data.draw(st.lists(words.lines, max_size=12)):
        for line in said.splitlines(keepends=True):
            at = data.draw(st.integers(0, len(line) - 1))
            assert hear(cut, line[:at]) + hear(cut, line[at:]) == hear(whole, line)
    assert cut.waiting_for == whole.waiting_for
    assert cut.password_sent == whole.password_sent
    assert cut.farewell() == whole.farewell()


@both
@given(st.data())
def test_a_login_after_a_rest_is_the_login_from_the_beginning(
    words: Words, data: st.DataObject
) -> None:
    """Whatever made it ready, whatever is said from then on, and however that is cut.

    No word of these servers holds the password: at rest nobody knows it, to withhold it.
    """
    agreed = data.draw(rules)
    attempt = Attempt("alice", Secret(b"unheard of"), "198.51.100.7")
    at_once, later = words.begin_with(attempt, agreed), words.begin_with(None, agreed)
    said = b"".join([words.good, *data.draw(st.lists(words.lines, max_size=10))])
    for line in said.splitlines(keepends=True):
        expected = hear(at_once, line)
        at = data.draw(st.integers(0, len(line) - 1))
        actions = hear(later, line[:at]) + hear(later, line[at:])
        if later.waiting_for == "more" and not later._over:
            assert later.ready
            assert not later.password_sent
            actions += later.try_login(attempt)
        assert actions == expected
    assert later.waiting_for == at_once.waiting_for
    assert later.password_sent == at_once.password_sent
    assert later.farewell() == at_once.farewell()


@both
@given(st.lists(st.binary(max_size=100)))
def test_nonsense_raises_nothing(words: Words, pieces: list[bytes]) -> None:
    dialogue = words.begin(DialogueRules())
    for piece in pieces:
        dialogue.receive(piece)
    dialogue.receive_eof()
    assert dialogue.farewell() == b""


def nearly(answer: bytes, at: int, byte: bytes, kept: int) -> bytes:
    return answer[:at] + byte + answer[kept:]


IMAP_ANSWERS = (b"T1 OK in\r\n", b"T1 NO out\r\n", b"T1 NO [AUTHENTICATIONFAILED] x\r\n")
POP3_ANSWERS = (b"+OK in\r\n", b"-ERR out\r\n", b"-ERR [AUTH] out\r\n")
one_byte = st.binary(max_size=1).filter(lambda byte: byte != b"\n")


@st.composite
def nearly_answers(draw: st.DrawFn, answers: tuple[bytes, ...], last: int) -> bytes:
    """Draw an answer that lacks a byte of its beginning, or has one too many, or another one."""
    at = draw(st.integers(0, last))
    return nearly(draw(st.sampled_from(answers)), at, draw(one_byte), draw(st.integers(at, at + 1)))


@given(st.lists(nearly_answers(IMAP_ANSWERS, 4) | st.sampled_from([b"* OK x\r\n", b"\r\n"])))
def test_what_is_nearly_an_answer_of_imap_is_none(lines: list[bytes]) -> None:
    """Only the very tag and word count, whatever stands around them."""
    dialogue = IMAP.begin(DialogueRules())
    dialogue.receive(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready\r\n")
    assert dialogue.password_sent
    for line in lines:
        if line[:3] + line[3:5].upper() + line[5:] in IMAP_ANSWERS:
            break
        for outcome in dialogue.receive(line):
            assert isinstance(outcome, Outcome)
            assert outcome.verdict is Verdict.UNAVAILABLE


@given(nearly_answers(POP3_ANSWERS, 2))
def test_what_is_nearly_an_answer_of_pop3_is_none(line: bytes) -> None:
    """Only the very indicator counts, in upper case."""
    dialogue = POP3.begin(DialogueRules(in_use_is_success=True))
    for heard in (b"+OK\r\n", b"-ERR\r\n", b"+OK\r\n"):
        dialogue.receive(heard)
    assert dialogue.password_sent
    (outcome,) = dialogue.receive(line)
    assert isinstance(outcome, Outcome)
    assert (outcome.verdict is Verdict.UNAVAILABLE) == (line not in POP3_ANSWERS)
