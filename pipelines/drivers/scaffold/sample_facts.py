"""What the first rows of a source are like: their times, labels, entities and categories.

Why: a wrong time zone, a label of one class or a category of as many values as rows refuses no partition
    by itself, and is seen at once by a person who is shown it.
Not here: whether a run would refuse the rows (``sample_trial.py``).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.core.errors import PartitionRefusedError, TrainingError, listed
from pipelines.drivers.scaffold.source_sample import SourceSample
from pipelines.operators import Categorical
from pipelines.spec import Label
from pipelines.spec.heads import AMOUNTS, TIMES

# Above this share of different values a category is rather an id.
MOST_DISTINCT_SHARE = 0.5
MANY, SHOWN = 100, 5


def times_of(sample: SourceSample) -> str:
    """The span of the event times.

    Raises:
        PartitionRefusedError: More are outside of the partition than may be quarantined.
    """
    table, partitions = sample.table, sample.work.pipeline.partitions()
    times = sample.rows[table.time_column] if table.event_time else pa.chunked_array([[]])
    if not len(times):
        return ""
    if times.null_count == len(times):
        return _without_time(sample, len(times)) if table.is_for_all_time else ""
    found = pc.min_max(times).as_py()
    span = f"{table.event_time} from {found['min']} to {found['max']} UTC"
    if table.is_for_all_time:
        return "; ".join(filter(None, (span, _without_time(sample, times.null_count))))
    begin, end = (at.replace(tzinfo=None) for at in partitions.bounds(sample.work.day))
    early, late = (
        pc.sum(pc.less(times, begin)).as_py(),
        pc.sum(pc.greater_equal(times, end)).as_py(),
    )
    if not early + late:
        return span
    said = (
        f"{span}: {early + late:,} of {sample.described()} are outside of "
        f"{partitions.described(sample.work.day)}. {_advice(found['min'], found['max'], begin, end)}"
    )
    if early + late > sample.work.pipeline.validation.max_quarantined_share * len(times):
        raise PartitionRefusedError(said)
    return said


def _without_time(sample: SourceSample, rows: int) -> str:
    """What becomes of rows without a time, which belong to no partition."""
    if not rows:
        return ""
    return (
        f"{rows:,} of {sample.described()} have no {sample.table.time_column}, belong to no partition, "
        f"and would be left out"
    )


def _advice(first: datetime, last: datetime, begin: datetime, end: datetime) -> str:
    """What may be the matter with times outside of their partition."""
    for hours in range(-14, 15):
        by = timedelta(hours=hours)
        if hours and begin <= first + by and last + by < end:
            return (
                f"All of them would be within it {abs(hours)} hours {'later' if hours > 0 else 'earlier'}: "
                f"declare time_zone, of the source or the pipeline, if they are local times."
            )
    return "Correct source.path, the grain or time_zone, or have the source deliver rows of their day."


def labels_of(sample: SourceSample, good: pa.Table) -> str:
    """The label's values, of classes and grades with their numbers.

    Args:
        sample: The first rows.
        good: Those of them that are not quarantined.

    Raises:
        TrainingError: The head cannot read some of them.
    """
    pipeline = sample.work.pipeline
    if not isinstance(pipeline.label, Label) or not good.num_rows:
        return ""
    labels, head = good[pipeline.label.column], pipeline.head
    known = pc.drop_null(labels.combine_chunks())
    without = f"{labels.null_count / len(labels):.1%} without"
    if not len(known):
        return f"label {pipeline.label.column}: no row has one"
    if head.labels == AMOUNTS:
        low, high = pc.min_max(known).as_py().values()
        return f"label {pipeline.label.column}: {low:g} to {high:g}, {without}"
    if head.labels == TIMES:
        events = pc.sum(pc.greater(known, 0)).as_py()
        _require(pipeline.label.column, known, pc.equal(known, 0), "days, above 0 or below 0")
        return f"label {pipeline.label.column}: {events:,} events, {len(known) - events:,} censored, {without}"
    classes = head.n_classes() or 2
    odd = pc.or_(pc.less(known, 0), pc.greater_equal(known, classes))
    _require(pipeline.label.column, known, odd, f"0 to {classes - 1}")
    counts = sorted((c["values"], c["counts"]) for c in pc.value_counts(known).to_pylist())
    shown = listed(f"{count:,} of {value}" for value, count in counts)
    alike = " (one class only; a model needs others too)" if len(counts) == 1 else ""
    return f"label {pipeline.label.column}: {shown}{alike}, {without}"


def _require(column: str, known: pa.Array, odd: pa.Array, wanted: str) -> None:
    values = pc.unique(known.filter(odd)).to_pylist()
    if values:
        raise TrainingError(
            f"label {column}: {pc.sum(odd).as_py():,} of {len(known):,} rows have labels that are not "
            f"{wanted} ({listed(values)}). Correct the label column, or the head."
        )


def keys_and_categories(sample: SourceSample) -> str:
    """Nulls of entities, and the number of values of categorical inputs."""
    if not sample.rows.num_rows:
        return ""
    return "; ".join([*_entities(sample), *_categories(sample)])


def _entities(sample: SourceSample) -> Iterator[str]:
    rows = sample.rows
    for entity in sample.work.pipeline.entities:
        nulls = max(rows[name].null_count for name in entity.columns())
        distinct = " of each column" if len(entity.columns()) > 1 else ""
        values = max(pc.count_distinct(rows[name]).as_py() for name in entity.columns())
        yield f"{values:,} values of entity {entity.name}{distinct}" + (
            f", {nulls:,} rows without one" if nulls else ""
        )


def _categories(sample: SourceSample) -> Iterator[str]:
    rows = sample.rows
    names = {s.column for s in sample.work.pipeline.sources() if isinstance(s, Categorical)}
    for name in sorted(names & {*rows.column_names}):
        distinct = pc.count_distinct(rows[name]).as_py()
        many = rows.num_rows >= MANY and distinct > MOST_DISTINCT_SHARE * rows.num_rows
        hint = " (almost one a row: rather an id than a category)" if many else ""
        yield f"{distinct:,} values of category {name}{hint}"
