"""sasl-policyd: will hold each login to its own envelope senders; it is not built yet."""

import os
import sys


def main() -> int:
    """Say so, and exit with EX_UNAVAILABLE."""
    sys.stderr.write("sasl-policyd: not built yet; give no check_policy_service its socket\n")
    return os.EX_UNAVAILABLE


if __name__ == "__main__":
    sys.exit(main())
