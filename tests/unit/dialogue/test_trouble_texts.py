"""What a refusal is taken for by its words alone: of a wrong password, or of trouble."""

import pytest

from bridge_common.secret import Secret
from sasl_bridge.dialogue.imap import ImapDialogue
from sasl_bridge.dialogue.interface import Attempt, DialogueRules, Outcome
from sasl_bridge.dialogue.pop3 import Pop3Dialogue
from sasl_bridge.dialogue.trouble_texts import speaks_of_trouble
from sasl_bridge.verdict import Verdict

ATTEMPT = Attempt("alice", Secret(b"secret77"))

TROUBLE_WHATEVER_THE_CODE = [
    "Plaintext authentication disallowed on non-secure (SSL/TLS) connections.",
    "Plaintext authentication disabled.",
    "Cleartext authentication disallowed on non-secure (SSL/TLS) connections.",
    "USER command only available under a layer",
    "only valid after entering TLS mode",
    "TLS required to log in.",
    "A SSL/TLS-connection is required for authentication.",
    "Too many connections",
    "Too many concurrent connections",
    "Too many simultaneous connections. (Failure)",
    "Temporary authentication failure. [host:2026-11-24 08:00:00]",
    "Internal login failure. Refer to server log for more information.",
    "Temporary problem, please try again later",
    "generic failure",
    "Login failed: generic failure",
    "authenticating: generic failure",
    "remote authentication server unavailable",
]
TROUBLE_WITHOUT_A_CODE = [
    "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
    "Server Unavailable. 15",
    "Server Unavailable. 21",
    "Command is not valid in this state.",
    "Protocol error. 14",
    "Connection is closed. 20",
    "Temporary System Problem.  Try again later. (Failure)",
    "Account exceeded command or bandwidth limits. (Failure)",
    "account undergoing maintenance; please try again later",
    "your account is having maintenance peformed. please try again later",
    "aack, child crashed",
    "unable to fork",
    "out of memory",
    "Unknown command: USER",
    "Unrecognized command",
    "Invalid command in current state.",
    "Unknown AUTHORIZATION state command",
    "unable to lock maildrop",
    "maildrop already locked",
    "Can't get lock.  Mailbox in use",
    "/var/mail/.alice.pop lock busy!  Is another session active? (11)",
    "Mailbox Locked",
    "maildrop locked",
    "Mailbox is locked by another POP3 session",
    "Maildrop is locked by someone else!",
    "mailbox in use",
    "maildrop in use",
]
WRONG_PASSWORD = [
    "",
    "Login failed.",
    "Authentication failed.",
    "authentication failure",
    "Login failed: authentication failure",
    "user not found",
    "invalid password",
    "Invalid user name or password.",
    "Invalid username or password",
    "Username or password incorrect",
    "Logon failure: unknown user name or bad password.",
    "LOGIN failed",
    "LOGIN failed.",
    "AUTHENTICATE failed.",
    "Invalid credentials (Failure)",
    "Invalid credentials[SERVER]",
    "Bad login",
    "Unable to log on",
    "authorization failed",
    "permission denied",
    "wrong plaintext password",
    "account not in use",
    "Web login required (Failure)",
    "Application-specific password required",
    "Too many login failures",
    "Authentication failed, try again later",
    "never heard of mailbox name",
    "sorry, no mailbox for alice here",
    "unknown user",
]


def verdict_of_imap(words: str) -> Verdict:
    dialogue = ImapDialogue(ATTEMPT, DialogueRules(), tag_prefix="T")
    dialogue.receive(b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n")
    (outcome,) = dialogue.receive(f"T1 NO {words}\r\n".encode())
    assert isinstance(outcome, Outcome)
    return outcome.verdict


def verdict_of_pop3(words: str, *, in_use_is_success: bool = False) -> Verdict:
    dialogue = Pop3Dialogue(ATTEMPT, DialogueRules(in_use_is_success=in_use_is_success))
    for heard in (b"+OK ready\r\n", b"+OK\r\nUSER\r\n.\r\n", b"+OK\r\n"):
        dialogue.receive(heard)
    (outcome,) = dialogue.receive(f"-ERR {words}\r\n".encode())
    assert isinstance(outcome, Outcome)
    return outcome.verdict


@pytest.mark.parametrize("words", [*TROUBLE_WHATEVER_THE_CODE, *TROUBLE_WITHOUT_A_CODE])
def test_trouble_without_a_code(words: str) -> None:
    for said in (words, words.upper(), words.lower()):
        assert verdict_of_imap(said) is Verdict.UNAVAILABLE
        assert verdict_of_imap(f"[ALERT] {said}") is Verdict.UNAVAILABLE
        assert verdict_of_pop3(said) is Verdict.UNAVAILABLE


@pytest.mark.parametrize("words", TROUBLE_WHATEVER_THE_CODE)
def test_trouble_whatever_the_code(words: str) -> None:
    assert verdict_of_imap(f"[AUTHENTICATIONFAILED] {words}") is Verdict.UNAVAILABLE
    assert verdict_of_imap(f"[ALERT] [AUTHENTICATIONFAILED] {words}") is Verdict.UNAVAILABLE
    assert verdict_of_pop3(f"[AUTH] {words}") is Verdict.UNAVAILABLE
    assert verdict_of_pop3(f"[IN-USE] {words}", in_use_is_success=True) is Verdict.UNAVAILABLE


@pytest.mark.parametrize("words", TROUBLE_WITHOUT_A_CODE)
def test_a_code_is_believed_before_other_texts(words: str) -> None:
    assert verdict_of_imap(f"[AUTHENTICATIONFAILED] {words}") is Verdict.REJECTED
    assert verdict_of_pop3(f"[AUTH] {words}") is Verdict.REJECTED
    assert verdict_of_pop3(f"[IN-USE] {words}", in_use_is_success=True) is Verdict.ACCEPTED


@pytest.mark.parametrize("words", WRONG_PASSWORD)
def test_what_servers_say_of_a_wrong_password_is_a_no(words: str) -> None:
    assert verdict_of_imap(words) is Verdict.REJECTED
    assert verdict_of_imap(f"[AUTHENTICATIONFAILED] {words}") is Verdict.REJECTED
    assert verdict_of_pop3(words) is Verdict.REJECTED
    assert verdict_of_pop3(f"[AUTH] {words}") is Verdict.REJECTED


@pytest.mark.parametrize("coded", [True, False])
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (b"the STORE is resting", True),
        (b"a s\xc3\x9cd word", True),
        (b"the store is \xffresting", False),
        (b"", False),
    ],
)
def test_what_the_administrator_adds_counts_always(words: bytes, found: bool, coded: bool) -> None:
    assert speaks_of_trouble(words, ("Store is Resting", "süd"), coded=coded) == found


def test_without_anything_added_the_built_in_texts_remain() -> None:
    assert not speaks_of_trouble(b"anything", (), coded=False)
    assert speaks_of_trouble(b"generic failure", (), coded=True)
