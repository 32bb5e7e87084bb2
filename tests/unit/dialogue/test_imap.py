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


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes_are_never_accepted(data: list[bytes]) -> None:
    dialogue = begin()
    actions = [action for piece in data for action in dialogue.receive(piece)]
    assert not any(
        isinstance(action, Outcome) and action.verdict is not Verdict.UNAVAILABLE
        for action in actions
    )
