"""What of a server's words may be shown to the administrator: printable, short, no password.

One rule: nothing is shown of a text that holds the first six characters of the password, or all of
a shorter one. So an echo that the server cuts short is found too, unless next to nothing is left.
The text is read as it is, without backslashes (quoted), and URL-decoded; the password is looked for
as it is and in base64, with the blanks at its ends and without, in either case of letters.
A password of fewer than four bytes is looked for only as a word of its own, and not in base64: as a
part of words it is in every text.
Knows no protocol.
"""

import base64
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from bridge_common.secret import Secret

MAX_SHOWN = 200
"""Characters."""

WITHHELD = "(text withheld, it repeats the password)"

_TELLING_CHARACTERS = 6
_SHORT_PASSWORD_BYTES = 4  # below this it is looked for as a word

_ESCAPED = re.compile(rb"\\(.)")
_READ_OTHERWISE = re.compile(rb"[\\%+]")


def shown(words: bytes, password: Secret | None) -> str:
    """Return the words fit for a log, or WITHHELD in their place; None: there is no password."""
    if password is not None and _repeats(words, password.reveal()):
        return WITHHELD
    text = words.decode("utf-8", "replace")
    return shortened(printable(text))


def printable(text: str) -> str:
    """Return a text that does nothing to a terminal or a log, whoever wrote it."""
    if text.isprintable():  # as nearly all are
        return text
    return "".join(character if character.isprintable() else "?" for character in text)


def shortened(text: str) -> str:
    """Return the text, cut to MAX_SHOWN characters."""
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 3] + "..."


def _repeats(words: bytes, password: bytes) -> bool:
    readings = [_comparable(reading) for reading in _readings(words)]
    written = {password, password.strip()} - {b""}  # many servers trim what they read
    return any(_is_told(readings, one) for one in written)


def _is_told(readings: list[str], password: bytes) -> bool:
    if len(password) < _SHORT_PASSWORD_BYTES:
        word = re.compile(rf"(?<!\w){re.escape(_comparable(password))}(?!\w)")
        return any(word.search(reading) for reading in readings)
    starts = [_comparable(form)[:_TELLING_CHARACTERS] for form in _forms(password)]
    return any(start in reading for reading in readings for start in starts)


def _readings(words: bytes) -> set[bytes]:
    """Return what the words may stand for; mostly that is one and the same."""
    if not _READ_OTHERWISE.search(words):
        return {words}
    spaced = words.replace(b"+", b" ")  # as in a form's data
    return {words, _ESCAPED.sub(rb"\1", words), unquote_to_bytes(words), unquote_to_bytes(spaced)}


def _comparable(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape").casefold()


def _forms(password: bytes) -> Iterator[bytes]:
    yield password
    # Base64 of a text that holds the password somewhere: 8 bits a byte, 6 bits a character.
    # What depends on the neighbours is cut off, so each of the three alignments is found.
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + password)
        yield encoded[-(-offset * 8 // 6) : (offset + len(password)) * 8 // 6]
