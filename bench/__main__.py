"""The bench: sasl-bridge and sasl-policyd beside the programs that do the same work.

`python3 -m bench` plays every row, prints the table, and says on standard error how it goes.
`--write` writes it into docs/performance.md and draws docs/performance.svg. `memory` measures
memory, `profile ROW` tells where the time of our daemon goes.
Ends with exit code 1 when a round stayed void or something could not run.
"""

import argparse
import contextlib
import signal
import sys
from collections.abc import Iterable

from lab.processes import LabError, lab_folder

from bench import hung, memory, page, profiling
from bench.machine import describe
from bench.ours import Interpreter, Ours
from bench.programs import Programs
from bench.rounds import RowResult, Rules, play, tell
from bench.rows import HUNG, ROWS, Row
from bench.table import lines_of, markdown

_ALL = (*ROWS, HUNG)


def main() -> int:
    """Do what the command line says."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that everything is ended
    arguments = _arguments()
    Ours.interpreter = Interpreter(arguments.python, arguments.loop)
    try:
        with lab_folder() as folder:
            programs = Programs(folder)
            if arguments.words[:1] == ["profile"]:
                profiling.profile(_row(arguments.words[1]), programs, arguments.seconds)
                return 0
            return _measure(arguments, programs)
    except LabError as error:
        tell(str(error))
        return 1
    except KeyboardInterrupt:
        return 1


def _measure(arguments: argparse.Namespace, programs: Programs) -> int:
    words = arguments.words or [*(row.key for row in _ALL), "memory"]
    rules = Rules(arguments.rounds, arguments.seconds, arguments.patience)
    played = [play(row, programs, rules) for row in ROWS if row.key in words]
    if HUNG.key in words:
        played.append(hung.play(programs, rules))
    text = f"{describe(played, rules)}\n{markdown(played)}" if played else ""
    if "memory" in words:
        text += "\n" * bool(text) + memory.markdown(memory.measure(programs))
    print(text)
    if _any_void(played):
        tell("some rounds stayed void" + ("; nothing is written" if arguments.write else ""))
        return 1
    if arguments.write:
        page.write(text, played)
    return 0


def _any_void(played: Iterable[RowResult]) -> bool:
    return any(line.void for row in played for line in lines_of(row))


def _row(key: str) -> Row:
    return next(row for row in _ALL if row.key == key)


def _arguments() -> argparse.Namespace:
    keys = [row.key for row in _ALL]
    parser = argparse.ArgumentParser(
        prog="python3 -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="*", help=f"{', '.join(keys)}, memory; or: profile ROW")
    usual = Rules()
    parser.add_argument("--rounds", type=int, default=usual.rounds, help="of each program, in turn")
    parser.add_argument("--seconds", type=float, default=usual.seconds, help="of a round")
    patience = "seconds to wait, before a round, until nobody else uses the machine"
    parser.add_argument("--patience", type=float, default=usual.patience, help=patience)
    parser.add_argument("--python", default=sys.executable, help="that runs our daemons")
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    parser.add_argument("--write", action="store_true", help="everything, into the documentation")
    arguments = parser.parse_args()
    words = arguments.words
    is_profile = len(words) == 2 and words[0] == "profile" and words[1] in keys  # noqa: PLR2004  # profile ROW
    if not is_profile and not set(words) <= {*keys, "memory"}:
        parser.error("unknown row")
    if arguments.write and words:
        parser.error("--write is for all rows together")
    return arguments


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
