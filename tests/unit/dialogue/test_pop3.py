"""What the transcripts cannot show: packets, bounds, farewells of POP3."""

import pytest

from bridge_common.secret import Secret
from sasl_bridge.dialogue.interface import Action, Attempt, DialogueRules, Outcome, Send
from sasl_bridge.dialogue.pop3 import Pop3Dialogue
from sasl_bridge.verdict import Verdict

GREETING = b"+OK ready\r\n"
CAPA = Send(b"CAPA\r\n")
USER = Send(b"USER alice\r\n")
PASS = Send(b"PASS secret\r\n")
LIST = b"+OK\r\nUSER\r\n.\r\n"
EARLY = [Outcome(Verdict.UNAVAILABLE, "the server answered before it was asked")]


def begin(*heard: bytes, rules: DialogueRules | None = None) -> Pop3Dialogue:
    """Begin, and hear this; each is one packet."""
    dialogue = Pop3Dialogue(Attempt("alice", Secret(b"secret")), rules or DialogueRules())
    for data in heard:
        dialogue.receive(data)
    return dialogue


@pytest.mark.parametrize("early", [b"+OK in\r\n", b"-ERR [AUTH] out\r\n", b"+\r\n", b"\r\n", LIST])
def test_an_answer_in_the_packet_of_the_greeting_is_none(early: bytes) -> None:
    dialogue = begin()
    assert dialogue.receive(GREETING + early) == EARLY
    assert not dialogue.password_sent
    assert dialogue.farewell() == b"QUIT\r\n"


def test_an_answer_behind_the_list_is_none() -> None:
    dialogue = begin(GREETING)
    assert dialogue.receive(LIST + b"+OK in\r\n") == EARLY
    assert not dialogue.password_sent


def test_what_answers_user_does_not_answer_pass() -> None:
    """A server that says yes twice in one breath gets no password."""
    dialogue = begin(GREETING, LIST)
    assert dialogue.receive(b"+OK send PASS\r\n+OK in\r\n") == EARLY
    assert not dialogue.password_sent
    assert dialogue.farewell() == b"QUIT\r\n"


def test_an_early_answer_may_come_in_two_packets() -> None:
    dialogue = begin(GREETING, LIST)
    assert dialogue.receive(b"+OK send PASS\r\n+O") == [PASS]
    assert dialogue.receive(b"K in\r\n") == EARLY
    assert dialogue.password_sent


def test_each_answer_counts_once() -> None:
    dialogue = begin()
    assert dialogue.receive(GREETING) == [CAPA]
    assert dialogue.receive(b"+OK\r\n") == []
    assert dialogue.receive(b"USER\r\n") == []
    assert dialogue.receive(b".\r\n") == [USER]
    assert dialogue.receive(b"+OK\r\n") == [PASS]
    assert dialogue.receive(b"+OK\r\n") == [Outcome(Verdict.ACCEPTED, "+OK")]


def test_what_it_waits_for() -> None:
    dialogue = begin(GREETING)
    assert dialogue.waiting_for == "answer to CAPA"
    assert not dialogue.ready
    dialogue.receive(LIST)
    assert dialogue.waiting_for == "answer to USER"
    assert dialogue.ready
    assert not dialogue.password_sent
    dialogue.receive(b"+OK\r\n")
    assert dialogue.waiting_for == "answer to the login"
    assert dialogue.password_sent


def test_a_farewell_is_understood_everywhere_but_in_the_middle_of_auth() -> None:
    assert begin(GREETING).farewell() == b"QUIT\r\n"
    assert begin(GREETING, b"+OK\r\nUSER\r\n").farewell() == b"QUIT\r\n"
    assert begin(GREETING, LIST).farewell() == b"QUIT\r\n"
    assert begin(GREETING, LIST, b"+OK\r\n").farewell() == b"QUIT\r\n"
    plain = b"+OK\r\nSASL PLAIN\r\n.\r\n"
    assert begin(GREETING, plain).farewell() == b""
    assert begin(GREETING, plain, b"+\r\n").farewell() == b"QUIT\r\n"
    assert begin(GREETING, plain, b"-ERR\r\n").farewell() == b"QUIT\r\n"


def test_capabilities_keep_their_words() -> None:
    dialogue = begin(b"+OK Dovecot ready.\r\n", b"+OK\r\nuser\r\nSASL  PLAIN login\r\n.\r\n")
    assert dialogue.banner == "+OK Dovecot ready."
    assert dialogue.capabilities == {"USER", "SASL PLAIN LOGIN"}


def test_capabilities_are_known_whatever_words_they_have() -> None:
    listed = b"+OK\r\nUSER x\r\nAUTH-RESP-CODE y\r\n.\r\n"
    dialogue = begin(GREETING, listed, b"+OK\r\n")
    assert dialogue.receive(b"-ERR out\r\n") == [Outcome(Verdict.UNAVAILABLE, "-ERR out")]


def test_an_endless_list() -> None:
    dialogue = begin(GREETING, b"+OK\r\n")
    actions: list[Action] = []
    while not actions:
        actions = dialogue.receive(b"X-MORE\r\n" * 100)
    assert actions == [Outcome(Verdict.UNAVAILABLE, "the server sent more than 256 lines")]


def test_an_endless_list_of_what_is_passed_over() -> None:
    dialogue = begin(GREETING, b"+OK\r\n")
    assert dialogue.receive(b"\n" * 70_000) == [
        Outcome(Verdict.UNAVAILABLE, "the server sent more than 256 lines")
    ]


def test_a_long_answer_is_shown_in_part() -> None:
    dialogue = begin(GREETING, LIST, b"+OK\r\n")
    assert dialogue.receive(b"-ERR " + b"y" * 500 + b"\r\n") == [
        Outcome(Verdict.REJECTED, "-ERR " + "y" * 192 + "...")
    ]


def test_a_built_in_text_is_found_behind_the_cut_and_in_any_case() -> None:
    dialogue = begin(GREETING, LIST, b"+OK\r\n")
    (outcome,) = dialogue.receive(b"-ERR " + b"y" * 500 + b" Unable To Lock Maildrop\r\n")
    assert isinstance(outcome, Outcome)
    assert outcome.verdict is Verdict.UNAVAILABLE
