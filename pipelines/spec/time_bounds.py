"""Bounds of a column of times that a static table has, entity by entity.

Why: nothing can be measured before birth, or after follow-up ended, and only another table knows when.
Promise: imports nothing heavy.
Not here: mistakes in bounds (``checks/origins.py``), applying them
    (``pipelines/shared/expectations/time_bounds.py``).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.spec.origins import keys_of
from pipelines.spec.pipeline import Pipeline

NOT_BEFORE, NOT_AFTER = KINDS = ("not_before", "not_after")


@dataclass(frozen=True, slots=True)
class TimeBound:
    """A bound of the times of a column.

    Attributes:
        column: The column of times.
        kind: ``not_before`` or ``not_after``.
        table: The static table.
        limit: Its column with the bound.
        key: The stored column that identifies the entity, of both tables.
    """

    column: str
    kind: str
    table: str
    limit: str
    key: str


def time_bounds(pipeline: Pipeline) -> tuple[TimeBound, ...]:
    """The bounds of the columns of the pipeline's table, in their order."""
    return tuple(_bounds(pipeline))


def _bounds(pipeline: Pipeline) -> Iterator[TimeBound]:
    for column in pipeline.table.columns:
        for kind in KINDS:
            table, _, limit = getattr(column, kind).partition(".")
            if table:
                yield TimeBound(column.name, kind, table, limit, _key(pipeline, table))


def _key(pipeline: Pipeline, table: str) -> str:
    keys = keys_of(pipeline, pipeline.table, table)
    return next(e.key for e in pipeline.entities if e.columns() == keys)
