"""Rejected lines of CSV, and the description of what is wrong with them.

Not here: finding them (``delimited.py``), the budget for them (``stage.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.core.errors import listed


@dataclass(frozen=True, slots=True)
class Reject:
    """Lines of a CSV file that are not a valid row.

    Attributes:
        line: Number of their first line, from 1.
        fields: Number of their fields, read as one row.
        expected: Number of fields of the first line.
        text: The lines.
        lines: Number of lines.
        why: What is wrong with their quotation marks; empty where the number of fields is wrong.
    """

    line: int
    fields: int
    expected: int
    text: str
    lines: int = 1
    why: str = ""


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


def _lines(reject: Reject) -> str:
    last = reject.line + reject.lines - 1
    return f"line {reject.line}" if reject.lines == 1 else f"lines {reject.line} to {last}"
