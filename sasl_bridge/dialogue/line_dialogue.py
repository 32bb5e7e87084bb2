"""What the dialogues have in common: who speaks when, how TLS begins, how it all ends.

Knows that a server speaks in lines, what comes before a login and in which order, that a command
may be said in parts, and that whatever is unclear is UNAVAILABLE.
Does not know a word of any protocol: `imap` and `pop3` do.
Raises nothing once it is constructed; logs nothing.
"""

import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence

from bridge_common.shown import shortened, shown
from sasl_bridge.dialogue.interface import (
    Action,
    Attempt,
    DialogueRules,
    Outcome,
    Send,
    StartTls,
)
from sasl_bridge.dialogue.received import Line, ReceivedLines, UnclearError
from sasl_bridge.dialogue.trouble_texts import speaks_of_trouble
from sasl_bridge.verdict import Verdict

_UNSENDABLE = frozenset(b"\0\r\n")
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]+")  # without a scope, which may hold anything


class LineDialogue(ABC):
    """The common half of a `Dialogue` of `interface`.

    Raises ValueError if the login or the password is empty or holds NUL, CR or LF.
    """

    def __init__(self, attempt: Attempt | None, rules: DialogueRules) -> None:
        self._rules = rules
        self._attempt: Attempt | None = None
        self._client = ""  # to be told, if not empty
        self._login = self._password = b""
        if attempt is not None:
            self._take_attempt(attempt)
        self.ready = False
        self.password_sent = False
        self.waiting_for = "greeting"
        self.capabilities: frozenset[str] = frozenset()
        self._encrypted = rules.security == "ssl"
        self._lines = ReceivedLines()
        self._actions: list[Action] = []
        self._unsent: deque[bytes] = deque()  # parts of a command; each waits for leave
        # In the middle of a command: what is sent next would be read as a part of it.
        self._half_said = False
        self._greeted = False
        self._greeting = b""
        self._tls_is_due = False  # the server gave its leave to begin TLS
        self._over = False
        self._hung_up = False

    # The carrier's side

    @property
    def banner(self) -> str:
        """Return the greeting fit for a log; few ask, so that it is made only then."""
        return self._shown(self._greeting)

    def receive(self, data: bytes) -> list[Action]:
        """Take bytes of the server; return what to do about them."""
        said_before = self.password_sent, self._half_said
        ready_before = self.ready
        if not self._over:
            self._lines.feed(data)
        try:
            while not self._over and (line := self._next_line()) is not None:
                self._hear_line(line)
        except UnclearError as trouble:
            if self._actions:  # what was about to be said to such a server stays unsaid
                self._actions = []
                self.password_sent, self._half_said = said_before
            self.ready = ready_before  # who ends it in that very breath never got ready
            self._conclude(Verdict.UNAVAILABLE, str(trouble))
        return self._take_actions()

    def receive_eof(self) -> list[Action]:
        """Conclude: a server that hangs up has not answered."""
        self._hung_up = True
        if not self._over:
            detail = f"connection closed, no {self.waiting_for} came"
            self._conclude(Verdict.UNAVAILABLE, detail)
        return self._take_actions()

    def tls_began(self) -> list[Action]:
        """Ask for the capabilities anew: those named before may be anyone's (RFC 3501 6.2.1)."""
        self._encrypted = True
        self._tls_is_due = False
        self._ask_capabilities()
        return self._take_actions()

    def try_login(self, attempt: Attempt) -> list[Action]:
        """Go on from rest with this login. Raises ValueError as the constructor does."""
        self._take_attempt(attempt)
        self._say_login()
        return self._take_actions()

    def farewell(self) -> bytes:
        """Take leave, unless nobody reads it, or reads it as part of something unfinished."""
        unasked = not self._greeted and not self._over
        if unasked or self._hung_up or self._half_said:
            return b""
        return self._leave()

    # What each protocol has words for

    @abstractmethod
    def _hear_line(self, line: Line) -> None:
        """Take one line of the server. Raises UnclearError."""

    @abstractmethod
    def _ask_capabilities(self) -> None:
        """Ask what the server can do; go on when it has answered."""

    @abstractmethod
    def _ask_for_encryption(self) -> None:
        """Ask for leave to begin TLS. Raises UnclearError if that is not offered."""

    @abstractmethod
    def _need_a_way(self) -> None:
        """Raise UnclearError if this server takes no login on this connection."""

    @abstractmethod
    def _rest(self) -> None:
        """Make ready to hear what is said unasked."""

    @abstractmethod
    def _takes_client(self) -> bool:
        """Return whether the server takes the address of the client."""

    @abstractmethod
    def _tell_client(self) -> None:
        """Tell the address of the client; `_log_in` when that is answered, with whatever."""

    @abstractmethod
    def _log_in(self) -> None:
        """Try the login, in the one way that is chosen."""

    @abstractmethod
    def _leave(self) -> bytes:
        """Return the command that takes leave."""

    # What is heard

    def _next_line(self) -> Line | None:
        """Return the next line. Raises UnclearError if it came unencrypted where TLS was due.

        Whatever came along with the leave was said by nobody we know (CVE-2011-0411).
        """
        if self._tls_is_due and not self._lines.empty:
            raise UnclearError("the server went on unencrypted behind its leave to begin TLS")
        line = self._lines.next_line()
        if line is not None and not self._greeting:
            self._greeting = line.text  # as it is, to be shown even if it is none of the protocol
        return line

    def _hear_leave(self) -> None:
        """Go on with the command of which the server wants to hear the rest."""
        if not self._unsent:
            self._half_said = True
            raise UnclearError("the server waits for more than there is to say")
        self._say_next_part()

    # What is said

    def _know_capabilities(self, capabilities: frozenset[str]) -> None:
        """Do what comes next: TLS, then the client's address, then the login."""
        self.capabilities = capabilities
        if self._rules.security == "tls" and not self._encrypted:
            self._ask_for_encryption()
            return
        self._need_a_way()
        self.ready = True
        if self._attempt is None:
            self.waiting_for = "more"
            self._rest()
        else:
            self._say_login()

    def _take_attempt(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._login, self._password = _sendable(attempt)
        if self._rules.forward_client and _ADDRESS.fullmatch(attempt.client):
            self._client = attempt.client

    def _say_login(self) -> None:
        if self._client and self._takes_client():
            self._tell_client()
        else:
            self._log_in()

    def _ask(self, command: bytes, waiting_for: str, *, whole: bool = True) -> None:
        """Say a command, or a part of one."""
        self._actions.append(Send(command))
        self._lines.expect_answer()
        self._half_said = not whole
        self.waiting_for = waiting_for

    def _begin_tls(self) -> None:
        self._tls_is_due = self._half_said = True
        self.waiting_for = "TLS handshake"
        self._actions.append(StartTls())

    def _say_in_parts(self, parts: Sequence[bytes]) -> None:
        """Say the first part; the others when the server gives its leave."""
        self._unsent.extend(parts)
        self._say_next_part()

    def _say_next_part(self) -> None:
        """Say the next part of the login; the password is in the last one."""
        part = self._unsent.popleft()
        self.password_sent = last = not self._unsent
        waiting_for = "answer to the login" if last else "leave to send the password"
        self._ask(part, waiting_for, whole=last)

    # How it ends

    def _conclude(self, verdict: Verdict, detail: str, *, account_state: bool = False) -> None:
        self._over = True
        self._lines = ReceivedLines()  # what is left counts no more
        self._actions.append(Outcome(verdict, shortened(detail), account_state))

    def _is_trouble(self, words: bytes, *, coded: bool) -> bool:
        """Return whether a no speaks of trouble, and of no password."""
        return speaks_of_trouble(words, self._rules.unavailable_texts, coded=coded)

    def _shown(self, words: bytes) -> str:
        """Return the server's words fit for a log."""
        return shown(words.strip(), self._attempt.password if self._attempt else None)

    def _take_actions(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions


def _sendable(attempt: Attempt) -> tuple[bytes, bytes]:
    """Return login and password as they are sent."""
    login, password = attempt.login.encode("utf-8"), attempt.password.reveal()
    for value in (login, password):
        if not value or not _UNSENDABLE.isdisjoint(value):
            raise ValueError("a login or password that must not be sent")
    return login, password
