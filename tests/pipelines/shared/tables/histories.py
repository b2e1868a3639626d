"""A day's histories as ``validate`` publishes them, for what reads them."""

from pathlib import Path

import pyarrow as pa

from pipelines.shared.tables.history import history_name, history_part, write_history
from pipelines.shared.tables.versions import versions_of, write_known
from pipelines.spec import Pipeline


def write_histories(table: pa.Table, pipeline: Pipeline, folder: Path) -> None:
    """Write one history file for each declared entity, and what was known of the day when.

    The day is one part, where ``validate`` writes it from many.

    Args:
        table: Good rows of one day, as in ``part-0.parquet``.
        pipeline: Declares entities, columns and the number of buckets.
        folder: Where the files go.
    """
    if pipeline.table.event_time is None:
        return
    versions = versions_of(table, pipeline.table, pipeline.time_zone)
    for entity in pipeline.entities:
        part = history_part(table, pipeline, entity.name)
        write_history([part], pipeline, folder / history_name(entity.name), versions)
    if versions is not None:
        write_known([table], versions, folder)
