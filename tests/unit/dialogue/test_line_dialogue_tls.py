"""What holds for both protocols where TLS begins in the dialogue."""

import pytest
from lab.dialogue_words import EARLY, IMAP, POP3, SECRET, Words, both

from sasl_bridge.dialogue.interface import Attempt, DialogueRules, Outcome, Security, Send, StartTls
from sasl_bridge.verdict import Verdict

INJECTED = [
    Outcome(Verdict.UNAVAILABLE, "the server went on unencrypted behind its leave to begin TLS")
]


@both
def test_nothing_of_the_login_is_said_before_tls(words: Words) -> None:
    dialogue = words.begin(
        Attempt("alice", SECRET, "198.51.100.7"),
        DialogueRules(security="tls", forward_client=True),
    )
    assert words.greet(dialogue) == [Send(words.begin_tls)]
    assert dialogue.receive(words.leave) == [StartTls()]
    assert dialogue.waiting_for == "TLS handshake"
    assert not dialogue.ready
    assert dialogue.tls_began() == [Send(words.capabilities[1])]
    assert not dialogue.ready
    assert dialogue.receive(words.capabilities[2]) != []
    assert dialogue.ready
    assert not dialogue.password_sent


@both
@pytest.mark.parametrize("injected", [b"x", b"\r\n", b"* OK\r\n", b"+OK in\r\n", b"T2 OK in\r\n"])
def test_what_comes_along_with_the_leave_ends_it(words: Words, injected: bytes) -> None:
    dialogue = words.ready_for_tls()
    assert dialogue.receive(words.leave + injected) == INJECTED
    assert dialogue.farewell() == b""


@both
def test_what_comes_between_the_leave_and_tls_ends_it(words: Words) -> None:
    dialogue = words.ready_for_tls()
    assert dialogue.receive(words.leave) == [StartTls()]
    assert dialogue.receive(b"") == []
    assert dialogue.receive(b"*") == INJECTED
    assert dialogue.farewell() == b""


@both
def test_an_early_leave_is_none(words: Words) -> None:
    dialogue = words.begin(rules=DialogueRules(security="tls"))
    last = words.greeting if words is IMAP else words.capabilities[2]
    if words is POP3:
        dialogue.receive(words.greeting)
    assert dialogue.receive(last + words.leave) == EARLY
    assert dialogue.farewell() != b""


@both
def test_tls_is_not_begun_once_more(words: Words) -> None:
    """In TLS the capabilities name it again; that is nonsense, and harmless."""
    dialogue = words.ready_for_tls()
    dialogue.receive(words.leave)
    dialogue.tls_began()
    (action,) = dialogue.receive(words.capabilities[2])
    assert action == Send(words.first_part.replace(b"T1", b"T3"))


@both
@pytest.mark.parametrize("security", ["plain", "ssl"])
def test_tls_is_not_begun_unasked(words: Words, security: Security) -> None:
    dialogue = words.begin(rules=DialogueRules(security=security))
    assert words.greet(dialogue) == [Send(words.first_part)]


@both
def test_no_farewell_where_tls_is_about_to_begin(words: Words) -> None:
    dialogue = words.ready_for_tls()
    assert dialogue.farewell() == b""
    dialogue.receive(words.leave)
    assert dialogue.farewell() == b""
    dialogue.tls_began()
    assert dialogue.farewell() != b""


@both
def test_what_was_announced_before_tls_does_not_count(words: Words) -> None:
    dialogue = words.ready_for_tls(None)
    assert dialogue.capabilities >= ({"STARTTLS", "ID"} if words is IMAP else {"SASL PLAIN"})
    dialogue.receive(words.leave)
    dialogue.tls_began()
    actions = dialogue.receive(words.capabilities[2].replace(b"PLAIN", b"OTHER"))
    in_tls = {"AUTH=OTHER"} if words is IMAP else {"STLS", "SASL OTHER"}
    assert dialogue.capabilities == in_tls
    assert dialogue.ready == (not actions) == (words is IMAP)  # LOGIN is left, USER is not
