"""What the guessed label means for its column and for the head.

Why: a text label needs words, and its head follows from the number of its classes.
Promise: of two classes the one that is named as an event, else the rarer, is 1.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipelines.drivers.scaffold.profile.columns import ColumnGuess
from pipelines.drivers.scaffold.profile.roles import MOST_CLASSES

NAMED_AS_TRUE = re.compile(
    r"(^|[^a-z])(y|yes|true|pos\w*|fraud\w*|churn\w*|late|delayed|cancel\w*|died|dead|fail\w*|bad|1|"
    r"readmitted|default\w*|damaged|lost|returned|converted|won|spam|malignant)($|[^a-z])"
)
TWO = 2


@dataclass(frozen=True, slots=True)
class LabelGuess:
    """The label's column as it is declared, and its head as text; no text for the usual one."""

    column: ColumnGuess
    head: str = ""
    name: str = ""

    @property
    def is_binary(self) -> bool:
        """Whether it is 0 or 1."""
        return not self.head


def guess_label(column: ColumnGuess) -> LabelGuess:
    """The declaration of a column that is to be predicted."""
    if column.type == "flag":
        return LabelGuess(column)
    if column.type == "text":
        return _of_words(column)
    classes = column.distinct
    counted = column.type == "integer" and (column.low, column.high) == (0, classes - 1)
    if counted and TWO < classes <= MOST_CLASSES:
        return LabelGuess(column, f"MultiClass(classes={classes})", "MultiClass")
    return _of_amounts(column)


def _of_words(column: ColumnGuess) -> LabelGuess:
    found = [str(word) for word in column.listed]
    if len(found) == TWO:
        ordered = sorted(found, key=lambda word: (_is_true(word), -column.listed[word]))
        return LabelGuess(replace(column, type="flag", words=_numbered(ordered)))
    words = _numbered(sorted(found))
    head = f"MultiClass(classes={len(found)})"
    return LabelGuess(replace(column, type="integer", words=words), head, "MultiClass")


def _numbered(words: Sequence[str]) -> dict[str, int]:
    return {word: number for number, word in enumerate(words)}


def _is_true(word: str) -> bool:
    return bool(NAMED_AS_TRUE.search(word.lower()))


def _of_amounts(column: ColumnGuess) -> LabelGuess:
    center, scale = float(column.median or 0), column.deviation or 1.0
    head = f"Regression(center={center:.4g}, scale={scale:.4g})"
    return LabelGuess(column, head, "Regression")
