"""What of a server's words may be shown to the administrator: printable, short, no password.

Knows the forms in which a server may repeat a password (as it is, quoted, in base64).
Knows no protocol.
"""

import base64
from collections.abc import Iterator

from bridge_common.secret import Secret

MAX_SHOWN = 200
"""Characters."""

WITHHELD = "(text withheld, it repeats the password)"


def shown(words: bytes, password: Secret) -> str:
    """Return the words fit for a log, or WITHHELD in their place."""
    readable = _comparable(words)
    if any(_comparable(form) in readable for form in _forms(password.reveal()) if form):
        return WITHHELD
    text = words.decode("utf-8", "replace")
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return shortened(printable)


def shortened(text: str) -> str:
    """Return the text, cut to MAX_SHOWN characters."""
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


def _comparable(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape").casefold()


def _forms(password: bytes) -> Iterator[bytes]:
    yield password
    yield password.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    # Base64 of a text that holds the password somewhere: 8 bits a byte, 6 bits a character.
    # What depends on the neighbours is cut off, so each of the three alignments is found.
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + password)
        yield encoded[-(-offset * 8 // 6) : (offset + len(password)) * 8 // 6]
