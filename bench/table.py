"""The figures of a row as the table shows them, and the table in Markdown.

Medians over the rounds; ratios are taken within a round, ours to the peer's, before their median.
Pure; a row with a round that is void has no ratio.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from bench.programs import Loaded
from bench.rounds import Result, RowResult
from bench.rows import Figure
from bench.usage import Memory

_COLUMNS = (
    "Work",
    "Program",
    "Answers a second",
    "Median, 99 % (ms)",
    "CPU an answer (µs)",
    "Cores",
    "Memory, processes, largest at its peak",
    "Ours to this: median (min to max)",
    "Target",
)
HEADER = (f"| {' | '.join(_COLUMNS)} |", f"|---|---{'|---:' * 7}|")


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ours to a peer's, over the rounds."""

    least: float
    median: float
    most: float


@dataclass(frozen=True, slots=True)
class Line:
    """One contestant in the table. Times in milliseconds, ``cpu_us`` in microseconds an answer.

    ``void``: why there are no figures to compare. ``ratio`` is None for ours, and where one of the
    two is void. ``met`` says whether the target is.
    """

    name: str
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    cores: float
    memory: Memory
    void: str = ""
    ratio: Ratio | None = None
    met: bool = False


def lines_of(played: RowResult) -> tuple[Line, ...]:
    """Return the lines of a row, ours last."""
    ours = played.results[-1]
    return tuple(_line(played, result, ours) for result in played.results)


def _line(played: RowResult, result: Result, ours: Result) -> Line:
    rounds = result.rounds
    cpu = [one.shares.measured / one.loaded.rate * 1e6 for one in rounds]
    void = _void(result)
    ratio = None
    if result is not ours and not void and not _void(ours):
        ratio = ratio_of(
            _values(result, played.row.by),
            _values(ours, played.row.by),
        )
    return Line(
        name=result.name,
        rate=median(one.loaded.rate for one in rounds),
        p50_ms=median(one.loaded.p50_ms for one in rounds),
        p99_ms=median(one.loaded.p99_ms for one in rounds),
        cpu_us=median(cpu),
        cores=median(one.shares.measured for one in rounds),
        memory=result.memory,
        void=void,
        ratio=ratio,
        met=ratio is not None and is_met(ratio, played.row.target, by_time=played.row.by_time),
    )


def ratio_of(peers: Iterable[float], ours: Iterable[float]) -> Ratio:
    """Return how ours are to the peer's, round by round."""
    ratios = [mine / theirs for mine, theirs in zip(ours, peers, strict=True)]
    return Ratio(min(ratios), median(ratios), max(ratios))


def is_met(ratio: Ratio, target: float, *, by_time: bool) -> bool:
    """Return whether the median reaches the target: times from above, rates from below."""
    return ratio.median <= target if by_time else ratio.median >= target


def _values(result: Result, by: Figure) -> list[float]:
    return [figure_of(one.loaded, by) for one in result.rounds]


def figure_of(measured: Loaded | Line, by: Figure) -> float:
    """Return what a row is about: the rate, or a time in milliseconds."""
    match by:
        case "rate":
            return measured.rate
        case "p50":
            return measured.p50_ms
        case "p99":
            return measured.p99_ms


def _void(result: Result) -> str:
    return next((one.void for one in result.rounds if one.void), "")


def markdown(rows: Iterable[RowResult]) -> str:
    """Return the table, and below it what is void and why, and what first logins take."""
    table, notes = list(HEADER), []
    for played in rows:
        for number, line in enumerate(lines_of(played)):
            table.append(_cells(played, line, "" if number else played.row.work))
            if line.void:
                notes.append(f"* Void: {played.row.work}, {line.name}: {line.void}.")
        if played.row.by == "p50":
            notes.append(f"* {played.row.work}, the very first: {_cold(played)}.")
    return "\n".join([*table, *(["", *notes] if notes else []), ""])


def _cold(played: RowResult) -> str:
    """Return what a login takes when nothing is prepared for it."""
    return ", ".join(f"{result.name} {result.cold_ms:.0f} ms" for result in played.results)


def _cells(played: RowResult, line: Line, work: str) -> str:
    bound = "at most" if played.row.by_time else "at least"
    ratio = target = ""
    if line.ratio:
        ratio = f"{line.ratio.median:.2f} ({line.ratio.least:.2f} to {line.ratio.most:.2f})"
    if line.name != played.results[-1].name:
        target = f"{bound} {played.row.target:g}" + (", met" if line.met else "")
    cells = (
        work,
        line.name + (" (void)" if line.void else ""),
        f"{line.rate:,.0f}",
        f"{line.p50_ms:.2f}, {line.p99_ms:.2f}",
        f"{line.cpu_us:,.0f}",
        f"{line.cores:.2f}",
        _memory(line.memory),
        ratio,
        target,
    )
    return f"| {' | '.join(cells)} |"


def _memory(used: Memory) -> str:
    return f"{used.together / 1e6:.0f} MB, {used.processes}, {used.peak / 1e6:.0f} MB"
