"""Mistakes in a label that is an event of another table.

Why: a misspelt code has no event, and a horizon that the head looks beyond has no labels: both would come
    to light after every partition was taken in.
Promise: every mistake is listed, with its location and what to write instead.
Not here: labels that are columns (``labels.py``), whether the events are in the data
    (``pipelines/stages/cohort/``).
"""

from collections.abc import Iterator

from pipelines.core.declared import nearest, unknown
from pipelines.spec.checks.conditions import condition_problems
from pipelines.spec.conditions import alternatives
from pipelines.spec.heads import Binary, Survival
from pipelines.spec.learning import Outcome
from pipelines.spec.pipeline import Entity, Pipeline
from pipelines.spec.tables import Table


def outcome_problems(pipeline: Pipeline, label: Outcome) -> Iterator[str]:
    """Mistakes in an outcome."""
    yield from unknown("label: table", label.table, (t.name for t in pipeline.tables))
    yield from unknown("label: entity", label.entity, (e.name for e in pipeline.entities))
    if label.horizon_days < 1:
        yield f"label.horizon_days must be 1 or more; got {label.horizon_days!r}."
    table, entity = _table(pipeline, label.table), _entity(pipeline, label)
    if table is not None:
        yield from _events(label, table)
        yield from _has_entity(f"label: entity {label.entity}", entity, table)
    if entity is not None and (examples := _table(pipeline, pipeline.examples)) is not None:
        yield from _has_entity(f"label: entity {label.entity}", entity, examples)
    yield from _followed_until(pipeline, label, entity)
    yield from _for_head(pipeline, label)


def _table(pipeline: Pipeline, name: str) -> Table | None:
    return next((t for t in pipeline.tables if t.name == name), None)


def _entity(pipeline: Pipeline, label: Outcome) -> Entity | None:
    return next((e for e in pipeline.entities if e.name == label.entity), None)


def _has_entity(where: str, entity: Entity | None, table: Table) -> Iterator[str]:
    names = () if entity is None else entity.columns()
    for name in names:
        yield from unknown(f"{where}: column of table {table.name}", name, table.column_names())


def _events(label: Outcome, table: Table) -> Iterator[str]:
    """What keeps events from being found in their table."""
    if table.event_time is None:
        yield f"label: table {table.name} is static, and an event needs an event_time."
    yield from _condition("where", label.where, table)
    if label.competing is None:
        return
    yield from _condition("competing", label.competing, table)
    both = [value for value in _values(label.where) if value in _values(label.competing)]
    if label.where[:1] == label.competing[:1] and both:
        yield (
            f"label: {both[0]!r} is the event and the competing event at once. Name it in one of where and "
            f"competing."
        )


def _condition(what: str, condition: tuple[str, object], table: Table) -> Iterator[str]:
    """Mistakes in ``(column, value)`` or ``(column, (value, ...))``."""
    if isinstance(condition, tuple) and len(condition) == len(("column", "value")):
        yield from condition_problems(f"label: {what}", table, condition)
    else:
        yield (
            f"label: {what} must be (column, value), or (column, (value, ...)) for any of several; got "
            f"{condition!r}."
        )


def _values(condition: tuple[str, object]) -> tuple[object, ...]:
    return alternatives(condition[1]) if isinstance(condition, tuple) and condition[1:] else ()


def _followed_until(pipeline: Pipeline, label: Outcome, entity: Entity | None) -> Iterator[str]:
    if not label.followed_until:
        return
    name, dot, column = label.followed_until.partition(".")
    table = _table(pipeline, name)
    if table is None:
        names = [t.name for t in pipeline.tables]
        yield f"label: followed_until: table {name!r} is not declared. {nearest(name, names)}"
        return
    yield from _has_entity(f"label: followed_until: entity {label.entity}", entity, table)
    if dot:
        yield from _end_of_follow_up(table, column, entity)
    elif table.event_time is None:
        times = [c.name for c in table.columns if c.type == "timestamp"]
        yield (
            f"label: followed_until {name!r} is a static table, which has no last row of an entity. Name "
            f"one of its timestamps: {', '.join(f'{name}.{each}' for each in times) or 'it has none'}."
        )


def _end_of_follow_up(table: Table, column: str, entity: Entity | None) -> Iterator[str]:
    """Mistakes in ``TABLE.COLUMN``."""
    where = f"label: followed_until {table.name}.{column}"
    if table.event_time is not None:
        yield (
            f"{where}: the table has an event_time, so an entity has many rows in it. Write "
            f"followed_until={table.name!r} for the last of them, or name a static table."
        )
    yield from unknown(
        f"label: followed_until: column of {table.name}", column, table.column_names()
    )
    for each in table.columns:
        if each.name == column and each.type != "timestamp":
            yield f"{where} is of type {each.type!r}. Declare it as a timestamp, or name one."
    row_id = (table.row_id,) if isinstance(table.row_id, str) else table.row_id
    if entity is not None and sorted(entity.columns()) != sorted(row_id or ()):
        yield (
            f"{where}: the row_id of table {table.name} is {', '.join(row_id or ())}, so an entity may have "
            f"many rows in it. Expected {', '.join(entity.columns())}, of the entity {entity.name}."
        )


def _for_head(pipeline: Pipeline, label: Outcome) -> Iterator[str]:
    head = pipeline.head
    if not isinstance(head, Binary | Survival):
        yield (
            f"head {type(head).__name__} cannot learn an event of table {label.table!r}. Use Binary (does it "
            f"happen within the horizon), Survival (when), or Label(column, known_after_days)."
        )
    if not isinstance(head, Survival):
        return
    last = head.cuts_days[-1] if head.cuts_days else 0
    if label.horizon_days < last:
        yield (
            f"label.horizon_days={label.horizon_days} ends before head.cuts_days does, at {last:g}: events "
            f"after the horizon are not looked for. Use label.horizon_days={-int(-last // 1)} or more, or "
            f"earlier cuts."
        )
    if head.competing and label.competing is None:
        yield (
            "head.competing=True needs a competing event. Declare label.competing=(column, value), or "
            "leave head.competing out."
        )
