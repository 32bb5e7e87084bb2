"""Many SMTP sessions at once, each a real client in a thread of its own."""

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
