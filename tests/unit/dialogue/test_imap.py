"""What the transcripts cannot show: packets, bounds, farewells, bugs of our own, properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge_common.secret import Secret
from sasl_bridge.dialogue.imap import ImapDialogue
from sasl_bridge.dialogue.interface import Action, Dialogue, Outcome, Send
from sasl_bridge.verdict import Verdict

GREETING = b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready\r\n"
AUTHENTICATE = Send(b"T1 AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==\r\n")


def begin(login: str = "alice", password: bytes = b"secret") -> ImapDialogue:
    return ImapDialogue(login, Secret(password), tag_prefix="T", encrypted=True)


def test_it_is_a_dialogue() -> None:
    dialogue: Dialogue = begin()
    assert dialogue.waiting_for == "greeting"


@pytest.mark.parametrize("bad", ["\r", "\n", "\0", 'x"\r\na2 LOGIN "own" "pw', ""])
def test_what_must_not_be_sent_is_a_bug_of_ours(bad: str) -> None:
    with pytest.raises(ValueError, match=r"^a login or password that must not be sent$"):
        begin(login=bad)
    with pytest.raises(ValueError, match=r"^a login or password that must not be sent$"):
        begin(password=bad.encode())


@pytest.mark.parametrize("early", [b"T1 OK in\r\n", b"T1 NO out\r\n", b"+ go\r\n", b"x OK\r\n"])
def test_an_answer_in_the_packet_of_the_greeting_is_none(early: bytes) -> None:
    dialogue = begin()
    assert dialogue.receive(GREETING + early) == [
        Outcome(Verdict.UNAVAILABLE, "the server answered before it was asked")
    ]
    assert not dialogue.password_sent


def test_an_early_answer_may_arrive_in_two_packets() -> None:
    dialogue = begin()
    assert dialogue.receive(GREETING + b"T1 O") == [AUTHENTICATE]
    assert dialogue.receive(b"K in\r\n") == [
        Outcome(Verdict.UNAVAILABLE, "the server answered before it was asked")
    ]
    assert dialogue.password_sent


def test_an_untagged_line_may_come_with_the_greeting() -> None:
    dialogue = begin()
    assert dialogue.receive(GREETING + b"* OK news\r\n") == [AUTHENTICATE]
    assert dialogue.receive(b"T1 OK in\r\n") == [Outcome(Verdict.ACCEPTED, "OK in")]


def test_an_answer_behind_an_untagged_line_in_the_packet_of_the_greeting_is_none() -> None:
    dialogue = begin()
    assert dialogue.receive(GREETING + b"* OK news\r\nT1 OK in\r\n") == [
        Outcome(Verdict.UNAVAILABLE, "the server answered before it was asked")
    ]
    assert not dialogue.password_sent


def test_an_answer_behind_an_early_literal_is_none() -> None:
    dialogue = begin()
    early = b"* X-NOTE {10}\r\nT1 OK in\r\n\r\nT1 OK in\r\n"
    assert dialogue.receive(GREETING + early) == [
        Outcome(Verdict.UNAVAILABLE, "the server answered before it was asked")
    ]


@pytest.mark.parametrize("greeting", [b"* OK ready\r\n", GREETING, b"* OK\r\n"])
def test_a_good_greeting(greeting: bytes) -> None:
    dialogue = begin()
    dialogue.receive(greeting[:-1])
    assert not dialogue.greeted
    dialogue.receive(greeting[-1:])
    assert dialogue.greeted


@pytest.mark.parametrize(
    "greeting", [b"* BYE\r\n", b"* PREAUTH hello\r\n", b"+OK\r\n", b"T1 OK\r\n", b"* NO\r\n"]
)
def test_what_is_no_good_greeting(greeting: bytes) -> None:
    dialogue = begin()
    (outcome,) = dialogue.receive(greeting)
    assert isinstance(outcome, Outcome)
    assert not dialogue.greeted


def test_what_it_waits_for() -> None:
    dialogue = begin()
    dialogue.receive(b"* OK ready\r\n")
    assert dialogue.waiting_for == "answer to CAPABILITY"
    dialogue.receive(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nT1 OK\r\n")
    assert dialogue.waiting_for == "leave to send the password"
    assert not dialogue.password_sent
    dialogue.receive(b"+\r\n")
    assert dialogue.waiting_for == "answer to the login"
    assert dialogue.password_sent


def test_nothing_follows_the_outcome() -> None:
    dialogue = begin()
    dialogue.receive(GREETING)
    dialogue.receive(b"T1 NO out\r\nT1 OK in\r\n")
    assert dialogue.receive(b"T1 OK in\r\n") == []
    assert dialogue.receive_eof() == []


def test_nothing_is_kept_of_what_follows_the_outcome() -> None:
    dialogue = begin()
    dialogue.receive(GREETING)
    dialogue.receive(b"T1 NO out\r\n")
    assert dialogue.receive(b"x" * 10_485_760) == []
    assert len(dialogue._lines._buffer) == 0


def test_the_farewell_is_a_logout() -> None:
    dialogue = begin()
    dialogue.receive(GREETING)
    dialogue.receive(b"T1 OK in\r\n")
    assert dialogue.farewell() == b"T2 LOGOUT\r\n"


def test_no_farewell_in_the_middle_of_a_login() -> None:
    dialogue = begin()
    dialogue.receive(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n")
    dialogue.receive(b"* BYE\r\n")
    assert dialogue.farewell() == b""


def test_no_farewell_before_the_greeting() -> None:
    dialogue = begin()
    assert dialogue.farewell() == b""
    dialogue.receive(b"* O")
    assert dialogue.farewell() == b""


def test_a_farewell_while_the_answer_is_awaited() -> None:
    dialogue = begin()
    dialogue.receive(b"* OK ready\r\n")
    assert dialogue.farewell() == b"T2 LOGOUT\r\n"


def test_no_farewell_while_leave_to_send_the_password_is_awaited() -> None:
    dialogue = begin(password=b"\xe4")
    dialogue.receive(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
    assert dialogue.waiting_for == "leave to send the password"
    assert dialogue.farewell() == b""
    dialogue.receive(b"+\r\n")
    assert dialogue.farewell() == b"T2 LOGOUT\r\n"


def test_no_farewell_where_the_rest_of_the_login_stayed_unsaid() -> None:
    """An answer in the packet of the leave: the password is not sent, and nothing in its place."""
    dialogue = begin()
    dialogue.receive(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n")
    assert dialogue.receive(b"+\r\nT1 OK in\r\n") == [
        Outcome(Verdict.UNAVAILABLE, "the server answered before it was asked")
    ]
    assert not dialogue.password_sent
    assert dialogue.farewell() == b""


def test_no_farewell_to_a_server_that_hung_up() -> None:
    dialogue = begin()
    dialogue.receive_eof()
    assert dialogue.farewell() == b""


def test_endless_lines() -> None:
    dialogue = begin()
    dialogue.receive(GREETING)
    actions: list[Action] = []
    while not actions:
        actions = dialogue.receive(b"* OK wait\r\n" * 100)
    assert actions == [Outcome(Verdict.UNAVAILABLE, "the server sent more than 65536 bytes")]


def test_an_endless_line() -> None:
    assert begin().receive(b"*" * 10_485_760) == [
        Outcome(Verdict.UNAVAILABLE, "the server sent a line of more than 8192 bytes")
    ]


def test_a_long_answer_is_shown_in_part() -> None:
    dialogue = begin()
    dialogue.receive(GREETING)
    (outcome,) = dialogue.receive(b"T1 NO " + b"y" * 500 + b"\r\n")
    assert outcome == Outcome(Verdict.REJECTED, "NO " + "y" * 194 + "...")


def test_a_send_does_not_show_itself() -> None:
    assert repr(AUTHENTICATE) == "Send()"


server_lines = st.lists(
    st.builds(
        lambda tag, word, rest: f"{tag} {word} {rest}".encode() + b"\r\n",
        st.sampled_from(["*", "T1", "T2", "+", "x", ""]),
        st.sampled_from(["OK", "NO", "BAD", "BYE", "PREAUTH", "CAPABILITY", "secret"]),
        st.sampled_from(
            [
                "",
                "[CAPABILITY IMAP4rev1]",
                "[CAPABILITY AUTH=PLAIN]",
                "AUTH=PLAIN SASL-IR",
                "[ALERT] secret",
                "[LIMIT] c2VjcmV0",
                "[AUTHENTICATIONFAILED]",
            ]
        ),
    ),
    max_size=6,
)


@given(server_lines)
def test_any_server(lines: list[bytes]) -> None:
    """At most one outcome; yes only to a tagged OK behind the password; no password shown."""
    dialogue = begin()
    outcomes: list[Outcome] = []
    for line in lines:
        sent_before, over_before = dialogue.password_sent, bool(outcomes)
        new = [action for action in dialogue.receive(line) if isinstance(action, Outcome)]
        for outcome in new:
            if outcome.verdict is not Verdict.UNAVAILABLE:
                assert sent_before
                assert line.startswith((b"T1 ", b"T2 "))
                assert (b" OK " in line) == (outcome.verdict is Verdict.ACCEPTED)
            assert not over_before
            assert "secret" not in outcome.detail.lower()
            assert "c2vjcmv0" not in outcome.detail.lower()
        outcomes += new
    assert len(outcomes) <= 1


ANSWERS = (b"T1 OK in\r\n", b"T1 NO out\r\n", b"T1 NO [AUTHENTICATIONFAILED] x\r\n")


@st.composite
def nearly_answers(draw: st.DrawFn) -> bytes:
    """Draw an answer that lacks a byte of ``T1 OK `` or ``T1 NO ``, or has one too many."""
    answer = draw(st.sampled_from(ANSWERS))
    at = draw(st.integers(0, 4))
    byte = draw(st.binary(max_size=1).filter(lambda byte: byte != b"\n"))
    kept = draw(st.sampled_from([at, at + 1]))
    return answer[:at] + byte + answer[kept:]


@given(st.lists(st.one_of(nearly_answers(), st.sampled_from([b"* OK x\r\n", b"\r\n"]))))
def test_what_is_nearly_an_answer_is_none(lines: list[bytes]) -> None:
    """Only the very tag and word count, whatever stands around them."""
    dialogue = begin()
    assert dialogue.receive(GREETING) == [AUTHENTICATE]
    for line in lines:
        if line[:3] + line[3:5].upper() + line[5:] in ANSWERS:
            break
        for outcome in dialogue.receive(line):
            assert isinstance(outcome, Outcome)
            assert outcome.verdict is Verdict.UNAVAILABLE
