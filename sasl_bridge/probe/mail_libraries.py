"""The client libraries that give the second opinion: imapclient or imaplib, and poplib.

One shape for all three. They are imported here and nowhere else, for a process of their own: they
read without a bound, cannot be cancelled, and believe what they are told.
Knows what of their exceptions is a server's no, and which of their words are fit to be told.
Logs nothing.
Raises `RefusedError` for a no, `UntriedError` and `NoWayError` where nothing was asked, and
whatever the libraries raise.
"""

import contextlib
import imaplib
import platform
import poplib
import re
import ssl
from typing import Any, Protocol

try:
    import imapclient
except ImportError:  # Debian 12 has no package of it
    imapclient = None


# RFC 3501 section 9: `atom`.
_ATOM = re.compile(r"[^\x00-\x20\x7f-\U0010ffff(){%*\"\\\]]+")
# What imaplib and poplib say when they have read too much of one line.
_TOO_MUCH = re.compile(r"(?:command: [A-Z]+ => )?got more than \d+ bytes|line too long")
# So begins what imaplib says itself where the server said no NO.
_NO_NO = re.compile(
    r"command: [A-Z]+ => |[A-Z]+ command error: BAD |command [A-Z]+ illegal in state "
)


class RefusedError(Exception):
    """The server said no; the text is what it said."""


class UntriedError(Exception):
    """This library has no way to try the login, though others may; the text says why."""


class NoWayError(Exception):
    """The server leaves nobody a way to log in; the text says why."""


class MailClient(Protocol):
    """One connection, made and greeted."""

    banner: str

    def socket(self) -> Any:
        """Return the socket that is spoken on."""

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Begin TLS (STARTTLS, STLS)."""

    def capabilities(self) -> list[str]:
        """Return what the server announces, in upper case; to be called after TLS began."""

    def need_a_way(self) -> None:
        """Raise NoWayError if it announces that nobody can log in on this connection."""

    def log_in(self, login: str, password: str) -> str:
        """Return what the server said to it."""

    def leave(self) -> None:
        """Take leave and close."""


def client_name(protocol: str) -> str:
    """Return which library speaks it, and its version."""
    if protocol == "imap" and imapclient is not None:
        return f"imapclient {imapclient.__version__}"
    library = "imaplib" if protocol == "imap" else "poplib"
    return f"{library} of Python {platform.python_version()}"


def open_client(
    protocol: str, host: str, port: int, context: ssl.SSLContext | None, seconds: float
) -> MailClient:
    """Connect; ``context`` is for TLS from the start, None for none."""
    if protocol == "pop3":
        return _Pop3(host, port, context, seconds)
    if imapclient is None:
        return _ImapOfPython(host, port, context, seconds)
    return _ImapClient(host, port, context, seconds)


class _ImapClient:
    def __init__(
        self, host: str, port: int, context: ssl.SSLContext | None, seconds: float
    ) -> None:
        self._client = imapclient.IMAPClient(
            host, port, ssl=context is not None, ssl_context=context, timeout=seconds
        )
        self.banner = words_of(self._client.welcome)

    def socket(self) -> Any:
        return self._client.socket()

    def start_tls(self, context: ssl.SSLContext) -> None:
        self._client.starttls(context)

    def capabilities(self) -> list[str]:
        return [words_of(one).upper() for one in self._client.capabilities()]

    def need_a_way(self) -> None:
        _imap_mechanism(self.capabilities(), self.socket())

    def log_in(self, login: str, password: str) -> str:
        plain = _imap_mechanism(self.capabilities(), self.socket())
        log_in = self._client.plain_login if plain else self._client.login
        try:
            return words_of(log_in(login if plain else _astring(login, password), password))
        except imapclient.exceptions.LoginError as error:
            # It is raised for all that may go wrong; what did is behind it.
            raise _imap_trouble(error.__context__ or error) from None

    def leave(self) -> None:
        self._client.logout()


class _ImapOfPython:
    def __init__(
        self, host: str, port: int, context: ssl.SSLContext | None, seconds: float
    ) -> None:
        self._client = (
            imaplib.IMAP4(host, port, seconds)
            if context is None
            else imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=seconds)
        )
        self.banner = words_of(self._client.welcome)

    def socket(self) -> Any:
        return self._client.sock

    def start_tls(self, context: ssl.SSLContext) -> None:
        self._client.starttls(context)

    def capabilities(self) -> list[str]:
        return [one.upper() for one in self._client.capabilities]

    def need_a_way(self) -> None:
        _imap_mechanism(self.capabilities(), self.socket())

    def log_in(self, login: str, password: str) -> str:
        mechanism = _imap_mechanism(self.capabilities(), self.socket())
        try:
            return words_of(self._log_in(mechanism, login, password)[-1])
        except imaplib.IMAP4.error as error:
            raise _imap_trouble(error) from None

    def _log_in(self, mechanism: str, login: str, password: str) -> list[Any]:
        if not mechanism:
            return list(self._client.login(_astring(login, password), password)[1])
        response = f"\0{login}\0{password}".encode()
        return list(self._client.authenticate(mechanism, lambda _: response)[1])

    def leave(self) -> None:
        self._client.logout()


class _Pop3:
    def __init__(
        self, host: str, port: int, context: ssl.SSLContext | None, seconds: float
    ) -> None:
        self._client = (
            poplib.POP3(host, port, seconds)
            if context is None
            else poplib.POP3_SSL(host, port, context=context, timeout=seconds)
        )
        self.banner = words_of(self._client.getwelcome())
        self._known: list[str] | None = None
        self._asked = False  # once on each connection: to servers older than CAPA it is an error

    def socket(self) -> Any:
        return self._client.sock

    def start_tls(self, context: ssl.SSLContext) -> None:
        self._client.stls(context)
        self._asked = False

    def capabilities(self) -> list[str]:
        return self._announced() or []

    def _announced(self) -> list[str] | None:
        """Return what the server announces; None: it is older than CAPA, and than codes."""
        if not self._asked:
            self._known, self._asked = self._ask(), True
        return self._known

    def _ask(self) -> list[str] | None:
        try:
            announced = self._client.capa()
        except poplib.error_proto as error:
            cause = error.__context__  # `capa` says the same whatever happened
            if not isinstance(cause, poplib.error_proto):
                raise
            if _said_no(cause) and "[" not in words_of(cause)[:6]:
                return None
            raise cause from None
        return [" ".join((name, *words)).upper() for name, words in announced.items()]

    def need_a_way(self) -> None:
        with contextlib.suppress(UntriedError):
            self._need_user()

    def _need_user(self) -> None:
        announced = self._announced()
        if announced is None or "USER" in announced:
            return
        if any("PLAIN" in one.split()[1:] for one in announced if one.startswith("SASL ")):
            raise UntriedError("the server does not offer USER, and poplib knows nothing else")
        raise NoWayError("the server offers neither USER nor SASL PLAIN")

    def log_in(self, login: str, password: str) -> str:
        self._need_user()
        try:
            self._client.user(login)
            return words_of(self._client.pass_(password))
        except poplib.error_proto as error:
            if _said_no(error):
                raise RefusedError(words_of(error)) from None
            raise

    def leave(self) -> None:
        self._client.quit()


def _said_no(error: poplib.error_proto) -> bool:
    """Say whether these are the server's words: poplib hands them on as bytes, its own as text."""
    said = error.args[0] if error.args else ""
    return isinstance(said, bytes) and said.startswith(b"-ERR")


def _imap_mechanism(capabilities: list[str], connection: object) -> str:
    """Return PLAIN, or nothing for LOGIN, as the daemon chooses."""
    plain, encrypted = "AUTH=PLAIN" in capabilities, isinstance(connection, ssl.SSLSocket)
    if "LOGINDISABLED" in capabilities and not (plain and encrypted):
        raise NoWayError("the server announces LOGINDISABLED")
    return "PLAIN" if plain else ""


def _astring(login: str, password: str) -> str:
    """Return the login as LOGIN takes it: the libraries quote the password only."""
    if not (login + password).isascii():
        raise UntriedError("the library sends nothing but ASCII by LOGIN")
    if _ATOM.fullmatch(login):
        return login
    return '"' + login.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _imap_trouble(error: BaseException) -> BaseException:
    """Return RefusedError for a NO; imaplib raises one class for everything the server says."""
    words = words_of(error)
    if isinstance(error, imaplib.IMAP4.abort) or _NO_NO.match(words):
        return error
    return RefusedError(f"NO {words}".strip())


def library_trouble(error: BaseException) -> str:
    """Return in words what a library raised.

    Foreign exceptions are named only: their text may hold anything, the password as well.
    """
    if not isinstance(error, imaplib.IMAP4.error | poplib.error_proto | NoWayError):
        return f"the library stumbles over it: {type(error).__name__}"
    words = words_of(error)
    if _TOO_MUCH.fullmatch(words):
        return "the server sends more than the library takes"
    return words or "the library cannot make sense of what the server sent"


def words_of(value: object) -> str:
    """Return text out of what the libraries return or raise; empty if there is none."""
    if isinstance(value, BaseException):
        value = value.args[0] if value.args else ""
    if value is None:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
