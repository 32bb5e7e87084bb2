"""Who is known at which server, and what is asked about them: right, wrong and made-up logins.

Knows which password is right where. Does not know whether a server can say so at the moment.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

DOMAIN = "example.com"
EVERYWHERE = "everywhere"
USERS_OF_A_GROUP = 12
GUESSED_OF_A_GROUP = 4
STRANGERS = 300
"""So many made-up logins come again and again: what is remembered of each has its end."""
CLIENTS = 40


@dataclass(frozen=True, slots=True)
class User:
    """A mailbox: the servers that know it, all with the same password.

    ``guessed``: others try passwords of it, so it may be restrained.
    """

    login: str
    password: str
    homes: frozenset[str]
    guessed: bool = False

    @property
    def alias(self) -> str:
        """A second address of it."""
        return f"alias.{self.login}"


@dataclass(frozen=True, slots=True)
class Question:
    """A login with a password, from a client.

    ``homes`` are the servers where the two belong together; none: it is wrong. ``steady``: nobody
    tries wrong passwords of this login, so it must get in if one of them can say so.
    ``leaves``: the client does not wait for the answer.
    """

    login: str
    password: str
    client: str
    homes: frozenset[str] = frozenset()
    steady: bool = False
    leaves: bool = False


def make_users(servers: Sequence[str]) -> tuple[User, ...]:
    """Return users that one server alone knows, for each of them, and users of every server."""
    groups = {EVERYWHERE: frozenset(servers)} | {name: frozenset([name]) for name in servers}
    users = []
    for group, homes in groups.items():
        for number in range(USERS_OF_A_GROUP + GUESSED_OF_A_GROUP):
            name = f"{group}.{number}"
            guessed = number >= USERS_OF_A_GROUP
            users.append(User(f"{name}@{DOMAIN}", f"Right-{name}", homes, guessed))
    return tuple(users)


def known_at(server: str, users: Iterable[User]) -> dict[str, str]:
    """Return the passwords that a server knows, by login."""
    return {user.login: user.password for user in users if server in user.homes}


def right(user: User, client: str = "192.0.2.1") -> Question:
    """Return a login with its own password."""
    return Question(user.login, user.password, client, user.homes, steady=not user.guessed)


class Crowd:
    """Makes up one question after the other. ``random`` decides them all."""

    def __init__(self, users: Sequence[User], random: Random) -> None:
        self._steady = [user for user in users if not user.guessed]
        self._guessed = [user for user in users if user.guessed]
        self._random = random
        self._fresh = itertools.count()

    def question(self) -> Question:
        """Return the next one."""
        share = self._random.random()
        if share < 0.7:
            return right(self._random.choice(self._steady), self._client())
        if share < 0.75:
            return right(self._random.choice(self._guessed), self._client())
        if share < 0.85:
            return self._guess()
        if share < 0.97:
            return self._stranger(f"nobody.{self._random.randrange(STRANGERS)}@{DOMAIN}")
        user = self._random.choice(self._steady)
        return Question(user.login, user.password, self._client(), user.homes, leaves=True)

    def newcomer(self) -> Question:
        """Return a login that nobody has, and that nobody has asked about yet."""
        return self._stranger(f"new.{next(self._fresh)}@{DOMAIN}")

    def _guess(self) -> Question:
        """Return a wrong password of somebody: nearly right, or one that is right for another."""
        user, other = self._random.sample(self._guessed, 2)
        wrong = (user.password.lower(), user.password + " ", other.password, "Right-" + "x" * 40)
        return Question(user.login, self._random.choice(wrong), self._client())

    def _stranger(self, login: str) -> Question:
        """Return a login that nobody has, with a password that somebody has."""
        return Question(login, self._random.choice(self._steady).password, self._client())

    def _client(self) -> str:
        return f"192.0.2.{1 + self._random.randrange(CLIENTS)}"
