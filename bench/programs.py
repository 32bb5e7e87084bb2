"""The C programs of the bench: compiled into a folder, and the load run.

`LabError` tells what the compiler or the load had to say.
"""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab.processes import LabError, program, run

_SOURCE = Path(__file__).parent
_NAMES = ("load", "imap_stub", "ldap_stub")
_OPTIONS = ("-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror")
_PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked: the protocol, where, how many requests at once, by how many people.

    ``rate``: so many a second, and ``at_once`` at most; 0: as many as are answered.
    """

    kind: str
    where: str
    at_once: int
    people: int
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the load counted; latencies in milliseconds.

    ``first_ms`` is that of the first answer.
    """

    answers: int
    seconds: float
    p50_ms: float
    p99_ms: float
    first_ms: float
    longest_ms: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


class Programs:
    """The compiled programs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        compiler = program("gcc", "gcc")
        for name in _NAMES:
            run(compiler, *_OPTIONS, "-o", str(folder / name), str(_SOURCE / f"{name}.c"))

    def path(self, name: str) -> str:
        """Return where a program is."""
        return str(self._folder / name)

    def load(self, load: Load, seconds: float) -> Loaded:
        """Ask for so long; raises LabError unless every answer is right."""
        return self._load(load, str(seconds), *([str(load.rate)] if load.rate else []))

    def everybody(self, load: Load) -> None:
        """Let everybody ask once; raises LabError unless every answer is right."""
        self._load(load, "0")

    def wrong(self, load: Load) -> Loaded:
        """Ask what must be refused, once on each connection; raises LabError if it is not."""
        few = Load(load.kind, load.where, load.at_once, load.at_once)
        return self._load(few, "0", "wrong")

    def _load(self, load: Load, *more: str) -> Loaded:
        seconds, *how = more
        what = (load.kind, load.where, str(load.at_once), seconds, str(load.people), *how)
        done = subprocess.run(
            [self.path("load"), *what],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_PATIENCE_SECONDS,
        )
        if done.returncode != 0:
            raise LabError(done.stderr.strip())
        return Loaded(**json.loads(done.stdout))
