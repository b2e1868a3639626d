"""Which partitions' labels become known in a partition.

Why: what a model was worth on a day can be said once the day's labels are known, and not before.
Promise: each partition matures in exactly one later partition, or in itself where its labels are known at once.
Not here: the days of a model (``split.py``).
"""

from pipelines.core.partitions import ALL
from pipelines.spec.pipeline import Pipeline
from pipelines.spec.split import days_before


def matured_in(pipeline: Pipeline, partition: str) -> list[str]:
    """Partitions whose labels are known when this one is over, and were not when it began, oldest first.

    Labels of a partition are known ``label.settled_days()`` days after its end: with days, those of one
    day; with longer partitions those of none, one or several.
    """
    partitions, days = pipeline.partitions(), pipeline.label.settled_days()
    if partitions.grain == ALL:
        return []
    last = [
        partitions.closed_by(days_before(instant, days, partitions.zone))
        for instant in partitions.bounds(partition)
    ]
    return partitions.between(partitions.shift(last[0], 1), last[1])


def day_after(pipeline: Pipeline, partition: str) -> str:
    """The day in which a partition is over: what was known when it began was known by then."""
    return pipeline.days().of_time(pipeline.partitions().end(partition))
