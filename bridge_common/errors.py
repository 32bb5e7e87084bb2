"""The errors that a program may meet, and may tell its administrator about.

SettingsError    the settings cannot be used; it holds every Problem that was found

Knows only how they read. What a server or a login does wrong is a value, never an error.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing in the settings that is wrong, or (as a warning) doubtful.

    ``path`` says where: `smtp_auth.listen`, `server[2] "backup".port` (counted from 1, as people
    count), `line 3, column 7`, or the file. Both are printable, on one line, without secrets.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class SettingsError(Exception):
    """The settings cannot be used. As a text: one problem a line.

    ``draft`` is what could be read of them, defaults standing in for the rest, or None: not to be
    used, but other problems can be looked for in it, so that all of them are told at once.
    """

    def __init__(self, problems: tuple[Problem, ...], draft: Any = None) -> None:
        super().__init__(problems)
        self.problems = problems
        self.draft = draft

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)
