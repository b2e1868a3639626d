"""Which partitions the features of a partition read, and which partitions' features read one.

Why: planning, waiting and running must agree on them, whatever the grains of the tables.
Promise: a look-back is a number of days of 24 hours before a partition begins. Of another table
    only partitions count that are over by the end of the examples' own; of a static one the only one.
Not here: whether they have been validated (``pipelines/stages/featurize/lookback.py``).
"""

from datetime import datetime, timedelta

from pipelines.core.errors import ConfigError
from pipelines.core.partitions import ALL, DAY, Partitions
from pipelines.spec.pipeline import Pipeline
from pipelines.spec.split import outcome_tables
from pipelines.spec.tables import Table


def partitions_before(pipeline: Pipeline, key: str, history_from: str, days: int) -> list[str]:
    """Partitions of the examples before one, oldest first, that a look-back of so many days reaches."""
    own = pipeline.partitions()
    first = _reached(own, own.start(key), days, history_from)
    return own.between(first, own.shift(key, -1))


def partitions_after(pipeline: Pipeline, key: str) -> list[str]:
    """Partitions of the examples after one whose windows over their own table can reach it.

    Raises:
        ConfigError: The calendar has no such partitions.
    """
    own = pipeline.partitions()
    after = own.shift(key, 1)
    try:
        last = own.of_time(_just_before(own.end(key), pipeline.look_back_days()))
    except OverflowError as error:
        raise ConfigError(
            f"{pipeline.look_back_days():,} days after {key} is outside the calendar. Choose another "
            f"partition, or shorter windows."
        ) from error
    return own.between(after, last)


def partitions_of_other(
    pipeline: Pipeline, table: Table, key: str, history_from: str, days: int
) -> list[str]:
    """Partitions of another table, oldest first, that the examples of a partition may read."""
    own, others = pipeline.partitions(), table.partitions(pipeline.time_zone)
    if table.event_time is None:
        return others.of_days(history_from, history_from)
    data_from = table.start or history_from
    first = _reached(others, own.start(key), days, data_from)
    return others.between(first, others.closed_by(own.end(key)))


def partitions_of_outcomes(
    pipeline: Pipeline, as_of: str, history_from: str
) -> dict[str, list[str]]:
    """Partitions that the labels of a model follow from, by table: all that are over when its as-of day begins.

    None where the label is a column. A static table that says until when entities were followed is there as well.
    """
    label, begins = pipeline.label, pipeline.days().start(as_of)
    found: dict[str, list[str]] = {}
    for table in outcome_tables(pipeline):
        own = table.partitions(pipeline.time_zone)
        first = own.of_day(table.start or history_from)
        found[table.name] = own.between(first, own.closed_by(begins))
    name, dot, _column = (getattr(label, "followed_until", "") or "").partition(".")
    return found | ({name: [ALL]} if dot else {})


def partitions_behind(
    pipeline: Pipeline, table: Table, key: str, history_from: str
) -> list[str]:
    """All partitions of a table, oldest first, that are over by the end of a partition of the examples.

    Rows of the examples are derived from them.
    """
    theirs = table.partitions(pipeline.time_zone)
    first = theirs.of_day(table.start or history_from)
    return theirs.between(first, theirs.closed_by(pipeline.partitions().end(key)))


def known_by(pipeline: Pipeline, key: str) -> str:
    """The last day that is over when a partition of the examples is.

    Rows of other tables count as they were known by its end.
    """
    partitions = pipeline.partitions()
    return Partitions(DAY, partitions.zone).closed_by(partitions.end(key))


def other_tables(pipeline: Pipeline) -> list[Table]:
    """The tables that features read beside the examples' own, as declared."""
    named = {w.table for w in (*pipeline.windows(), *pipeline.attributes())}
    return [table for table in pipeline.tables if table.name in named - {pipeline.examples}]


def _reached(partitions: Partitions, start: datetime, days: int, data_from: str) -> str:
    """The first partition with a part of the days before an instant, but none before the data."""
    first = partitions.of_day(data_from)
    if start - partitions.start(first) <= timedelta(days=days):
        return first
    return partitions.of_time(start - timedelta(days=days))


def _just_before(end: datetime, days: int) -> datetime:
    return end + timedelta(days=days) - timedelta(microseconds=1)
