"""Where the time of our daemon goes: one row under load, with cProfile in the daemon."""

import pstats
from pathlib import Path

from lab.processes import lab_folder

from bench.ours import Interpreter, Ours
from bench.programs import Programs
from bench.rounds import load_for, prepare, tell
from bench.rows import Row

_HOTTEST = 40


def profile(row: Row, programs: Programs, seconds: float) -> None:
    """Print the functions of our daemon that take the most time, themselves and with callees.

    Being watched, the daemon is several times slower; the shares are what counts.
    """
    interpreter = Ours.interpreter
    with lab_folder() as folder:
        Ours.interpreter = Interpreter(interpreter.python, interpreter.loop, folder / "profile")
        try:
            _run(row, programs, seconds, folder)
            statistics = pstats.Stats(str(folder / "profile"))
        finally:
            Ours.interpreter = interpreter
    statistics.strip_dirs()
    for order in ("tottime", "cumtime"):
        statistics.sort_stats(order).print_stats(_HOTTEST)


def _run(row: Row, programs: Programs, seconds: float, folder: Path) -> None:
    with (
        row.backend(programs, folder / "backend") as backend,
        row.contestants[-1](folder / "ours", backend.reached) as daemon,
    ):
        load = load_for(row, daemon)
        prepare(programs, load)
        loaded = programs.load(load, seconds)
        tell(f"{row.key}: {loaded.rate:,.0f}/s while being watched")
