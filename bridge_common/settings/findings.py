"""What is found while settings are read: problems, doubts, and which keys a default stands in for.

Knows how a finding is labelled, and that nothing is concluded from a stand-in.
Pure; raises nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from bridge_common.errors import Problem


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found by comparing keys: where, what, and which other keys it rests on."""

    path: str
    message: str
    because: tuple[str, ...] = ()


@dataclass(slots=True)
class Findings:
    """What was found so far. Paths come without names (`server[2].port`); ``labels`` adds them."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    unsettled: set[str] = field(default_factory=set)
    labels: dict[str, str] = field(default_factory=dict)

    def refuse(self, path: str, message: str) -> None:
        """Record a problem with a key or a section."""
        self.problems.append(self._labelled(path, message))
        self.unsettled.add(path)

    def warn(self, path: str, message: str) -> None:
        """Record what is allowed but doubtful."""
        self.warnings.append(self._labelled(path, message))

    def conclude(self, findings: Iterable[Finding]) -> None:
        """Record as problems those findings that do not rest on a stand-in."""
        for finding in findings:
            if self.unsettled.isdisjoint((finding.path, *finding.because)):
                self.problems.append(self._labelled(finding.path, finding.message))

    def _labelled(self, path: str, message: str) -> Problem:
        within = (each for each in self.labels if f"{path}.".startswith(f"{each}."))
        section = max(within, key=len, default="")
        return Problem(self.labels.get(section, "") + path.removeprefix(section), message)
