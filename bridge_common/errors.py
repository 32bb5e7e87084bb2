"""The errors that a program may meet, and may tell its administrator about.

SettingsError    the settings cannot be used; it holds every Problem that was found

Knows only how they read. What a server or a login does wrong is a value, never an error.
"""

from dataclasses import dataclass


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
    """The settings cannot be used. As a text: one problem a line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)
