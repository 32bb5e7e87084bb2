"""One login at a POP3 server: the order in which things are said, and what an answer means.

Knows RFC 1939 (USER, PASS, QUIT), RFC 2449 (CAPA, response codes), RFC 2595 (STLS), RFC 3206
(SYS and AUTH codes), RFC 5034 (AUTH), and the verdicts they stand for.
Prefers AUTH PLAIN; tries one way only: a second one counts as a second wrong password.
Whatever is not an answer to the whole login is UNAVAILABLE; but an unknown user may be refused
before the password is sent.
Does not know the grammar (`pop3_syntax`), sockets, TLS or time.
Raises nothing once it is constructed; logs nothing.
"""

from collections.abc import Callable

from sasl_bridge.dialogue.interface import Attempt, DialogueRules
from sasl_bridge.dialogue.line_dialogue import LineDialogue
from sasl_bridge.dialogue.pop3_syntax import (
    END_OF_LIST,
    Reply,
    auth_parts,
    names_of,
    parse_capability,
    parse_reply,
    pass_command,
    sasl_mechanisms,
    user_command,
    xclient_command,
)
from sasl_bridge.dialogue.received import Line, UnclearError
from sasl_bridge.verdict import Verdict

# Not bound to the dialogue, which would keep itself and the password alive by holding it.
_State = Callable[["Pop3Dialogue", Reply], None]


class Pop3Dialogue(LineDialogue):
    """One login. `Dialogue` of `interface`.

    Raises ValueError if the login or the password is empty or holds NUL, CR or LF.
    """

    def __init__(self, attempt: Attempt | None, rules: DialogueRules) -> None:
        super().__init__(attempt, rules)
        self._in_list = False
        self._listed: set[str] = set()  # of CAPA's list, so far
        self._knows_capa = False
        self._knows_xclient = False  # by the greeting: Dovecot does not list it
        self._hear: _State = Pop3Dialogue._hear_greeting

    # What is heard

    def _hear_line(self, line: Line) -> None:
        if line.early:
            raise UnclearError("the server answered before it was asked")
        if self._in_list:
            self._hear_capability(line.text)
        else:
            self._hear_reply(parse_reply(line.text))

    def _hear_capability(self, line: bytes) -> None:
        if line == END_OF_LIST:
            self._in_list = False
            self._know_capabilities(frozenset(self._listed))
        elif capability := parse_capability(line):
            self._listed.add(capability)

    def _hear_reply(self, reply: Reply) -> None:
        if reply.indicator == "+":
            self._hear_leave()
        else:
            self._half_said = False  # whatever the reply is, the command is over
            self._hear(self, reply)

    # Each of these is a state, and takes +OK or -ERR.

    def _hear_greeting(self, reply: Reply) -> None:
        self._greeting = _words(reply)
        if reply.indicator != "+OK":
            raise UnclearError(f"the server greets with {self.banner}")
        self._greeted = True
        self._knows_xclient = reply.code == "XCLIENT"
        self._ask_capabilities()

    def _hear_capa_answer(self, reply: Reply) -> None:
        """Go on without a list: a server that refuses is older than CAPA, and can do USER.

        But one that has codes is not as old as that (RFC 2449).
        """
        if reply.indicator == "-ERR" and reply.code is not None:
            raise UnclearError(f"the server did not list its capabilities: {self._show(reply)}")
        self._in_list = self._knows_capa = reply.indicator == "+OK"
        if not self._knows_capa:
            self._know_capabilities(frozenset())

    def _hear_tls_answer(self, reply: Reply) -> None:
        if reply.indicator != "+OK":
            raise UnclearError(f"the server refuses STLS: {self._show(reply)}")
        self._begin_tls()

    def _hear_xclient_answer(self, _: Reply) -> None:
        """Go on whatever the answer is: the login does not hang on it."""
        self._log_in()

    def _hear_user_answer(self, reply: Reply) -> None:
        if reply.indicator == "+OK":
            self._hear = Pop3Dialogue._hear_login_answer
            self._say_in_parts([pass_command(self._password)])
        else:
            self._judge(reply)

    def _hear_login_answer(self, reply: Reply) -> None:
        if not self.password_sent:
            raise UnclearError(f"before it had the password, the server said {self._show(reply)}")
        self._judge(reply)

    def _hear_unasked(self, reply: Reply) -> None:
        raise UnclearError(f"unasked, the server said {self._show(reply)}")

    # What is said

    def _ask_capabilities(self) -> None:
        self._listed = set()
        self._hear = Pop3Dialogue._hear_capa_answer
        self._ask(b"CAPA\r\n", "answer to CAPA")

    def _ask_for_encryption(self) -> None:
        if "STLS" not in names_of(self.capabilities):
            raise UnclearError("the server does not offer STLS")
        self._hear = Pop3Dialogue._hear_tls_answer
        self._ask(b"STLS\r\n", "answer to STLS", whole=False)

    def _need_a_way(self) -> None:
        named = not self._knows_capa or "USER" in names_of(self.capabilities)
        if not named and not self._knows_plain:
            raise UnclearError("the server offers neither USER nor SASL PLAIN on this connection")

    @property
    def _knows_plain(self) -> bool:
        return "PLAIN" in sasl_mechanisms(self.capabilities)

    def _rest(self) -> None:
        self._hear = Pop3Dialogue._hear_unasked

    def _takes_client(self) -> bool:
        return self._knows_xclient

    def _tell_client(self) -> None:
        self._hear = Pop3Dialogue._hear_xclient_answer
        self._ask(xclient_command(self._client), "answer to XCLIENT")

    def _log_in(self) -> None:
        if self._knows_plain:
            self._hear = Pop3Dialogue._hear_login_answer
            self._say_in_parts(auth_parts(self._login, self._password))
        else:
            self._hear = Pop3Dialogue._hear_user_answer
            self._ask(user_command(self._login), "answer to USER")

    def _leave(self) -> bytes:
        return b"QUIT\r\n"

    # What an answer to the login means

    def _judge(self, reply: Reply) -> None:
        accepted = reply.indicator == "+OK"
        verdict = Verdict.ACCEPTED if accepted else self._verdict_of_refusal(reply)
        self._conclude(verdict, self._show(reply))

    def _verdict_of_refusal(self, reply: Reply) -> Verdict:
        if self._is_trouble(reply.rest, coded=reply.code is not None):
            return Verdict.UNAVAILABLE
        match reply.code:
            case None if "AUTH-RESP-CODE" not in names_of(self.capabilities):
                return Verdict.REJECTED  # RFC 3206 section 6: otherwise it would have a code
            case "AUTH":  # a disabled account has no code of its own (RFC 3206 section 5)
                return Verdict.REJECTED
            case "IN-USE" if self.password_sent and self._rules.in_use_is_success:
                return Verdict.ACCEPTED
        return Verdict.UNAVAILABLE

    def _show(self, reply: Reply) -> str:
        return self._shown(_words(reply))


def _words(reply: Reply) -> bytes:
    return reply.indicator.encode("ascii") + b" " + reply.rest
