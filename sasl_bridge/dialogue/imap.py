"""One login at an IMAP server: the order in which things are said, and what an answer means.

Knows RFC 3501 (login), RFC 5530 (response codes) and the verdicts they stand for.
Prefers AUTHENTICATE PLAIN; tries one way only: a second one counts as a second wrong password.
Whatever is not an answer to the whole login, with our own tag, is UNAVAILABLE.
Does not know the grammar (`imap_syntax`), sockets, TLS or time.
Raises nothing once it is constructed; logs nothing.
"""

from collections import deque
from collections.abc import Callable

from bridge_common.secret import Secret
from sasl_bridge.dialogue.imap_syntax import (
    CONTINUATION,
    UNTAGGED,
    Remark,
    Response,
    authenticate_parts,
    literal_bytes,
    login_parts,
    may_hold_literals,
    parse_capabilities,
    parse_remark,
    parse_response,
)
from sasl_bridge.dialogue.interface import Action, Outcome, Send
from sasl_bridge.dialogue.received import Line, ReceivedLines, UnclearError
from sasl_bridge.dialogue.shown import shortened, shown
from sasl_bridge.verdict import Verdict

# RFC 5530 section 3: the codes that speak of the login, and of nothing that passes by itself.
_REJECTING_CODES = frozenset(
    {"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "CONTACTADMIN"}
)
# RFC 3501 section 7.1: these say nothing about the login.
_INDIFFERENT_CODES = frozenset({"ALERT", "CAPABILITY"})

_UNSENDABLE = frozenset(b"\0\r\n")

_State = Callable[[Response], None]


class ImapDialogue:
    """One login. `Dialogue` of `interface`.

    ``tag_prefix`` is ASCII letters and digits that the server cannot foresee.
    ``encrypted`` says whether what we send is encrypted on its way.
    ``unavailable_texts``: a NO without a code that holds one of them is trouble, not a no.
    Raises ValueError if the login or the password is empty or holds NUL, CR or LF.
    """

    def __init__(
        self,
        login: str,
        password: Secret,
        *,
        tag_prefix: str,
        encrypted: bool,
        unavailable_texts: tuple[str, ...] = (),
    ) -> None:
        self._login = login.encode("utf-8")
        self._password = password
        for value in (self._login, password.reveal()):
            if not value or not _UNSENDABLE.isdisjoint(value):
                raise ValueError("a login or password that must not be sent")
        self.greeted = False
        self.password_sent = False
        self.waiting_for = "greeting"
        self._tag_prefix = tag_prefix.encode("ascii")
        self._encrypted = encrypted
        self._unavailable_texts = tuple(text.casefold() for text in unavailable_texts)
        self._lines = ReceivedLines()
        self._commands = 0
        self._capabilities: frozenset[str] = frozenset()
        self._unsent: deque[bytes] = deque()
        self._half_said = False  # of a command's parts, the first went out and the last did not
        self._literal_bytes: int | None = None  # of the untagged line that is being read
        self._hear: _State = self._hear_greeting
        self._actions: list[Action] = []
        self._over = False
        self._hung_up = False

    def receive(self, data: bytes) -> list[Action]:
        """Take bytes of the server; return what to do about them."""
        said_before = self.password_sent, self._half_said
        if not self._over:
            self._lines.feed(data)
        try:
            while not self._over and (line := self._lines.next_line()) is not None:
                self._hear_line(line)
        except UnclearError as trouble:
            # What was about to be said to such a server stays unsaid.
            self._actions = []
            self.password_sent, self._half_said = said_before
            self._conclude(Verdict.UNAVAILABLE, str(trouble))
        actions, self._actions = self._actions, []
        return actions

    def receive_eof(self) -> list[Action]:
        """Conclude: a server that hangs up has not answered."""
        if self._over:
            return []
        self._over = self._hung_up = True
        detail = f"connection closed, no {self.waiting_for} came"
        return [Outcome(Verdict.UNAVAILABLE, detail)]

    def farewell(self) -> bytes:
        """Return LOGOUT, unless nobody reads it, or reads it as part of an unfinished login."""
        unasked = not self.greeted and not self._over
        if unasked or self._hung_up or self._half_said:
            return b""
        return self._next_tag() + b" LOGOUT\r\n"

    # What we hear: each method is a state, and takes one line of the server.

    def _hear_line(self, line: Line) -> None:
        if self._literal_bytes is not None:  # what follows a literal belongs to the line before it
            self._skip_literal(line.text)
        elif line.text:
            self._hear_response(parse_response(line.text), early=line.early)

    def _hear_response(self, response: Response, *, early: bool) -> None:
        if early and response.tag != UNTAGGED:
            raise UnclearError("the server answered before it was asked")
        if may_hold_literals(response):
            self._skip_literal(response.rest)
        self._hear(response)

    def _skip_literal(self, text: bytes) -> None:
        """Pass over what is no line, whatever it looks like (RFC 3501 section 4.3)."""
        self._literal_bytes = literal_bytes(text)
        self._lines.skip(self._literal_bytes or 0)

    def _hear_greeting(self, response: Response) -> None:
        if response.tag != UNTAGGED:
            raise UnclearError("the server answered before it was asked")
        if response.name != "OK":
            raise UnclearError(f"the server greets with {self._show(response)}")
        self.greeted = True
        remark = parse_remark(response.rest)
        if remark.code == "CAPABILITY" and remark.arguments:
            self._log_in(parse_capabilities(remark.arguments))
        else:
            self._hear = self._hear_capabilities
            self._ask(self._next_tag() + b" CAPABILITY\r\n", "answer to CAPABILITY")

    def _hear_capabilities(self, response: Response) -> None:
        if response.tag == UNTAGGED:
            if response.name == "CAPABILITY":
                self._capabilities |= parse_capabilities(response.rest)
            self._overhear(response)
        elif self._is_ours(response) and response.name == "OK" and self._capabilities:
            self._log_in(self._capabilities)
        else:
            raise UnclearError(f"the server did not name its capabilities: {self._show(response)}")

    def _hear_login_answer(self, response: Response) -> None:
        if response.tag == UNTAGGED:
            self._overhear(response)
        elif response.tag == CONTINUATION and self._unsent:
            self._say_next_part()
        elif not self._is_ours(response):
            raise UnclearError("the server sent something else than an answer to the login")
        elif self._unsent:
            raise UnclearError(
                f"before it had the password, the server said {self._show(response)}"
            )
        else:
            self._judge(response)

    def _overhear(self, response: Response) -> None:
        """Let untagged lines pass, of whatever kind, but for those that end it all.

        They may come at any time (RFC 3501 section 2.2.2).
        """
        if response.name in {"BYE", "PREAUTH"}:
            raise UnclearError(f"the server said {self._show(response)}")

    def _is_ours(self, response: Response) -> bool:
        return response.tag == self._tag_prefix + b"%d" % self._commands

    # What we say.

    def _log_in(self, capabilities: frozenset[str]) -> None:
        """Choose the one way; LOGINDISABLED forbids LOGIN only (RFC 3501 section 6.2.3)."""
        plain = "AUTH=PLAIN" in capabilities
        if "LOGINDISABLED" in capabilities and not (plain and self._encrypted):
            raise UnclearError("the server announces LOGINDISABLED: no login on this connection")
        parts = authenticate_parts if plain else login_parts
        secret = self._password.reveal()
        self._unsent.extend(parts(self._next_tag(), self._login, secret, capabilities))
        self._hear = self._hear_login_answer
        self._say_next_part()

    def _say_next_part(self) -> None:
        part = self._unsent.popleft()
        self._half_said = bool(self._unsent)
        self.password_sent = not self._half_said
        self._ask(part, "leave to send the password" if self._half_said else "answer to the login")

    def _ask(self, data: bytes, waiting_for: str) -> None:
        self._actions.append(Send(data))
        self._lines.expect_answer()
        self.waiting_for = waiting_for

    def _next_tag(self) -> bytes:
        self._commands += 1
        return self._tag_prefix + b"%d" % self._commands

    # What an answer to the whole login means.

    def _judge(self, response: Response) -> None:
        if response.name == "OK":
            self._conclude(Verdict.ACCEPTED, self._show(response))
        elif response.name == "NO":
            self._judge_no(response)
        else:
            raise UnclearError(f"the server answers the login with {self._show(response)}")

    def _judge_no(self, response: Response) -> None:
        remark = parse_remark(response.rest)
        while remark.code in _INDIFFERENT_CODES:  # another code may stand behind it
            remark = parse_remark(remark.text)
        self._conclude(self._verdict_of_remark(remark), self._show(response))

    def _verdict_of_remark(self, remark: Remark) -> Verdict:
        if remark.code is None:
            return self._verdict_of_text(remark.text)
        return Verdict.REJECTED if remark.code in _REJECTING_CODES else Verdict.UNAVAILABLE

    def _verdict_of_text(self, text: bytes) -> Verdict:
        words = text.decode("utf-8", "replace").casefold()
        trouble = any(listed in words for listed in self._unavailable_texts)
        return Verdict.UNAVAILABLE if trouble else Verdict.REJECTED

    def _conclude(self, verdict: Verdict, detail: str) -> None:
        self._over = True
        self._actions.append(Outcome(verdict, shortened(detail)))

    def _show(self, response: Response) -> str:
        """Return the answer for the log; a list of capabilities would only fill it."""
        remark = parse_remark(response.rest)
        rest = remark.text if remark.code == "CAPABILITY" else response.rest
        words = response.name.encode("ascii") + b" " + rest
        return shown(words.strip(), self._password)
