"""The load on sasl-bridge: logins at a steady rate, as Postfix sends them, and each answer judged.

A connection has one login at a time and is kept for the next, as those of smtpd are.
"""

import asyncio
import base64
import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

from lab.serving import Client

from soak.clock import Lag
from soak.laws import OVERTIME_SECONDS, Said, Told, broken_law, is_excused
from soak.people import Crowd, Question
from soak.record import Record
from soak.weather import Weather

_PATIENCE_SECONDS = 30.0  # beyond what the law allows, to see how late an answer is


class Logins:
    """Asks at the auth socket; ``timeout`` is the daemon's connection_timeout."""

    def __init__(
        self, where: Path, timeout: float, weather: Weather, record: Record, lag: Lag
    ) -> None:
        self._where = where
        self._timeout = timeout
        self._weather = weather
        self._record = record
        self._lag = lag
        self._idle: list[Client] = []
        self._numbers = itertools.count(1)
        self._under_way: set[asyncio.Task[Said]] = set()

    def __len__(self) -> int:
        return len(self._under_way)

    async def flow(self, crowd: Crowd, rate: float) -> None:
        """Ask so often a second, however long answers take, until cancelled."""
        for moment in _moments(rate):
            await asyncio.sleep(moment - asyncio.get_running_loop().time())
            task = asyncio.create_task(self.ask(crowd.question()))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def end(self) -> None:
        """Wait for all answers, and keep no connection."""
        if self._under_way:
            await asyncio.wait(self._under_way)
        for client in self._idle:
            client.writer.close()
        self._idle.clear()

    async def ask(self, question: Question) -> Said:
        """Ask, judge, count; return what was said."""
        begun = self._record.now()
        said, user, seconds = await self._exchange(question)
        now = self._record.now()
        if question.leaves:
            self._record.logins["left"] += 1
            return said
        told = Told(said, user, seconds, self._lag.within(begun))
        self._count(question, told, begun, now)
        return said

    def _count(self, question: Question, told: Told, begun: float, now: float) -> None:
        whose = "wrong" if not question.homes else "right"
        self._record.logins[f"{whose} {told.said.value}"] += 1
        self._record.slowest = max(self._record.slowest, told.seconds)
        if told.said is Said.YES and len(question.homes) == 1:
            (home,) = question.homes
            self._weather.heard_of(home, begun, now)
        sure = any(self._weather.was_settled(home, begun) for home in question.homes)
        law = broken_law(question, told, self._timeout, sure=sure)
        self._record.excused += is_excused(question, told, sure=sure)
        if law:
            self._record.violation(f"{law}: {question} {told}", question.login)

    async def _exchange(self, question: Question) -> tuple[Said, str, float]:
        """Return what is said, as whom one is logged in, and after how many seconds."""
        client: Client | None = None
        said, user = Said.HUNG_UP, ""
        asked_at = self._record.now()
        try:
            async with asyncio.timeout(self._timeout + OVERTIME_SECONDS + _PATIENCE_SECONDS):
                client = self._idle.pop() if self._idle else await self._connected()
                asked_at = self._record.now()
                number = self._send(client, question)
                if not question.leaves:
                    said, user = _understood(await client.line(), number)
        except TimeoutError:
            said = Said.NOTHING
        except (OSError, asyncio.IncompleteReadError):
            said = Said.HUNG_UP
        if client is not None:
            self._give_back(client, said)
        return said, user, self._record.now() - asked_at

    async def _connected(self) -> Client:
        client = Client(*await asyncio.open_unix_connection(self._where))
        await client.greet()
        return client

    def _send(self, client: Client, question: Question) -> int:
        number = next(self._numbers)
        plain = f"\0{question.login}\0{question.password}".encode()
        response = base64.b64encode(plain).decode()
        about = f"service=smtp\trip={question.client}\tsecured"
        client.send(f"AUTH\t{number}\tPLAIN\t{about}\tresp={response}")
        return number

    def _give_back(self, client: Client, said: Said) -> None:
        if said in {Said.YES, Said.NO}:
            self._idle.append(client)
            return
        with contextlib.suppress(OSError):
            client.writer.close()


def _understood(line: str, number: int) -> tuple[Said, str]:
    word, _, rest = line.partition("\t")
    answered, _, fields = rest.partition("\t")
    if word not in {"OK", "FAIL"} or answered != str(number):
        return Said.NONSENSE, line
    user = next((one[5:] for one in fields.split("\t") if one.startswith("user=")), "")
    return Said(word), user


def _moments(rate: float) -> Iterator[float]:
    """Yield the moments at which one asks, by the loop's clock."""
    begin = asyncio.get_running_loop().time()
    for number in itertools.count():
        yield begin + number / rate
