"""A value that does not show itself: in a repr, a log line, a format string or a traceback.

Knows nothing of where a secret comes from; `bridge_common.settings.secrets` reads references.
"""

import hmac
from typing import NoReturn, final


@final
class Secret:
    """Secret bytes. `reveal` hands them out; nothing else does."""

    __slots__ = ("_value",)
    __hash__ = None  # type: ignore[assignment]  # a hash would outlive the secret

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Return the bytes themselves; the caller keeps them out of logs and exceptions."""
        return self._value

    def __len__(self) -> int:
        return len(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value, other._value)

    def __repr__(self) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not to be pickled or copied")
