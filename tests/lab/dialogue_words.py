"""What a server of each protocol says to a dialogue, and hears of it: for what holds for both."""

from dataclasses import dataclass

import pytest

from bridge_common.secret import Secret
from sasl_bridge.dialogue.imap import ImapDialogue
from sasl_bridge.dialogue.interface import Action, Attempt, DialogueRules, Outcome, Send
from sasl_bridge.dialogue.line_dialogue import LineDialogue
from sasl_bridge.dialogue.pop3 import Pop3Dialogue
from sasl_bridge.verdict import Verdict

SECRET = Secret(b"secret")
ATTEMPT = Attempt("alice", SECRET)
EARLY = [Outcome(Verdict.UNAVAILABLE, "the server answered before it was asked")]


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
