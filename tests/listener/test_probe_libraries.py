"""The libraries of the second opinion, each against servers that answer in every way."""

import contextlib
import imaplib
import poplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from lab.asking import Contexts
from lab.fake_imap import mailboxes
from lab.fake_pop3 import maildrops
from lab.fake_server import Behaviour, FakeServer, Step, hear, script

from sasl_bridge.probe import mail_libraries
from sasl_bridge.probe.mail_libraries import (
    MailClient,
    NoWayError,
    RefusedError,
    UntriedError,
    client_name,
    library_trouble,
    open_client,
)

USERS = {"alice@example.com": b"p\xc3\xa4ss word", "bob@example.com": b'q"uo\\te'}
SECONDS = 5.0


HAS_IMAPCLIENT = client_name("imap").startswith("imapclient ")
LIBRARIES = ["imaplib", "imapclient"] if HAS_IMAPCLIENT else ["imaplib"]


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to speak IMAP: where imapclient is installed, and where it is not."""
    if request.param == "imaplib":
        monkeypatch.setattr(mail_libraries, "imapclient", None)
    return str(request.param)


@contextmanager
def connected(
    behave: Behaviour, protocol: str = "imap", tls: ssl.SSLContext | None = None
) -> Iterator[MailClient]:
    with FakeServer(behave, tls) as server:
        context = None
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client = open_client(protocol, "127.0.0.1", server.port, context, SECONDS)
        try:
            yield client
        finally:
            _close(client)


def _close(client: MailClient) -> None:
    """Close the connection without taking leave: the server may be gone."""
    library = client._client  # type: ignore[attr-defined]  # each of them has one
    with contextlib.suppress(OSError):  # it is closed already
        if isinstance(library, poplib.POP3):
            library.close()
        else:
            library.shutdown()


def imap_saying(*steps: Step, capabilities: bytes = b"IMAP4rev1 AUTH=PLAIN") -> Behaviour:
    """Return a server that names its capabilities and goes on with these steps."""
    listed = b"* CAPABILITY " + capabilities + b"\r\n{tag} OK done\r\n"
    return script(b"* OK ready\r\n", hear, listed, hear, *steps)


def test_they_say_who_they_are(library: str) -> None:
    assert client_name("imap").startswith(f"{library} ")
    assert client_name("pop3").startswith("poplib of Python 3.")


# IMAP


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("login", USERS)
def test_imap_logs_in_by_plain(login: str) -> None:
    with connected(mailboxes(USERS)) as client:
        assert client.banner == "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] fake server ready"
        assert sorted(client.capabilities()) == ["AUTH=PLAIN", "IMAP4REV1", "SASL-IR"]
        assert client.log_in(login, USERS[login].decode()) == "in"
        client.leave()


@pytest.mark.usefixtures("library")
def test_imap_logs_in_by_login_where_plain_is_not_offered() -> None:
    with connected(mailboxes(USERS, "IMAP4rev1")) as client:
        assert client.log_in("bob@example.com", 'q"uo\\te') == "in"


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("login", "sent"),
    [
        ("alice", b"alice"),
        ("alice+x@example.com", b"alice+x@example.com"),
        ("a b", b'"a b"'),
        ('a"b', rb'"a\"b"'),
        ("a(b)", b'"a(b)"'),
        ("a{3}", b'"a{3}"'),
        ("a{3+}", b'"a{3+}"'),
        ("CORP\\alice", rb'"CORP\\alice"'),
        ("*", b'"*"'),
        ("%", b'"%"'),
        ("a]b", b'"a]b"'),
        ('" "secret', rb'"\" \"secret"'),
    ],
)
def test_imap_s_login_tries_this_account_and_no_other(login: str, sent: bytes) -> None:
    with FakeServer(mailboxes({login: b"right one"}, "IMAP4rev1")) as server:
        client = open_client("imap", "127.0.0.1", server.port, None, SECONDS)
        assert client.log_in(login, "right one") == "in"
        client.leave()
        assert b" LOGIN " + sent + b' "right one"\r\n' in server.heard


@pytest.mark.usefixtures("library")
def test_imap_over_tls_from_the_start(contexts: Contexts) -> None:
    with connected(mailboxes(USERS), tls=contexts.server) as client:
        assert client.log_in("bob@example.com", 'q"uo\\te') == "in"


@pytest.mark.usefixtures("library")
def test_imap_over_starttls(contexts: Contexts) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with connected(mailboxes(USERS, tls=contexts.server)) as client:
        assert "LOGINDISABLED" in client.capabilities()
        client.start_tls(context)
        assert "AUTH=PLAIN" in client.capabilities()
        assert client.log_in("bob@example.com", 'q"uo\\te') == "in"


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("offered", ["IMAP4rev1 AUTH=PLAIN", "IMAP4rev1"])
def test_a_no_of_imap(offered: str) -> None:
    with (
        connected(mailboxes(USERS, offered)) as client,
        pytest.raises(RefusedError, match=r"^NO \[AUTHENTICATIONFAILED\] out$"),
    ):
        client.log_in("alice@example.com", "wrong")


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("capabilities", [b"IMAP4rev1 AUTH=PLAIN", b"IMAP4rev1"])
@pytest.mark.parametrize(
    "answer", [b"{tag} BAD what\r\n", b"* BYE leaving\r\n", b"", b"x OK in\r\n", b"{tag} WHAT\r\n"]
)
def test_whatever_else_imap_says_is_no_no(answer: bytes, capabilities: bytes) -> None:
    behave = imap_saying(answer, capabilities=capabilities)
    with connected(behave) as client, pytest.raises(imaplib.IMAP4.error) as raised:
        client.log_in("alice@example.com", "wrong")
    assert "wrong" not in str(raised.value)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    "offered", ["IMAP4rev1 LOGINDISABLED", "IMAP4rev1 LOGINDISABLED AUTH=PLAIN"]
)
def test_imap_without_a_way_in(offered: str) -> None:
    with connected(mailboxes(USERS, offered)) as client:
        with pytest.raises(NoWayError, match="LOGINDISABLED"):
            client.need_a_way()
        with pytest.raises(NoWayError, match="LOGINDISABLED"):
            client.log_in("alice@example.com", "wrong")


@pytest.mark.usefixtures("library")
def test_logindisabled_is_about_login_alone_where_all_is_encrypted(contexts: Contexts) -> None:
    """As the daemon has it: RFC 3501 section 6.2.3."""
    offered = "IMAP4rev1 LOGINDISABLED AUTH=PLAIN"
    with connected(mailboxes(USERS, offered), tls=contexts.server) as client:
        client.need_a_way()
        assert client.log_in("bob@example.com", 'q"uo\\te') == "in"


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("capabilities", [b"IMAP4rev1 AUTH=PLAIN", b"IMAP4rev1"])
def test_a_login_that_the_library_does_not_send_was_not_refused(capabilities: bytes) -> None:
    listed = b"* CAPABILITY " + capabilities + b"\r\n{tag} OK done\r\n"
    behave = script(b"* PREAUTH welcome\r\n", hear, listed, hear, listed, hear)
    with (
        connected(behave) as client,
        pytest.raises(imaplib.IMAP4.error, match="illegal in state AUTH"),
    ):
        client.log_in("alice@example.com", "wrong")


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("said", ["", "LOGIN command error: maybe", "got more than 5 bytes"])
def test_a_no_is_one_whatever_its_words(said: str) -> None:
    answer = f"{{tag}} NO {said}\r\n".encode()
    with (
        connected(imap_saying(answer, capabilities=b"IMAP4rev1")) as client,
        pytest.raises(RefusedError, match=f"^NO {said}".strip() + "$"),
    ):
        client.log_in("alice@example.com", "wrong")


@pytest.mark.usefixtures("library")
def test_imap_s_login_is_not_tried_with_more_than_ascii() -> None:
    with (
        connected(mailboxes(USERS, "IMAP4rev1")) as client,
        pytest.raises(UntriedError, match="ASCII"),
    ):
        client.log_in("alice@example.com", "päss word")


# POP3


@pytest.mark.parametrize("login", USERS)
@pytest.mark.parametrize("capabilities", [("USER",), None])
def test_pop3_logs_in(login: str, capabilities: tuple[str, ...] | None) -> None:
    """Also at a server older than CAPA."""
    with connected(maildrops(USERS, capabilities), "pop3") as client:
        assert client.banner == "+OK fake server ready"
        assert client.capabilities() == list(capabilities or ())
        assert client.log_in(login, USERS[login].decode()) == "+OK in"
        client.leave()


def test_pop3_over_tls_from_the_start(contexts: Contexts) -> None:
    with connected(maildrops(USERS), "pop3", tls=contexts.server) as client:
        assert client.log_in("bob@example.com", 'q"uo\\te') == "+OK in"


def test_a_no_of_pop3() -> None:
    with (
        connected(maildrops(USERS), "pop3") as client,
        pytest.raises(RefusedError, match=r"^-ERR \[AUTH\] out$"),
    ):
        client.log_in("bob@example.com", "wrong")


@pytest.mark.parametrize("answer", [b"", b"+ \r\n", b"what\r\n", b"x" * 5000])
def test_whatever_else_pop3_says_is_no_no(answer: bytes) -> None:
    listed = b"+OK\r\nUSER\r\n.\r\n"
    behave = script(b"+OK ready\r\n", hear, listed, hear, b"+OK\r\n", hear, answer)
    with connected(behave, "pop3") as client:
        try:
            said = client.log_in("bob@example.com", "wrong")
        except poplib.error_proto as error:
            said = str(error)
    assert not said.startswith("+OK")


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        (("SASL PLAIN",), UntriedError),
        (("SASL XOAUTH2 PLAIN",), UntriedError),
        (("SASL XOAUTH2",), NoWayError),
        (("SASL",), NoWayError),
        (("TOP",), NoWayError),
        ((), NoWayError),
    ],
)
def test_pop3_without_user(capabilities: tuple[str, ...], expected: type[Exception]) -> None:
    with connected(maildrops(USERS, capabilities), "pop3") as client:
        looked: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
        if expected is NoWayError:
            looked = pytest.raises(NoWayError, match="USER")
        with looked:
            client.need_a_way()
        with pytest.raises(expected, match="USER"):
            client.log_in("bob@example.com", "wrong")


@pytest.mark.parametrize("capabilities", [("USER",), None])
def test_pop3_with_user_has_a_way_and_is_asked_for_it_once(
    capabilities: tuple[str, ...] | None,
) -> None:
    with FakeServer(maildrops(USERS, capabilities)) as server:
        client = open_client("pop3", "127.0.0.1", server.port, None, SECONDS)
        client.capabilities()
        client.need_a_way()
        assert client.log_in("bob@example.com", 'q"uo\\te') == "+OK in"
        client.leave()
        assert server.heard.count(b"CAPA\r\n") == 1


def test_pop3_is_asked_again_once_tls_has_begun(contexts: Contexts) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with connected(maildrops(USERS, tls=contexts.server), "pop3") as client:
        assert "STLS" in client.capabilities()
        client.start_tls(context)
        assert "STLS" not in client.capabilities()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", r"^-ERR EOF$"),
        (b"x" * 5000, r"^line too long$"),
        (b"-ERR [SYS/TEMP] later\r\n", r"^b'-ERR \[SYS/TEMP\] later'$"),
    ],
)
def test_a_server_that_breaks_off_is_not_one_older_than_capa(answer: bytes, why: str) -> None:
    with (
        connected(script(b"+OK ready\r\n", hear, answer), "pop3") as client,
        pytest.raises(poplib.error_proto, match=why),
    ):
        client.capabilities()


def test_words_of_the_server_that_poplib_uses_too() -> None:
    listed = b"+OK\r\nUSER\r\n.\r\n"
    behave = script(b"+OK ready\r\n", hear, listed, hear, b"+OK\r\n", hear, b"-ERR EOF\r\n")
    with connected(behave, "pop3") as client, pytest.raises(RefusedError, match=r"^-ERR EOF$"):
        client.log_in("bob@example.com", "wrong")


# What is told of the libraries' exceptions


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (imaplib.IMAP4.error("bad things"), "bad things"),
        (imaplib.IMAP4.abort(None), "the library cannot make sense of what the server sent"),
        (poplib.error_proto(b"-ERR bad things"), "-ERR bad things"),
        (poplib.error_proto(), "the library cannot make sense of what the server sent"),
        (NoWayError("nowhere"), "nowhere"),
        (
            imaplib.IMAP4.error("command: LOGIN => got more than 1000000 bytes"),
            "the server sends more than the library takes",
        ),
        (poplib.error_proto("line too long"), "the server sends more than the library takes"),
        (
            UnicodeEncodeError("ascii", "secret", 0, 1, "secret"),
            "the library stumbles over it: UnicodeEncodeError",
        ),
        (ValueError("secret"), "the library stumbles over it: ValueError"),
    ],
)
def test_what_libraries_raise_in_words(error: Exception, text: str) -> None:
    assert library_trouble(error) == text
