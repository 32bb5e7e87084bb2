"""What holds for both protocols: credentials, the client's address, packets, how it ends."""

import gc
import weakref

import pytest
from lab.dialogue_words import EARLY, IMAP, POP3, SECRET, Words, both

from bridge_common.secret import Secret
from sasl_bridge.dialogue.interface import (
    Attempt,
    Dialogue,
    DialogueRules,
    Outcome,
    Send,
)
from sasl_bridge.verdict import Verdict


@both
def test_it_is_a_dialogue(words: Words) -> None:
    dialogue: Dialogue = words.begin()
    assert dialogue.waiting_for == "greeting"
    assert dialogue.banner == ""
    assert dialogue.capabilities == frozenset()
    assert not dialogue.ready
    assert not dialogue.password_sent


# What must not be sent


@both
@pytest.mark.parametrize("bad", ["\r", "\n", "\0", "u\r\nUSER me\r\nPASS mine", ""])
def test_what_must_not_be_sent_is_a_bug_of_ours(words: Words, bad: str) -> None:
    with pytest.raises(ValueError, match=r"^a login or password that must not be sent$"):
        words.begin(Attempt(bad, SECRET))
    with pytest.raises(ValueError, match=r"^a login or password that must not be sent$"):
        words.begin(Attempt("alice", Secret(bad.encode())))


@both
@pytest.mark.parametrize("address", ["198.51.100.7", "2001:db8::7", "::FFFF:198.51.100.7"])
def test_an_address_is_told_before_the_login(words: Words, address: str) -> None:
    dialogue = words.begin(Attempt("alice", SECRET, address), DialogueRules(forward_client=True))
    told = words.tell_client.replace(b"198.51.100.7", address.encode())
    assert words.greet(dialogue) == [Send(told)]
    assert dialogue.receive(words.client_told)
    assert dialogue.waiting_for == "leave to send the password"


@both
@pytest.mark.parametrize(
    "address", ["", "fe80::1%eth0", 'x" "y', "198.51.100.7\r\nQUIT", "198.51.100.7 ", "host\n"]
)
def test_what_is_no_plain_address_is_not_told(words: Words, address: str) -> None:
    dialogue = words.begin(Attempt("alice", SECRET, address), DialogueRules(forward_client=True))
    assert words.greet(dialogue) == [Send(words.first_part)]


@both
def test_an_address_is_not_told_unasked(words: Words) -> None:
    dialogue = words.begin(Attempt("alice", SECRET, "198.51.100.7"))
    assert words.greet(dialogue) == [Send(words.first_part)]


# Packets


@both
def test_an_answer_in_the_packet_of_the_leave_is_none(words: Words) -> None:
    """The password stays unsaid, and nothing is said in its place."""
    dialogue = words.begin()
    words.greet(dialogue)
    assert dialogue.receive(words.go_on + words.yes) == EARLY
    assert not dialogue.password_sent
    assert dialogue.farewell() == b""


@both
def test_an_early_answer_may_come_in_two_packets(words: Words) -> None:
    dialogue = words.begin()
    words.greet(dialogue)
    assert dialogue.receive(words.go_on + words.yes[:4]) == [Send(words.last_part)]
    assert dialogue.receive(words.yes[4:]) == EARLY
    assert dialogue.password_sent
    assert dialogue.farewell() != b""


@both
def test_nothing_follows_the_outcome(words: Words) -> None:
    dialogue = words.begin()
    words.greet(dialogue)
    dialogue.receive(words.go_on)
    outcome = Outcome(Verdict.ACCEPTED, words.yes.removeprefix(b"T1 ").decode().strip())
    assert dialogue.receive(words.yes + words.yes) == [outcome]
    assert dialogue.receive(words.yes) == []
    assert dialogue.receive_eof() == []


@both
def test_nothing_is_kept_of_what_follows_the_outcome(words: Words) -> None:
    dialogue = words.begin()
    dialogue.receive(b"nonsense\r\n")
    assert dialogue.receive(b"x" * 10_485_760) == []
    assert dialogue._lines.empty


@both
def test_what_lies_behind_the_answer_is_kept_no_longer(words: Words) -> None:
    dialogue = words.begin()
    words.greet(dialogue)
    dialogue.receive(words.go_on)
    dialogue.receive(words.yes + b"x" * 1_048_576)
    assert dialogue._lines.empty


@both
def test_an_endless_line(words: Words) -> None:
    assert words.begin().receive(b"+" * 10_485_760) == [
        Outcome(Verdict.UNAVAILABLE, "the server sent a line of more than 8192 bytes")
    ]


@both
@pytest.mark.parametrize("nothing", [b"\n", b"\r\n"])
def test_endless_empty_lines(words: Words, nothing: bytes) -> None:
    """Where they are passed over, as with IMAP, they are few; POP3 knows none."""
    detail = "the server sent more than 256 lines"
    if words is POP3:
        detail = "the server sent a malformed line"
    assert words.begin().receive(nothing * 70_000) == [Outcome(Verdict.UNAVAILABLE, detail)]


# Ready


@both
@pytest.mark.parametrize("said", [b"nonsense", b"+ go on", b"* BYE out", b"+OK in", b"T1 OK in"])
def test_who_ends_it_in_the_same_breath_never_got_ready(words: Words, said: bytes) -> None:
    """Nothing of the login was said: another address may be asked."""
    dialogue = words.begin()
    asked = words.greeting if words is IMAP else words.capabilities[2]
    if words is POP3:
        dialogue.receive(words.greeting)
    (outcome,) = dialogue.receive(asked + said + b"\r\n")
    assert isinstance(outcome, Outcome)
    assert not dialogue.ready
    assert not dialogue.password_sent


@both
def test_who_ends_it_later_was_ready(words: Words) -> None:
    dialogue = words.begin()
    words.greet(dialogue)
    assert dialogue.ready
    (outcome,) = dialogue.receive(b"nonsense\r\n")
    assert isinstance(outcome, Outcome)
    assert dialogue.ready


@both
@pytest.mark.parametrize("breath", ["the same", "another"])
def test_with_nothing_to_try_it_is_the_same(words: Words, breath: str) -> None:
    dialogue = words.begin(None)
    asked = words.greeting if words is IMAP else words.capabilities[2]
    if words is POP3:
        dialogue.receive(words.greeting)
    if breath == "another":
        assert dialogue.receive(asked) == []
        asked = b""
    (outcome,) = dialogue.receive(asked + b"nonsense\r\n")
    assert isinstance(outcome, Outcome)
    assert dialogue.ready == (breath == "another")


# Ends


@both
def test_what_it_waits_for(words: Words) -> None:
    dialogue = words.begin()
    words.greet(dialogue)
    assert dialogue.ready
    assert dialogue.waiting_for == "leave to send the password"
    assert not dialogue.password_sent
    assert dialogue.receive(words.go_on) == [Send(words.last_part)]
    assert dialogue.waiting_for == "answer to the login"
    assert dialogue.password_sent


@both
def test_a_farewell_after_the_outcome(words: Words) -> None:
    dialogue = words.begin()
    words.greet(dialogue)
    dialogue.receive(words.go_on)
    dialogue.receive(words.yes)
    assert dialogue.farewell() == words.farewell


@both
def test_a_farewell_once_the_password_is_sent(words: Words) -> None:
    """Before that it would be read as the password."""
    dialogue = words.begin()
    words.greet(dialogue)
    assert dialogue.farewell() == b""
    dialogue.receive(words.go_on)
    assert dialogue.farewell() == words.farewell


@both
def test_no_farewell_before_the_greeting(words: Words) -> None:
    dialogue = words.begin()
    assert dialogue.farewell() == b""
    dialogue.receive(words.greeting[:3])
    assert dialogue.farewell() == b""


@both
def test_a_farewell_to_a_bad_greeting(words: Words) -> None:
    dialogue = words.begin()
    dialogue.receive(b"nonsense\r\n")
    assert dialogue.farewell() == words.farewell.replace(b"T2", b"T1")


@both
def test_no_farewell_to_a_server_that_hung_up(words: Words) -> None:
    dialogue = words.begin()
    words.greet(dialogue)
    dialogue.receive(words.go_on)
    dialogue.receive(words.yes)
    assert dialogue.receive_eof() == []
    assert dialogue.farewell() == b""


@both
def test_a_hang_up_is_told_once(words: Words) -> None:
    dialogue = words.begin()
    assert dialogue.receive_eof() == [
        Outcome(Verdict.UNAVAILABLE, "connection closed, no greeting came")
    ]
    assert dialogue.receive_eof() == []
    assert dialogue.farewell() == b""


# With nothing to try


@both
def test_with_nothing_to_try_it_rests_when_it_is_ready(words: Words) -> None:
    dialogue = words.begin(None, DialogueRules(forward_client=True))
    assert words.greet(dialogue) == []
    assert dialogue.ready
    assert dialogue.waiting_for == "more"
    assert not dialogue.password_sent
    assert dialogue.farewell() == words.farewell.replace(b"T2", b"T1")
    assert dialogue.receive_eof() == [
        Outcome(Verdict.UNAVAILABLE, "connection closed, no more came")
    ]


# What is shown


@both
def test_the_banner_is_fit_for_a_log(words: Words) -> None:
    dialogue = words.begin()
    dialogue.receive(words.greeting.replace(b"ready", b"\x1b[31mready " + b"y" * 300))
    assert dialogue.banner.isprintable()
    assert len(dialogue.banner) == 200


@both
def test_the_banner_does_not_hold_the_password(words: Words) -> None:
    dialogue = words.begin()
    dialogue.receive(words.greeting.replace(b"ready", b"is it secret?"))
    assert dialogue.banner == "(text withheld, it repeats the password)"


@both
def test_a_dialogue_that_is_let_go_of_is_gone_at_once(words: Words) -> None:
    """It holds the password, and the garbage collector may come late."""
    dialogue = words.begin()
    words.greet(dialogue)
    dialogue.receive(words.go_on)
    dialogue.receive(words.yes)
    assert dialogue.farewell() == words.farewell
    remains = weakref.ref(dialogue)
    gc.disable()
    try:
        del dialogue
        assert remains() is None
    finally:
        gc.enable()
