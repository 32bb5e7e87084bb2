"""The chart: for each row one bar a program, as an SVG that needs nothing else.

Bars of a row are to the scale of its longest. Pure.
"""

from collections.abc import Iterable
from xml.sax.saxutils import escape

from bench.rounds import RowResult
from bench.table import Line, figure_of, lines_of

_WIDTH, _NAMES, _BAR, _FIGURES = 760, 190, 18, 110
_LINE, _TITLE, _GAP = 24, 26, 14
_OURS, _PEERS = "#2a6f97", "#b8b8b8"

_STYLE = """\
text { font: 13px sans-serif; fill: #222 } .work { font-weight: bold }
@media (prefers-color-scheme: dark) { text { fill: #ddd } }
"""


def svg(rows: Iterable[RowResult]) -> str:
    """Return the picture of these rows; void programs have no bar."""
    parts: list[str] = []
    top = 0
    for played in rows:
        parts.append(_text(0, top + 16, _title(played), "work"))
        top += _TITLE
        lines = lines_of(played)
        longest = max(_value(played, line) for line in lines)
        for line in lines:
            parts += _bar(played, line, longest, top, ours=line is lines[-1])
            top += _LINE
        top += _GAP
    size = f'width="{_WIDTH}" height="{top}" viewBox="0 0 {_WIDTH} {top}"'
    begin = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    return "\n".join([begin, f"<style>{_STYLE}</style>", *parts, "</svg>", ""])


def _title(played: RowResult) -> str:
    return f"{played.row.work}: {'shorter' if played.row.by_time else 'longer'} is better"


def _value(played: RowResult, line: Line) -> float:
    return figure_of(line, played.row.by)


def _bar(played: RowResult, line: Line, longest: float, top: int, *, ours: bool) -> list[str]:
    value = _value(played, line)
    figure = f"{value:,.1f} ms" if played.row.by_time else f"{value:,.0f}/s"
    name = _text(8, top + 14, line.name)
    if line.void:
        return [name, _text(_NAMES, top + 14, "void")]
    width = max(1.0, value / longest * (_WIDTH - _NAMES - _FIGURES))
    colour = _OURS if ours else _PEERS
    place = f'x="{_NAMES}" y="{top}" width="{width:.1f}" height="{_BAR}"'
    bar = f'<rect {place} fill="{colour}"/>'
    return [name, bar, _text(_NAMES + width + 6, top + 14, figure)]


def _text(x: float, y: float, text: str, kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.0f}" y="{y:.0f}"{style}>{escape(text)}</text>'
