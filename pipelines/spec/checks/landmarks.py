"""Mistakes in tables whose rows are landmarks: what they are derived from, their filters, their columns.

Why: a filter that nothing passes, or a grain by which rows are still to come, would give no examples
    without an error.
Promise: every mistake is listed, with its table and what to write instead.
Not here: deriving the rows (``pipelines/stages/ingest/landmarks/``).
"""

from collections.abc import Iterator

from pipelines.core.declared import unknown
from pipelines.core.errors import listed
from pipelines.core.partitions import DAY, GRAINS, HOUR, MONTH, QUARTER, WEEK, YEAR
from pipelines.core.zones import zone_mistake, zone_table
from pipelines.spec.checks.conditions import condition_problems
from pipelines.spec.learning import Label
from pipelines.spec.pipeline import Entity, Pipeline
from pipelines.spec.sources import Landmarks
from pipelines.spec.tables import Table

# A century; more is a mistyped number.
MOST_DAYS = 36_525
HOUR_S = 3600
WHOLE = {
    HOUR: (DAY, WEEK, MONTH, QUARTER, YEAR),
    DAY: (DAY, WEEK, MONTH, QUARTER, YEAR),
    WEEK: (WEEK,),
    MONTH: (MONTH, QUARTER, YEAR),
    QUARTER: (QUARTER, YEAR),
    YEAR: (YEAR,),
}
"""Grains whose partitions consist of whole partitions of a grain."""


def landmark_problems(pipeline: Pipeline) -> Iterator[str]:
    """Mistakes of each table of landmarks."""
    for table in pipeline.tables:
        if isinstance(table.source, Landmarks):
            where = f"table {table.name}: Landmarks"
            yield from _origin(pipeline, where, table, table.source)
            yield from _numbers(where, table.source)
            yield from _at_days(where, table.source)
            yield from _keys(where, table)
            yield from _written(where, table)


def _origin(pipeline: Pipeline, where: str, table: Table, source: Landmarks) -> Iterator[str]:
    """What the rows are derived from, and what they are."""
    if table.name != pipeline.examples:
        yield (
            f"{where}: landmarks are examples, and the examples are {pipeline.examples}. Declare "
            f"examples={table.name!r}, or another source."
        )
    elif isinstance(pipeline.label, Label):
        yield (
            f"{where}: landmarks have no column with a label. Declare label=Outcome(table=..., where=...)."
        )
    others = {each.name: each for each in pipeline.tables if each is not table}
    entities = {each.name: each for each in pipeline.entities}
    yield from unknown(f"{where}: table", source.table, others)
    yield from unknown(f"{where}: entity", source.entity, entities)
    if source.table in others:
        yield from _events(pipeline, where, table, others[source.table])
        if source.entity in entities:
            yield from _entity(where, table, others[source.table], entities[source.entity])


def _events(pipeline: Pipeline, where: str, table: Table, events: Table) -> Iterator[str]:
    """What keeps landmarks from being derived from a table."""
    source = table.source
    assert isinstance(source, Landmarks)
    if events.derived_from:
        yield f"{where}: the rows of {events.name} are landmarks too. Name the table that has the visits."
    if events.event_time is None:
        yield f"{where}: table {events.name} is static, and visits have an event_time. Name another table."
    else:
        yield from _grain(pipeline, where, table, events)
    if source.where is not None:
        yield from condition_problems(f"{where}: where", events, source.where)
    if source.since is not None:
        yield from condition_problems(f"{where}: since", events, source.since)
    for condition in source.free_of:
        yield from condition_problems(f"{where}: free_of", events, condition)


def _grain(pipeline: Pipeline, where: str, table: Table, events: Table) -> Iterator[str]:
    """A partition must consist of whole partitions of the events: others are not over by its end."""
    if not {table.grain, events.grain} <= {*GRAINS}:
        return  # which is reported
    fitting = WHOLE[events.grain]
    if table.grain == HOUR:
        yield f"{where}: a landmark is at the end of a day. Declare grain={fitting[0]!r}, not 'hour'."
    elif table.grain not in fitting:
        yield (
            f"{where}: {events.name} has partitions of a {events.grain}, of which a {table.grain} is not "
            f"made, so rows of a {table.grain} are still to come at its end. Declare "
            f"grain={' or '.join(map(repr, fitting))} for {table.name}, or another one for {events.name}."
        )
    elif events.grain == HOUR and not _begins_on_the_hour(pipeline.time_zone):
        yield (
            f"{where}: {events.name} has partitions of an hour of UTC, and in {pipeline.time_zone} a day "
            f"begins within one. Declare grain='day' for {events.name}."
        )


def _begins_on_the_hour(zone: str) -> bool:
    """Whether a zone was whole hours from UTC since 1970."""
    if zone_mistake(zone):
        return True  # which is reported
    table = zone_table(zone)
    ends = (*table.starts_s[1:], float("inf"))
    return all(o % HOUR_S == 0 for o, end in zip(table.offsets_s, ends, strict=True) if end > 0)


def _entity(where: str, table: Table, events: Table, entity: Entity) -> Iterator[str]:
    """The columns of the entity in both tables, and those that no landmark has."""
    own = {column.name: column.type for column in table.columns}
    theirs = {column.name: column.type for column in events.columns}
    for name in entity.columns():
        if name not in theirs:
            yield (
                f"{where}: table {events.name} has no column {name!r}, which identifies a {entity.name}. "
                f"Declare it there, or name another table."
            )
        elif own.get(name, theirs[name]) != theirs[name]:
            yield (
                f"{where}: {name!r} is of type {own[name]!r} in {table.name} and of type {theirs[name]!r} "
                f"in {events.name}. Declare both with the same type."
            )
    known = {table.row_id, table.event_time, *entity.columns()}
    more = [name for name in own if name not in known]
    if more:
        yield (
            f"{where}: a landmark has an id, a time and {', '.join(entity.columns())}, of the entity "
            f"{entity.name}, and nothing else. Remove {listed(more)}; features may be over other tables."
        )
    if table.row_id in entity.columns():
        yield f"{where}: row_id {table.row_id!r} identifies a {entity.name}. Declare a text column of its own."


def _keys(where: str, table: Table) -> Iterator[str]:
    """The id is a text, unique by itself, and known at once."""
    if not isinstance(table.row_id, str):
        if table.row_id is not None:
            yield f"{where}: row_id must be a text column, such as 'landmark_id'; got {table.row_id!r}."
    elif table.row_id in table.column_names() and table.column(table.row_id).type != "text":
        yield (
            f"{where}: row_id {table.row_id!r} is of type {table.column(table.row_id).type!r}, and ids are "
            f"texts such as '17@2026-01-31'. Declare it as text."
        )
    if table.known_time is not None:
        yield f"{where}: a landmark is known at once. Leave known_time out."
    if table.unique_days != 1:
        yield f"{where}: ids are unique over all days, as each has its day. Leave unique_days out."


def _written(where: str, table: Table) -> Iterator[str]:
    """Settings of how values are written in a source."""
    for column in table.columns:
        settings = ("source_name", "time_format", "origin", "words", "decimals")
        given = [name for name in settings if getattr(column, name) not in (None, "")]
        if given:
            yield (
                f"{where}: column {column.name}: {', '.join(given)} say how a source writes values, and "
                f"landmarks have no source. Leave them out."
            )


def _numbers(where: str, source: Landmarks) -> Iterator[str]:
    days = {"history_days": source.history_days, "every_days": source.every_days}
    days |= {f"at_days: {day}": day for day in source.at_days}
    for name, value in days.items():
        if not 0 <= value <= MOST_DAYS:
            yield f"{where}: {name} must be 0 to {MOST_DAYS:,} days; got {value!r}."


def _at_days(where: str, source: Landmarks) -> Iterator[str]:
    """Fixed days, which are no visits."""
    days = source.at_days
    if days and source.where is not None:
        yield f"{where}: where is for visits, and at_days are in place of visits. Leave one of them out."
    for day in dict.fromkeys(days):
        if days.count(day) > 1:
            yield f"{where}: at_days has {day} {days.count(day)} times. Name each day once."
    early = [day for day in days if day < source.history_days]
    if early:
        yield (
            f"{where}: at_days {listed(early)} are before history_days={source.history_days} are over, so "
            f"they never give an example. Leave them out, or lower history_days."
        )
