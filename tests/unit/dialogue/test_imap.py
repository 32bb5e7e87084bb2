"""What the transcripts cannot show: packets, bounds, farewells, bugs of our own."""

import pytest

from bridge_common.secret import Secret
from sasl_bridge.dialogue.imap import ImapDialogue
from sasl_bridge.dialogue.interface import (
    Action,
    Attempt,
    DialogueRules,
    Outcome,
    Send,
)
from sasl_bridge.verdict import Verdict

GREETING = b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] ready\r\n"
AUTHENTICATE = Send(b"T1 AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==\r\n")


def begin(login: str = "alice", password: bytes = b"secret") -> ImapDialogue:
    return ImapDialogue(Attempt(login, Secret(password)), DialogueRules(), tag_prefix="T")


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
    assert not dialogue.ready
    dialogue.receive(greeting[-1:] + b"* CAPABILITY IMAP4rev1\r\n")
    assert dialogue.banner


@pytest.mark.parametrize(
    "greeting", [b"* BYE\r\n", b"* PREAUTH hello\r\n", b"+OK\r\n", b"T1 OK\r\n", b"* NO\r\n"]
)
def test_what_is_no_good_greeting(greeting: bytes) -> None:
    dialogue = begin()
    (outcome,) = dialogue.receive(greeting)
    assert isinstance(outcome, Outcome)
    assert not dialogue.ready


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


def test_an_answer_before_the_password_ends_the_command() -> None:
    dialogue = begin()
    dialogue.receive(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n")
    dialogue.receive(b"T1 NO not that way\r\n")
    assert dialogue.farewell() == b"T2 LOGOUT\r\n"


@pytest.mark.parametrize("tagged", [b"T1 OK x\r\n", b"T0 OK x\r\n", b"x NO x\r\n", b"+\r\n"])
def test_only_untagged_lines_leave_it_at_rest(tagged: bytes) -> None:
    dialogue = ImapDialogue(None, DialogueRules(), tag_prefix="T")
    assert dialogue.receive(b"* OK ready\r\n") == [Send(b"T1 CAPABILITY\r\n")]
    assert dialogue.receive(b"* CAPABILITY IMAP4rev1\r\nT1 OK\r\n* OK x\r\n* 3 EXISTS\r\n") == []
    (outcome,) = dialogue.receive(tagged)
    assert isinstance(outcome, Outcome)
    assert outcome.verdict is Verdict.UNAVAILABLE


def test_capabilities_are_those_that_were_named_last() -> None:
    dialogue = begin()
    dialogue.receive(b"* OK [CAPABILITY imap4rev1 auth=plain] ready\r\n")
    assert dialogue.capabilities == {"IMAP4REV1", "AUTH=PLAIN"}
    assert dialogue.banner == "OK ready"


def test_endless_lines() -> None:
    dialogue = begin()
    dialogue.receive(GREETING)
    actions: list[Action] = []
    while not actions:
        actions = dialogue.receive(b"* OK wait\r\n" * 100)
    assert actions == [Outcome(Verdict.UNAVAILABLE, "the server sent more than 256 lines")]


def test_endless_literals() -> None:
    dialogue = begin()
    dialogue.receive(GREETING)
    actions: list[Action] = []
    while not actions:
        actions = dialogue.receive(b"* X {1000}\r\n" + b"\n" * 1000 + b"\r\n")
    assert actions == [Outcome(Verdict.UNAVAILABLE, "the server sent more than 65536 bytes")]


def test_a_long_answer_is_shown_in_part() -> None:
    dialogue = begin()
    dialogue.receive(GREETING)
    (outcome,) = dialogue.receive(b"T1 NO " + b"y" * 500 + b"\r\n")
    assert outcome == Outcome(Verdict.REJECTED, "NO " + "y" * 194 + "...")


def test_a_detail_is_no_longer_than_what_may_be_shown() -> None:
    dialogue = begin()
    dialogue.receive(GREETING)
    (outcome,) = dialogue.receive(b"T1 BAD " + b"y" * 190 + b"\r\n")
    assert isinstance(outcome, Outcome)
    assert outcome.detail == "the server answers the login with BAD " + "y" * 159 + "..."


def test_a_send_does_not_show_itself() -> None:
    assert repr(AUTHENTICATE) == "Send()"
