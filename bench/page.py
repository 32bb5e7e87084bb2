"""The page that the figures stand in: docs/performance.md, between two marks, and the chart.

Everything else on the page is written by hand, and stays.
"""

from collections.abc import Iterable

from lab.bridge import PROJECT

from bench.chart import svg
from bench.rounds import RowResult, tell

PAGE = PROJECT / "docs" / "performance.md"
CHART = PROJECT / "docs" / "performance.svg"
_BEGIN, _END = "<!-- figures: begin -->\n", "<!-- figures: end -->\n"
_PICTURE = f"![What each program does, row by row]({CHART.name})\n"


def write(figures: str, rows: Iterable[RowResult]) -> None:
    """Write the figures into the page, and draw them."""
    PAGE.write_text(with_figures(PAGE.read_text(), f"{_PICTURE}\n{figures}"))
    CHART.write_text(svg(rows))
    tell(f"written: {PAGE.relative_to(PROJECT)}, {CHART.relative_to(PROJECT)}")


def with_figures(page: str, figures: str) -> str:
    """Return the page with these figures. Raises ValueError if it has no place for them."""
    before = page.index(_BEGIN) + len(_BEGIN)
    after = page.index(_END, before)
    return f"{page[:before]}\n{figures}\n{page[after:]}"
