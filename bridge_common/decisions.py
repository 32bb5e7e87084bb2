"""One line per decision, for the administrator, without a record of the `logging` module.

Knows which decisions are written; all of them are kept for a while (`recent_decisions`). Knows
nothing of what a decision is about (both daemons hand in their own fields), nor of what lines look
like (`log_lines`) and where they go (`log`).
As long as nobody has configured the log, decisions are messages of the logger "decisions".
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from bridge_common import log
from bridge_common.decision_line import (
    MAX_VALUE_CHARACTERS,
    Field,
    bounded_fields,
    format_decision,
)
from bridge_common.log_lines import Style
from bridge_common.recent_decisions import RecentDecisions

__all__ = ["DecisionLog", "Field", "PreparedLine"]

_logger = logging.getLogger("decisions")


@dataclass(slots=True, eq=False)
class PreparedLine:
    """A decision that can be written again and again; its text is made when it is needed first.

    Made by `DecisionLog.prepare`. It outlives a reload: another format makes another text.
    """

    fields: Mapping[str, Field]
    refused: bool
    trouble: bool
    style: Style | None = None
    text: str = ""


class DecisionLog:
    """Writes decisions as setting `[log] decisions` wants them: all, or only what was refused.

    ``recent`` keeps the last ones, written or not.
    """

    def __init__(self, *, only_refused: bool = False) -> None:
        self.only_refused = only_refused
        self.recent = RecentDecisions()

    def write(self, fields: Mapping[str, Field], *, refused: bool, trouble: bool = False) -> None:
        """Write one decision; trouble is a warning, everything else is information."""
        line = PreparedLine(fields, refused, trouble)
        self.write_prepared(line)
        if not line.text or len(line.text) > MAX_VALUE_CHARACTERS:
            line.fields = bounded_fields(fields)  # it is kept, and a stranger may have chosen them

    def prepare(
        self, fields: Mapping[str, Field], *, refused: bool, trouble: bool = False
    ) -> PreparedLine:
        """Return a decision for `write_prepared`."""
        return PreparedLine(bounded_fields(fields), refused, trouble)

    def write_prepared(self, line: PreparedLine) -> None:
        """Write one decision; only the first time is its text made."""
        self.recent.append(line)
        if self.only_refused and not line.refused:
            return
        output = log.configured
        if output is None:
            _write_by_logging(line)
            return
        if line.style is not output.style:
            line.style = output.style
            line.text = output.style.decision(line.fields, trouble=line.trouble)
        output.writer.write(line.text)


def _write_by_logging(line: PreparedLine) -> None:
    level = logging.WARNING if line.trouble else logging.INFO
    fields = bounded_fields(line.fields)
    _logger.log(level, "%s", format_decision(fields), extra={"decision": fields})
