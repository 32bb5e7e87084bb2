"""Many SMTP sessions at once, each a real client in a thread of its own: logins, or mails."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from lab.smtp import Reply, SmtpSession

Connect = Callable[[], SmtpSession]


class Traffic:
    """Sessions that log in, quit and come again, ``workers`` side by side, ``logins`` in all.

    `reached` waits until so many are done; `replies` waits for the end and returns what each
    login was told, or the exception that ended its session.
    """

    def __init__(self, connect: Connect, login: str, password: str, logins: int) -> None:
        self._connect = connect
        self._login = login
        self._password = password
        self._logins = logins
        self._done = 0
        self._more = threading.Condition()
        self._futures: list[Future[Reply]] = []

    def begin(self, workers: int) -> None:
        """Let the traffic flow."""
        pool = ThreadPoolExecutor(workers)
        self._futures = [pool.submit(self._one_session) for _ in range(self._logins)]
        pool.shutdown(wait=False)

    def reached(self, number: int) -> bool:
        """Return True once so many logins are over, False if they take too long."""
        with self._more:
            return self._more.wait_for(lambda: self._done >= number, timeout=50)

    def replies(self) -> list[Reply | BaseException]:
        """Return how each session ended, in no order."""
        return [future.exception(timeout=50) or future.result() for future in self._futures]

    def _one_session(self) -> Reply:
        try:
            with self._connect() as session:
                session.secure()
                return session.plain(self._login, self._password)
        finally:
            with self._more:
                self._done += 1
                self._more.notify_all()


def log_in_together(connect: Connect, login: str, password: str, sessions: int) -> list[Reply]:
    """Open all sessions, and only then log in with all of them at the same moment."""
    ready = threading.Barrier(sessions, timeout=50)

    def one() -> Reply:
        with connect() as session:
            session.secure()
            ready.wait()
            return session.plain(login, password)

    with ThreadPoolExecutor(sessions) as pool:
        return [future.result() for future in [pool.submit(one) for _ in range(sessions)]]


class Mails:
    """Sessions that log in once and send one mail after the other, ``sessions`` side by side.

    `reached` waits until so many mails are sent in all; `codes` waits for the end and returns the
    code that each mail was told.
    """

    def __init__(self, connect: Connect, login: str, password: str) -> None:
        self._connect = connect
        self._login = login
        self._password = password
        self._sent = 0
        self._more = threading.Condition()
        self._futures: list[Future[list[int]]] = []

    def begin(self, sessions: int, mails_each: int) -> None:
        """Let them flow."""
        pool = ThreadPoolExecutor(sessions)
        self._futures = [pool.submit(self._one_session, mails_each) for _ in range(sessions)]
        pool.shutdown(wait=False)

    def reached(self, number: int) -> bool:
        """Return True once so many mails are sent, False if they take too long."""
        with self._more:
            return self._more.wait_for(lambda: self._sent >= number, timeout=50)

    def codes(self) -> list[int]:
        """Return what each mail was told, in no order; raises what ended a session early."""
        return [code for future in self._futures for code in future.result(timeout=50)]

    def _one_session(self, mails: int) -> list[int]:
        with self._connect() as session:
            session.secure()
            session.plain(self._login, self._password)
            return [self._one_mail(session) for _ in range(mails)]

    def _one_mail(self, session: SmtpSession) -> int:
        code, _ = session.deliver(self._login, "bob@example.net", "Subject: Hello\r\n\r\nHello\r\n")
        with self._more:
            self._sent += 1
            self._more.notify_all()
        return code
