"""Windows and sequences of a declaration as a worker sees them, by entity and table.

Why: a worker is given plain values, in the units of the histories that it reads.
Not here: what those values are (``entity_program.py``), the other features (``feature_plan.py``).
"""

from collections.abc import Iterable

from pipelines.operators import Sequence, Trailing, Visits
from pipelines.operators.events import EventSource
from pipelines.operators.hashing import hash_word
from pipelines.operators.values import NULL_WHOLE
from pipelines.spec import Column, Pipeline
from pipelines.spec.tables import Table
from pipelines.stages.featurize.entity_program import (
    DAY_S,
    EntityProgram,
    EventSequence,
    HistoryColumn,
    RowFilter,
    TrailingWindow,
    VisitSequence,
)


def programs_of(pipeline: Pipeline) -> tuple[EntityProgram, ...]:
    """One program for each entity and table that have windows or sequences."""
    by_program: dict[tuple[str, str | None], list[Trailing | EventSource]] = {}
    for source in pipeline.windows():
        by_program.setdefault((source.entity, source.table), []).append(source)
    return tuple(
        _program(pipeline, entity, table, sources)
        for (entity, table), sources in by_program.items()
    )


def _program(
    pipeline: Pipeline,
    entity: str,
    table: str | None,
    sources: Iterable[Trailing | EventSource],
) -> EntityProgram:
    windows, sequences = list[TrailingWindow](), list[EventSequence | VisitSequence]()
    rows_of = pipeline.of_table(table or pipeline.examples).table
    for source in sources:
        if isinstance(source, Trailing):
            windows.append(_window(rows_of, source))
        elif isinstance(source, Sequence):
            sequences.append(_sequence(rows_of, source))
        elif isinstance(source, Visits):
            sequences.append(_visits(rows_of, source, pipeline.time_zone))
    hashed = pipeline.is_text(entity)
    return EntityProgram(entity, tuple(windows), tuple(sequences), hashed, table)


def _window(table: Table, feature: Trailing) -> TrailingWindow:
    return TrailingWindow(
        names=feature.names(),
        aggregates=feature.aggregates,
        spans_s=feature.every_span_s(),
        delay_s=feature.delay_days * DAY_S,
        source=None if feature.column is None else _column(table.column(feature.column)),
        only=None
        if feature.where is None
        else _filter(table, feature.where[0], feature.wanted()),
    )


def _sequence(table: Table, feature: Sequence) -> EventSequence:
    return EventSequence(
        names=feature.names(),
        steps=feature.steps,
        delay_s=feature.delay_days * DAY_S,
        within_s=feature.within_days * DAY_S,
        own=feature.own and feature.table is None,
        sources=tuple(_column(table.column(name)) for name in feature.columns),
    )


def _visits(table: Table, feature: Visits, zone: str) -> VisitSequence:
    column = None if feature.column is None else table.column(feature.column)
    return VisitSequence(
        names=feature.names(),
        steps=feature.steps,
        delay_s=feature.delay_days * DAY_S,
        within_s=feature.within_days * DAY_S,
        code=feature.code,
        source=None if column is None else _column(column),
        codes=tuple(_filter(table, feature.code, (code,)) for code in feature.codes),
        events=tuple(_filter(table, feature.code, (code,)) for code in feature.events),
        zone=zone,
    )


def _column(column: Column) -> HistoryColumn:
    if column.type == "number":
        return HistoryColumn(column.name, 0 if column.decimals is None else 10**column.decimals)
    return HistoryColumn(column.name, 1)


def _filter(table: Table, name: str, values: Iterable[str | float]) -> RowFilter:
    """The stored values of declared ones; those that no row can have are left out."""
    stored = (_stored(table.column(name), value) for value in values)
    return RowFilter(name, tuple(dict.fromkeys(v for v in stored if v is not None)))


def _stored(column: Column, value: str | float) -> float | None:
    """A value as histories have it: a text's hash, scaled or whole numbers as such."""
    if isinstance(value, str):
        return hash_word(value)
    scale = _column(column).scale
    if not scale:
        return float(value)
    whole = int(value) if column.type != "number" else round(float(value) * scale)
    return whole if abs(whole) < abs(NULL_WHOLE) else None
