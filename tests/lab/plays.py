"""What the demo plays, act by act: what is said to the gateway, and what must come of it.

Knows the acts and their words; how they are shown, and what runs behind the gateway, `lab.demo`
knows.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lab.gateway import Gateway
from lab.policed import INTERNET
from lab.replies import ACCEPTED, TRY_LATER, WRONG
from lab.smtp import Reply

LOGIN = "alice@example.com"
PASSWORD = "correct horse battery staple"
CHIEF = "chief@example.com"
OUTSIDER = "carol@example.net"
QUEUED = (250, "2.0.0 Ok: queued")
NOT_HERS = (553, f"5.7.1 <{CHIEF}>: Sender address rejected: not owned by user {LOGIN}")
NOT_LOGGED_IN = (553, f"5.7.1 <{CHIEF}>: Sender address rejected: not logged in")

_AS_BEFORE = "greeting, EHLO, STARTTLS and EHLO as before"
_PORT_25 = f"on port 25; Postfix's XCLIENT lets the demo come from {INTERNET}"
_MAIL = """\
From: Alice <alice@example.com>\r
To: Bob <bob@example.net>\r
Subject: Hello\r
\r
The gateway let me send this, and it has never known my password.\r
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """The dialogue, as far as it is shown, and the replies that it came to."""

    dialogue: list[str]
    replies: tuple[Reply, ...]


@dataclass(frozen=True, slots=True)
class Play:
    """What is shown: who knows the passwords, the words for how it is asked.

    ``sender`` is the envelope sender of Alice's mail, ``whose`` says why she may use it.
    """

    who: str
    program: str
    asking: str
    sender: str
    whose: str

    @property
    def acts(self) -> tuple["Act", ...]:
        """The acts, in order."""
        return (
            Act(
                "1. The right password, and a sender of her own",
                f"sasl-bridge {self.asking};\n"
                f"the {self.who} says yes, so Postfix does. Then Postfix asks sasl-policyd about\n"
                f"the sender: {self.whose}, so her mail is taken.",
                _own_mail,
                (ACCEPTED, QUEUED),
                ("sasl-bridge", "sasl-policyd"),
            ),
            Act(
                "2. A wrong password",
                f"The {self.who} says no. This is the only case in which anybody is told 535,\n"
                "on which mail programs ask their user for another password.",
                _wrong_password,
                (WRONG,),
                ("sasl-bridge",),
                before=_AS_BEFORE,
            ),
            Act(
                "3. Alice, logged in, sends as somebody else",
                "A stolen password, or a wrong setting: a login may use only senders of its own.",
                _another_sender,
                (ACCEPTED, NOT_HERS),
                ("sasl-policyd",),
                before=_AS_BEFORE,
            ),
            Act(
                "4. An outsider sends as one of ours, and then as himself",
                "Other mail servers have no login, and no business with our domain as sender.",
                _outsider,
                (NOT_LOGGED_IN, QUEUED),
                ("sasl-policyd",),
                before=_PORT_25,
            ),
            Act(
                f"5. The right password, but the {self.who} is down",
                "Nobody can say whether it is right, so nobody says that it is wrong: 454 lets\n"
                "the mail program keep password and mail, and try again later.",
                _server_down,
                (TRY_LATER,),
                ("sasl-bridge",),
                before=_AS_BEFORE,
                without_server=True,
            ),
        )


@dataclass(frozen=True, slots=True)
class Act:
    """One session of the demo, and what must come of it.

    ``before`` says what of the dialogue is not shown again.
    """

    title: str
    explanation: str
    perform: Callable[[Gateway, Play], Seen]
    expected: tuple[Reply, ...]
    logged_by: tuple[str, ...]
    before: str = ""
    without_server: bool = False


IMAP = Play(
    "mail server",
    "Dovecot",
    "logs in at her mail server by IMAP over TLS",
    LOGIN,
    "it is Alice's own address",
)
LDAP = Play(
    "directory",
    "slapd",
    "looks her up in the directory and binds as her, over TLS",
    "sales@example.com",
    "the directory gives her sales@example.com too",
)


def _own_mail(gateway: Gateway, play: Play) -> Seen:
    with gateway.submission() as session:
        session.secure()
        login = session.plain(LOGIN, PASSWORD)
        sent = _queued(session.deliver(play.sender, "bob@example.net", _MAIL))
    return Seen(session.transcript, (login, sent))


def _wrong_password(gateway: Gateway, _play: Play) -> Seen:
    return _only_login(gateway, "incorrect horse")


def _server_down(gateway: Gateway, _play: Play) -> Seen:
    return _only_login(gateway, PASSWORD)


def _only_login(gateway: Gateway, password: str) -> Seen:
    with gateway.submission() as session:
        session.secure()
        del session.transcript[:]
        login = session.plain(LOGIN, password)
    return Seen(session.transcript, (login,))


def _another_sender(gateway: Gateway, _play: Play) -> Seen:
    with gateway.submission() as session:
        session.secure()
        del session.transcript[:]
        login = session.plain(LOGIN, PASSWORD)
        refused = session.deliver(CHIEF, "bob@example.net", _MAIL)
    return Seen(session.transcript, (login, refused))


def _outsider(gateway: Gateway, _play: Play) -> Seen:
    with gateway.smtp(INTERNET) as session:
        del session.transcript[:]
        refused = session.deliver(CHIEF, LOGIN, _MAIL)
        sent = _queued(session.deliver(OUTSIDER, LOGIN, _MAIL))
    return Seen(session.transcript, (refused, sent))


def _queued(reply: Reply) -> Reply:
    """Return the reply without the name that the queue gave the mail."""
    code, text = reply
    return code, text.partition(" as ")[0]
