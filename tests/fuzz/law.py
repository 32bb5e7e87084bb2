"""A law that does not hold is a finding."""


class LawBrokenError(AssertionError):
    """A law does not hold; the first argument names it, in words that are the same each time."""


def require(holds: bool, law: str) -> None:
    """Raise LawBrokenError unless it holds."""
    if not holds:
        raise LawBrokenError(law)
