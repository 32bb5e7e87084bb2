"""No core dump of ours can hold a password.

Knows the two ways in which the kernel is told. Fails at nothing, logs nothing.
"""

import contextlib
import ctypes
import resource

_PR_SET_DUMPABLE = 4  # linux/prctl.h


def forbid_core_dumps() -> None:
    """See to it that no core dump can hold passwords, nor another process read our memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # core(5): a core_pattern that is a pipe does not obey the limit, but it does obey this.
    with contextlib.suppress(OSError, AttributeError, MemoryError):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
