"""Mistakes in the declared label: its column, its values for the head, when it is known.

Why: a label that the head cannot read is found after every day was taken in; one that is used before
    it is known makes a model look good that is not.
Promise: every mistake is listed, with its location and what to write instead.
Not here: labels that are events (``outcomes.py``), the head's own settings (``pipelines/spec/heads.py``), the values in the data
    (``pipelines/stages/train/preflight.py``).
"""

import math
from collections.abc import Iterator

from pipelines.core.declared import unknown
from pipelines.spec.checks.outcomes import outcome_problems
from pipelines.spec.heads import AMOUNTS, CLASSES, GRADES, TIMES, Binary, Head
from pipelines.spec.learning import Label
from pipelines.spec.pipeline import Pipeline
from pipelines.spec.tables import Column

TYPES = {
    CLASSES: ("integer", "flag"),
    GRADES: ("integer", "flag"),
    AMOUNTS: ("integer", "number", "flag"),
    TIMES: ("integer", "number"),
}


def label_problems(pipeline: Pipeline) -> Iterator[str]:
    """Mistakes in the label."""
    if pipeline.label.known_after_days < 0:
        yield (
            f"label.known_after_days must be 0 or more, because a label is known after its day at the earliest; "
            f"got {pipeline.label.known_after_days!r}."
        )
    if isinstance(pipeline.label, Label):
        yield from _column_label(pipeline, pipeline.label)
    else:
        yield from outcome_problems(pipeline, pipeline.label)


def _column_label(pipeline: Pipeline, label: Label) -> Iterator[str]:
    table = pipeline.table
    yield from unknown("label: column", label.column, table.column_names())
    for entity in pipeline.entities:
        if label.column in entity.columns():
            yield (
                f"entity {entity.name}: its column {label.column!r} is the label, so its windows "
                f"would contain it. Use another column."
            )
    if label.column in (table.row_id, *(table.row_id or ())):
        yield f"label: column {label.column!r} is the row id. Use another column."
    for column in table.columns:
        if column.name == label.column and not any(pipeline.head.problems()):
            yield from _unreadable(pipeline.head, column)


def _unreadable(head: Head, column: Column) -> Iterator[str]:
    """What the head cannot read of a label's column, as far as its declaration says."""
    kind, where = type(head).__name__, f"label: column {column.name!r}"
    if column.type not in TYPES[head.labels]:
        yield f"{where} is of type {column.type!r}, and {kind} needs {_wanted(head)}."
        return
    if odd := [value for value in _stated(column) if not _can_be_read(head, value)]:
        yield f"{where} may be {odd[0]!r}, as it is declared, and {kind} needs {_wanted(head)}."


def _can_be_read(head: Head, value: float) -> bool:
    classes = head.n_classes()
    if head.labels in (CLASSES, GRADES):
        return float(value).is_integer() and 0 <= value < (classes or value + 1)
    return head.labels != AMOUNTS or value >= head.least_label


def _stated(column: Column) -> list[float]:
    """Values that a column may have, as far as its declaration says."""
    ends: list[float] = [end for end in (column.low, column.high) if end is not None]
    listed: list[float] = [value for value in column.values if isinstance(value, int | float)]
    words: list[float] = [value for value in (column.words or {}).values() if value is not None]
    return listed or words or ends


def _wanted(head: Head) -> str:
    classes = head.n_classes()
    if head.labels in (CLASSES, GRADES) and classes is not None:
        wanted = "a flag or an integer, 0 or 1" if isinstance(head, Binary) else "an integer"
        numbers = "" if isinstance(head, Binary) else f" from 0 to {classes - 1}"
        return (
            f"{wanted}{numbers}. Labels that are texts are declared as integers with words, such as "
            f"Column(..., 'integer', words={{'no': 0, 'yes': 1}})"
        )
    if head.labels == TIMES:
        return "a number of days, above 0 for an event, below 0 for none yet"
    least = head.least_label
    return "a number" if least == -math.inf else f"a number of {least:g} or more"
