"""AUTH lines that are known by heart: a login that comes again is not parsed again.

Knows a keyed digest of each line behind its id, what was made of it, and how its answer is told.
Holds no password, and no verdict of its own: whether the login is still right is for the cache to
say, each time. What was made of a line hangs on the settings, so it ends with them.
Raises nothing; logs nothing.
"""

import hashlib
import secrets
from dataclasses import dataclass

from bridge_common.decisions import PreparedLine
from sasl_bridge.passdb.success_cache import Keys
from sasl_bridge.verdict import Answer


@dataclass(frozen=True, slots=True)
class KnownLine:
    """A login with its answer, and what that answer is told by.

    ``reply`` is what stands behind the id; ``decision`` is the line of the log.
    ``blocks_version``: nobody blocked it at this version of the blocks; at another one, who knows.
    """

    keys: Keys
    answer: Answer
    reply: bytes
    decision: PreparedLine
    blocks_version: int = 0


class ByHeart:
    """The lines that were learnt last; ``size`` is how many, at most."""

    def __init__(self, size: int = 10_000) -> None:
        self._size = size
        self._keyed = hashlib.blake2b(key=secrets.token_bytes(32), digest_size=32)
        self._known: dict[bytes, KnownLine] = {}

    def __len__(self) -> int:
        return len(self._known)

    def recall(self, fields: bytes) -> KnownLine | None:
        """Return what is known of an AUTH line with these fields, from the mechanism on."""
        return self._known.get(self._digest(fields))

    def learn(self, fields: bytes, known: KnownLine) -> None:
        """Remember a line, in place of the oldest one."""
        digest = self._digest(fields)
        self._known.pop(digest, None)
        if len(self._known) >= self._size:
            del self._known[next(iter(self._known))]
        self._known[digest] = known

    def _digest(self, fields: bytes) -> bytes:
        digest = self._keyed.copy()  # quicker than to begin with a key anew
        digest.update(fields)
        return digest.digest()
