"""Which windows and sequences of a partition's published version are still right.

Why: a changed window costs that window alone.
Promise: only manifests are read.
Not here: reading them (``reused.py``).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipelines.core.store import Manifest, digest_of
from pipelines.operators import Trailing
from pipelines.operators.events import EventSource
from pipelines.operators.program import written
from pipelines.protocol import Plan, Work, same_code
from pipelines.spec.reach import partitions_before, partitions_of_other
from pipelines.stages.featurize.lookback import LookBack, ReadPartition

if TYPE_CHECKING:
    from pipelines.stages.featurize.reused import ReusedColumns

READ_BY_ALL = ("keys", "entities", "columns", "known_time", "other_tables", "time_zone")


def reused_columns(work: Work, plan: Plan) -> "ReusedColumns | None":
    """Windows and sequences that the published version has of the same rows and declaration."""
    from pipelines.stages.featurize.reused import ReusedColumns

    old = work.store.find_intact(work.partition_ref("features"))
    if old is None or any(old.config.get(n) != plan.config[n] for n in READ_BY_ALL):
        return None
    usable = (s for s in _declared_before(work, old) if _same_rows_and_code(work, plan, old, s))
    names = frozenset(name for source in usable for name in source.names())
    return ReusedColumns(work.store.open(old), names) if names else None


def _declared_before(work: Work, old: Manifest) -> Iterator[Trailing | EventSource]:
    """Windows and sequences that a published version was made with."""
    before = {digest_of(feature) for feature in old.config["features"]}
    return (s for s in work.pipeline.windows() if digest_of(written(s)) in before)


def _same_rows_and_code(
    work: Work, plan: Plan, old: Manifest, source: Trailing | EventSource
) -> bool:
    """Whether the own rows, and of the partitions it reaches back to what they can see, are the same.

    With known times the plan's inputs are just that: the partition's own, every version and when it
    was known, and the others' as known by the ends of the days on which its rows were.
    """
    reads = [*_reached_by(work, old, source), LookBack(work).own()]
    return all(
        old.inputs.get(each.name) == plan.inputs.get(each.name) for each in reads
    ) and same_code(old.code, plan.code, {type(source)})


def _reached_by(
    work: Work, old: Manifest, source: Trailing | EventSource
) -> list[ReadPartition]:
    """Partitions that a source reaches back to, those before this work's data began too."""
    pipeline, days = work.pipeline, source.look_back_days()
    table = pipeline.of_table(source.table or pipeline.examples).table
    partitions, prefix = (
        table.partitions(pipeline.time_zone),
        ReadPartition(source.table, "").name,
    )
    read_then = (n.removeprefix(prefix) for n in old.inputs if n.startswith(prefix))
    data_from = min([work.history_from, *map(partitions.first_day, read_then)])
    if source.table is None:
        keys = partitions_before(pipeline, work.day, data_from, days)
    else:
        keys = partitions_of_other(pipeline, table, work.day, data_from, days)
    return [ReadPartition(source.table, key) for key in keys]
