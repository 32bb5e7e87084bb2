"""Run both daemons under steady load for some minutes, their servers being ill again and again.

`python3 -m soak --minutes 15` tells every ten seconds how it goes, and in the end what was seen.
Exit code 1 if a law was broken, with the seed that makes the same happen to the servers again.
"""

import argparse
import asyncio
import signal
import sys
import time

from lab.processes import LabError, lab_folder

from soak.run import run
from soak.stage import Plan


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python3 -m soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0, help="how long (default 15)")
    parser.add_argument("--rate", type=float, default=50.0, help="logins a second (default 50)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    budget = "lockout_budget of the settings (default 0: no limit)"
    parser.add_argument("--lockout-budget", type=int, default=0, metavar="NUMBER", help=budget)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that everything is ended
    plan = Plan(options.minutes * 60, options.rate, options.seed, options.lockout_budget)
    print(
        f"soak: {plan.seconds:.0f} s, {plan.rate:g} logins a second, seed {plan.seed}", flush=True
    )
    try:
        with lab_folder() as folder:
            record = asyncio.run(run(plan, folder, lambda text: print(text, flush=True)))
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    return 1 if record.violations else 0


if __name__ == "__main__":
    sys.exit(main())
