"""Run all fuzz programs side by side for some minutes; exit with 1 if any has a finding."""

import argparse
import subprocess
import sys

PROGRAMS = (
    "fuzz.fuzz_imap",
    "fuzz.fuzz_pop3",
    "fuzz.fuzz_auth",
    "fuzz.fuzz_ldap",
    "fuzz.fuzz_policy",
)


def main() -> None:
    """Begin them all, wait for them all."""
    parser = argparse.ArgumentParser(description="Run all fuzz programs side by side.")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default 10)")
    parser.add_argument("--seed", type=int, help="of each program (default: another one each time)")
    options = parser.parse_args()
    arguments = ["--seconds", str(options.minutes * 60)]
    if options.seed is not None:
        arguments += ["--seed", str(options.seed)]
    commands = [[sys.executable, "-m", program, *arguments] for program in PROGRAMS]
    running = [subprocess.Popen(command) for command in commands]
    sys.exit(max(process.wait() != 0 for process in running))


if __name__ == "__main__":
    main()
