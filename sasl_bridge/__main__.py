"""sasl-bridge: answers Postfix's SMTP AUTH over the Dovecot auth protocol.

Runs in the foreground. SIGHUP reloads the settings, SIGTERM drains and ends, a second one exits.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

from bridge_common.runtime.lifecycle import run
from bridge_common.settings.location import DEFAULT_SETTINGS_FILE
from sasl_bridge.daemon import Bridge


def main() -> int:
    """Run the daemon; returns its exit code (sysexits)."""
    parser = argparse.ArgumentParser(prog="sasl-bridge", description=__doc__)
    parser.add_argument(
        "--settings",
        type=Path,
        default=DEFAULT_SETTINGS_FILE,
        metavar="FILE",
        help="the settings file (default: %(default)s)",
    )
    arguments = parser.parse_args()
    return run(partial(Bridge, arguments.settings))


if __name__ == "__main__":
    sys.exit(main())
