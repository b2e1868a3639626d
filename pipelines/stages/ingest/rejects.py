"""Rejected lines of CSV and JSON lines, and the description of what is wrong with them.

Not here: finding them (``formats/``), the budget for them (``delivery.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.core.errors import SourceUnreadableError, listed

RAGGED, MISQUOTED, BROKEN = "source.fields", "source.quotes", "source.lines"
"""Rule ids under which rejected lines are counted, in addition to validation's rules."""
# Rejected lines are in memory until their file is read; with more of them it is another format.
MAX_REJECTED_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Reject:
    """Lines of a file of text that are not a valid row.

    Attributes:
        line: Number of their first line, from 1.
        fields: Number of their fields, read as one row.
        expected: Number of fields of the first line.
        text: The lines.
        lines: Number of lines.
        why: What is wrong with them; empty where the number of fields is wrong.
        rule: Id of the rule under which they are counted.
    """

    line: int
    fields: int
    expected: int
    text: str
    lines: int = 1
    why: str = ""
    rule: str = RAGGED


def described(rejected: Sequence[Reject]) -> str:
    """Describe rejected lines: the first ones of each reason."""
    ragged = [reject for reject in rejected if not reject.why]
    parts = []
    if ragged:
        shown = listed(f"line {reject.line} ({reject.fields})" for reject in ragged)
        expected = ragged[0].expected
        parts.append(
            f"{shown} have another number of fields. Expected {expected}, as in the first line"
        )
    for why in dict.fromkeys(reject.why for reject in rejected if reject.why):
        shown = listed(_lines(reject) for reject in rejected if reject.why == why)
        parts.append(f"{shown}: {why}")
    return "; ".join(parts)


def require_few_bytes(rejected: Sequence[Reject], name: str) -> None:
    """Give up a file whose rejected lines would fill the memory.

    Raises:
        SourceUnreadableError: There are too many of them.
    """
    held_bytes = sum(len(reject.text) for reject in rejected)
    if held_bytes > MAX_REJECTED_BYTES:
        raise SourceUnreadableError(
            f"Source file {name}: {described(rejected)} ({held_bytes:,} bytes of them). Expected a "
            f"few such lines at most. Correct the declared source, or have the file written again."
        )


def _lines(reject: Reject) -> str:
    last = reject.line + reject.lines - 1
    return f"line {reject.line}" if reject.lines == 1 else f"lines {reject.line} to {last}"
