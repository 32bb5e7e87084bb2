"""How reports and tables look in a terminal. Knows nothing of what they say."""

import shutil
import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest

_LABEL_WIDTH = 14
_MOST_COLUMNS = 100
_LEAST_LAST_COLUMNS = 20
_INDENT = "    "

Fact = tuple[str, str]
"""A label and what it is for; an empty label continues the one before."""


def columns_of_text(columns: int) -> int:
    """Return how wide a text is to be in a terminal of so many columns; 0: in this one."""
    return min(columns or shutil.get_terminal_size().columns, _MOST_COLUMNS)


def paragraphs(parts: Iterable[list[str]]) -> str:
    """Return lines with an empty one between the parts."""
    lines = [line for part in parts for line in (*part, "")]
    return "\n".join(lines[:-1]) + "\n"


def laid_out(facts: Iterable[Fact], width: int) -> list[str]:
    """Return each fact behind its label, wrapped; what is to be copied as one word stays one."""
    lines = []
    for label, text in facts:
        first = "  " + label.ljust(_LABEL_WIDTH)
        lines += textwrap.wrap(
            text,
            width,
            initial_indent=first,
            subsequent_indent=" " * len(first),
            break_on_hyphens=False,
            break_long_words=False,
        )
    return lines


def items(heading: str, texts: Iterable[str], width: int) -> list[str]:
    """Return a list below its heading."""
    return [heading, *(line for one in texts for line in _item(one, width))]


def _item(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent="  * ", subsequent_indent="    ", break_on_hyphens=False
    )


def wrapped(text: str, width: int) -> list[str]:
    """Return the lines of a text."""
    return textwrap.wrap(text, width, break_on_hyphens=False)


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table, as `table_lines` has it, in this terminal."""
    for line in table_lines(rows, shutil.get_terminal_size().columns):
        print(line)


def table_lines(rows: Sequence[tuple[str, ...]], terminal: int) -> list[str]:
    """Return the lines of rows of as many cells each; a cell may be of several lines."""
    columns = zip(*rows, strict=True)
    widths = [max(len(line) for cell in cells for line in cell.split("\n")) for cells in columns]
    return [line for row in rows for line in row_lines(row, widths, terminal)]


def row_lines(row: Sequence[str], widths: Sequence[int], terminal: int) -> list[str]:
    """Return the lines of one row of a table with these widths.

    The last cell is wrapped where the terminal ends, or below the row if there is little room
    beside it.
    """
    *cells, last = row
    before = sum(width + 2 for width in widths[:-1])
    beside = terminal - before >= _LEAST_LAST_COLUMNS
    remarks = wrapped(last, terminal - before) if beside else []
    lines = []
    for parts in zip_longest(*(cell.split("\n") for cell in cells), remarks, fillvalue=""):
        padded = (f"{part:{width}}" for part, width in zip(parts, widths, strict=True))
        lines.append("  ".join(padded).rstrip())
    if not beside:
        below = wrapped(last, max(terminal, _LEAST_LAST_COLUMNS) - len(_INDENT))
        lines += [_INDENT + line for line in below]
    return lines


def span(seconds: float) -> str:
    """Return a time in its two greatest units: `2 d 3 h`, `4 min 5 s`, `6 s`."""
    rest = max(0, int(seconds))
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, length)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
