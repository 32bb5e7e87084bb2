"""sasl-policyd: holds each login to its own envelope senders, as a policy service of Postfix.

Runs in the foreground. SIGHUP reloads the settings, SIGTERM drains and ends, a second one exits.
"""

import sys

from bridge_common.runtime.command_line import run_from_command_line
from policyd.daemon import Policy


def main() -> int:
    """Run the daemon; returns its exit code (sysexits)."""
    return run_from_command_line("sasl-policyd", __doc__, Policy)


if __name__ == "__main__":
    sys.exit(main())
