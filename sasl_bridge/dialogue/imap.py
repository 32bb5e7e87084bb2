"""One login at an IMAP server: the order in which things are said, and what an answer means.

Knows RFC 3501 (login, STARTTLS), RFC 2971 (ID), RFC 5530 (response codes) and the verdicts they
stand for.
Prefers AUTHENTICATE PLAIN; tries one way only: a second one counts as a second wrong password.
Whatever is not an answer to the whole login, with our own tag, is UNAVAILABLE.
Does not know the grammar (`imap_syntax`), sockets, TLS or time.
Raises nothing once it is constructed; logs nothing.
"""

from collections.abc import Callable

from sasl_bridge.dialogue.imap_syntax import (
    CONTINUATION,
    UNTAGGED,
    Remark,
    Response,
    authenticate_parts,
    id_command,
    literal_bytes,
    login_parts,
    may_hold_literals,
    parse_capabilities,
    parse_remark,
    parse_response,
)
from sasl_bridge.dialogue.interface import Attempt, DialogueRules
from sasl_bridge.dialogue.line_dialogue import LineDialogue
from sasl_bridge.dialogue.received import Line, UnclearError
from sasl_bridge.verdict import Verdict

# RFC 5530 section 3: the codes that speak of the login, and of nothing that passes by itself.
_REJECTING_CODES = frozenset(
    {"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "CONTACTADMIN"}
)
# Of those, the ones that speak of the account: it has expired, or somebody has to see to it.
_ACCOUNT_STATE_CODES = frozenset({"EXPIRED", "CONTACTADMIN"})
# RFC 3501 section 7.1: these say nothing about the login.
_INDIFFERENT_CODES = frozenset({"ALERT", "CAPABILITY"})

# Not bound to the dialogue, which would keep itself and the password alive by holding it.
_State = Callable[["ImapDialogue", Response], None]


class ImapDialogue(LineDialogue):
    """One login. `Dialogue` of `interface`.

    ``tag_prefix`` is ASCII letters and digits that the server cannot foresee.
    Raises ValueError if the login or the password is empty or holds NUL, CR or LF.
    """

    def __init__(self, attempt: Attempt | None, rules: DialogueRules, *, tag_prefix: str) -> None:
        super().__init__(attempt, rules)
        self._tag_prefix = tag_prefix.encode("ascii")
        self._tag = self._tag_prefix  # of the last command
        self._commands = 0
        self._announced: set[str] = set()  # of the answer to CAPABILITY, so far
        self._literal_bytes: int | None = None  # of the untagged line that is being read
        self._hear: _State = ImapDialogue._hear_unasked

    # What is heard

    def _hear_line(self, line: Line) -> None:
        if self._literal_bytes is not None:  # what follows a literal belongs to the line before it
            self._skip_literal(line.text)
        elif line.text:
            self._hear_response(parse_response(line.text), early=line.early)

    def _hear_response(self, response: Response, *, early: bool) -> None:
        if response.tag != UNTAGGED and (early or not self._greeted):
            raise UnclearError("the server answered before it was asked")
        if may_hold_literals(response):
            self._skip_literal(response.rest)
        if response.tag != UNTAGGED:
            self._hear_answer(response)
        elif self._greeted:
            self._overhear(response)
        else:
            self._hear_greeting(response)

    def _skip_literal(self, text: bytes) -> None:
        """Pass over what is no line, whatever it looks like (RFC 3501 section 4.3)."""
        self._literal_bytes = literal_bytes(text)
        self._lines.skip(self._literal_bytes or 0)

    def _hear_greeting(self, response: Response) -> None:
        remark = parse_remark(response.rest)
        self._greeting = _words(response, remark)
        if response.name != "OK":
            raise UnclearError(f"the server greets with {self.banner}")
        self._greeted = True
        announced = parse_capabilities(remark.arguments) if remark.code == "CAPABILITY" else None
        if announced:
            self._know_capabilities(announced)
        else:
            self._ask_capabilities()

    def _overhear(self, response: Response) -> None:
        """Let untagged lines pass, of whatever kind, but for those that end it all.

        They may come at any time (RFC 3501 section 2.2.2).
        """
        if response.name in {"BYE", "PREAUTH"}:
            raise UnclearError(f"the server said {self._show(response)}")
        if response.name == "CAPABILITY":
            self._announced |= parse_capabilities(response.rest)

    def _hear_answer(self, response: Response) -> None:
        if response.tag == CONTINUATION:
            self._hear_leave()
        elif response.tag == self._tag:
            self._half_said = False  # whatever the answer is, the command is over
            self._hear(self, response)
        else:
            raise UnclearError(f"the server sent something else than the {self.waiting_for}")

    # Each of these is a state, and takes the answer with our tag.

    def _hear_capabilities(self, response: Response) -> None:
        if response.name != "OK" or not self._announced:
            raise UnclearError(f"the server did not name its capabilities: {self._show(response)}")
        self._know_capabilities(frozenset(self._announced))

    def _hear_tls_answer(self, response: Response) -> None:
        if response.name != "OK":
            raise UnclearError(f"the server refuses STARTTLS: {self._show(response)}")
        self._begin_tls()

    def _hear_id_answer(self, _: Response) -> None:
        """Go on whatever the answer is: the login does not hang on it."""
        self._log_in()

    def _hear_login_answer(self, response: Response) -> None:
        if not self.password_sent:
            shown = self._show(response)
            raise UnclearError(f"before it had the password, the server said {shown}")
        self._judge(response)

    def _hear_unasked(self, response: Response) -> None:
        raise UnclearError(f"unasked, the server said {self._show(response)}")

    # What is said

    def _ask_capabilities(self) -> None:
        self._announced = set()
        self._hear = ImapDialogue._hear_capabilities
        self._ask(self._next_tag() + b" CAPABILITY\r\n", "answer to CAPABILITY")

    def _ask_for_encryption(self) -> None:
        if "STARTTLS" not in self.capabilities:
            raise UnclearError("the server does not offer STARTTLS")
        self._hear = ImapDialogue._hear_tls_answer
        self._ask(self._next_tag() + b" STARTTLS\r\n", "answer to STARTTLS", whole=False)

    def _need_a_way(self) -> None:
        """In the clear LOGINDISABLED ends it; in TLS it forbids LOGIN only (RFC 3501, 6.2.3)."""
        if "LOGINDISABLED" in self.capabilities and not (self._knows_plain and self._encrypted):
            raise UnclearError("the server announces LOGINDISABLED: no login on this connection")

    @property
    def _knows_plain(self) -> bool:
        return "AUTH=PLAIN" in self.capabilities

    def _rest(self) -> None:
        self._hear = ImapDialogue._hear_unasked

    def _takes_client(self) -> bool:
        return "ID" in self.capabilities

    def _tell_client(self) -> None:
        self._hear = ImapDialogue._hear_id_answer
        self._ask(id_command(self._next_tag(), self._client), "answer to ID")

    def _log_in(self) -> None:
        parts = authenticate_parts if self._knows_plain else login_parts
        self._hear = ImapDialogue._hear_login_answer
        self._say_in_parts(parts(self._next_tag(), self._login, self._password, self.capabilities))

    def _leave(self) -> bytes:
        return self._next_tag() + b" LOGOUT\r\n"

    def _next_tag(self) -> bytes:
        self._commands += 1
        self._tag = self._tag_prefix + b"%d" % self._commands
        return self._tag

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
        words = _words(response, remark)
        while remark.code in _INDIFFERENT_CODES:  # another code may stand behind it
            remark = parse_remark(remark.text)
        trouble = self._is_trouble(words, coded=remark.code is not None)
        rejected = not trouble and (remark.code is None or remark.code in _REJECTING_CODES)
        verdict = Verdict.REJECTED if rejected else Verdict.UNAVAILABLE
        account_state = rejected and remark.code in _ACCOUNT_STATE_CODES
        self._conclude(verdict, self._shown(words), account_state=account_state)

    def _show(self, response: Response) -> str:
        return self._shown(_words(response, parse_remark(response.rest)))


def _words(response: Response, remark: Remark) -> bytes:
    """Return the answer without a list of capabilities, which would only fill the log."""
    rest = remark.text if remark.code == "CAPABILITY" else response.rest
    return response.name.encode("ascii") + b" " + rest
