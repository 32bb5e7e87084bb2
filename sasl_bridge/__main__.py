"""sasl-bridge: answers Postfix's SMTP AUTH over the Dovecot auth protocol.

Runs in the foreground. SIGHUP reloads the settings, SIGTERM drains and ends, a second one exits.
"""

import sys

from bridge_common.runtime.command_line import run_from_command_line
from sasl_bridge.daemon import Bridge


def main() -> int:
    """Run the daemon; returns its exit code (sysexits)."""
    return run_from_command_line("sasl-bridge", __doc__, Bridge)


if __name__ == "__main__":
    sys.exit(main())
