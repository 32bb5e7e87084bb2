"""What a client program did wrong: the end of its connection, told as a value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Broken:
    """The client program broke the protocol, and the connection is hung up.

    ``reason`` is fixed text for the log; nothing of what was sent is in it.
    """

    reason: str
