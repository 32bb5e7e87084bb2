"""What holds for both protocols: credentials, the client's address, TLS, packets, how it ends."""

from dataclasses import dataclass

import pytest

from bridge_common.secret import Secret
from sasl_bridge.dialogue.imap import ImapDialogue
from sasl_bridge.dialogue.interface import (
    Action,
    Attempt,
    Dialogue,
    DialogueRules,
    Outcome,
    Security,
    Send,
    StartTls,
)
from sasl_bridge.dialogue.line_dialogue import LineDialogue
from sasl_bridge.dialogue.pop3 import Pop3Dialogue
from sasl_bridge.verdict import Verdict

SECRET = Secret(b"secret")
ATTEMPT = Attempt("alice", SECRET)
EARLY = [Outcome(Verdict.UNAVAILABLE, "the server answered before it was asked")]
INJECTED = [
    Outcome(Verdict.UNAVAILABLE, "the server went on unencrypted behind its leave to begin TLS")
]


@dataclass(frozen=True)
class Words:
    """What a server of one protocol says, and what it hears."""

    greeting: bytes  # with capabilities that offer TLS, PLAIN and the client's address
    capabilities: tuple[bytes, bytes, bytes]  # asked for: before TLS, in TLS; and their answer
    begin_tls: bytes
    leave: bytes  # to begin TLS
    tell_client: bytes
    client_told: bytes
    first_part: bytes  # of the login, in a session without TLS of its own
    go_on: bytes
    last_part: bytes
    yes: bytes
    farewell: bytes

    def begin(
        self, attempt: Attempt | None = ATTEMPT, rules: DialogueRules | None = None
    ) -> LineDialogue:
        rules = rules or DialogueRules()
        if self is POP3:
            return Pop3Dialogue(attempt, rules)
        return ImapDialogue(attempt, rules, tag_prefix="T")

    def ready_for_tls(self, attempt: Attempt | None = ATTEMPT) -> LineDialogue:
        dialogue = self.begin(attempt, DialogueRules(security="tls"))
        self.greet(dialogue)
        return dialogue

    def greet(self, dialogue: LineDialogue) -> list[Action]:
        """Say all that comes before TLS or the login; return what is done then."""
        actions = dialogue.receive(self.greeting)
        if actions == [Send(self.capabilities[0])]:
            actions = dialogue.receive(self.capabilities[2])
        return actions


IMAP = Words(
    b"* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN ID] ready\r\n",
    (b"", b"T2 CAPABILITY\r\n", b"* CAPABILITY AUTH=PLAIN\r\nT2 OK\r\n"),
    b"T1 STARTTLS\r\n",
    b"T1 OK go on\r\n",
    b'T1 ID ("x-originating-ip" "198.51.100.7")\r\n',
    b"T1 OK\r\n",
    b"T1 AUTHENTICATE PLAIN\r\n",
    b"+\r\n",
    b"AGFsaWNlAHNlY3JldA==\r\n",
    b"T1 OK in\r\n",
    b"T2 LOGOUT\r\n",
)
POP3 = Words(
    b"+OK [XCLIENT] ready\r\n",
    (b"CAPA\r\n", b"CAPA\r\n", b"+OK\r\nSTLS\r\nSASL PLAIN\r\n.\r\n"),
    b"STLS\r\n",
    b"+OK go on\r\n",
    b"XCLIENT ADDR=198.51.100.7\r\n",
    b"+OK\r\n",
    b"AUTH PLAIN\r\n",
    b"+\r\n",
    b"AGFsaWNlAHNlY3JldA==\r\n",
    b"+OK in\r\n",
    b"QUIT\r\n",
)
both = pytest.mark.parametrize("words", [IMAP, POP3], ids=["imap", "pop3"])


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


# TLS


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
