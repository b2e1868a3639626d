"""Which partitions of which tables a run takes in.

Why: a run is asked for days, and each table follows with partitions of its own grain.
Promise: static tables first, because others may read them; the table of examples last; of another
    table only partitions that are over by the end of the last examples' partition, as its features
    see no others, and those that labels follow from, up to the as-of day.
Not here: running the stages (``chain.py``).
"""

from pipelines.core.days import parse_day
from pipelines.protocol import Stage, chain_stages
from pipelines.protocol.stage import PARTITION
from pipelines.spec import Pipeline, Table
from pipelines.spec.reach import partitions_of_outcomes


def tables_in_order(pipeline: Pipeline) -> list[Table]:
    """The declared tables, each after those that it may read."""
    return sorted(
        pipeline.tables, key=lambda t: (t.name == pipeline.examples, t.event_time is not None)
    )


def partitions_taken_in(
    pipeline: Pipeline, table: Table, first: str, last: str, as_of: str | None = None
) -> tuple[str, ...]:
    """The partitions of a table that belong to a range of days.

    Args:
        pipeline: The declaration.
        table: One of its tables.
        first: First day of the examples.
        last: Last day of the examples.
        as_of: As-of day of the model that is made of them; None where none is.
    """
    taken = _by_the_examples(pipeline, table, first, last)
    if as_of is None:
        return taken
    own = table.partitions(pipeline.time_zone)
    begin = first if table.name == pipeline.examples else table.start or first
    wanted = partitions_of_outcomes(pipeline, as_of, begin).get(table.name, ())
    return tuple(sorted({*taken, *wanted}, key=own.number))


def _by_the_examples(
    pipeline: Pipeline, table: Table, first: str, last: str
) -> tuple[str, ...]:
    """The partitions of a table that the examples' features may read."""
    own = table.partitions(pipeline.time_zone)
    if table.name == pipeline.examples or table.event_time is None:
        return tuple(own.of_days(first, last))
    of_examples = pipeline.partitions()
    closed = own.closed_by(of_examples.end(of_examples.of_days(first, last)[-1]))
    begin = table.start or first
    parse_day(begin, f"table {table.name}: start")
    return tuple(own.between(own.of_day(begin), closed))


def stages_again(pipeline: Pipeline, changed: str) -> list[Stage]:
    """The stages of the examples' partitions that read another table, which changed.

    Its rows are in their features, and the examples themselves may be derived from it.
    """
    is_derived = pipeline.table.derived_from == changed
    return [
        each
        for each in chain_stages(PARTITION, pipeline=pipeline)
        if is_derived or not each.each_table
    ]
