"""The settings that ingested rows depend on, as manifests have them.

Promise: a column's meaning, its valid values and what features read it are not among them.
"""

from dataclasses import asdict
from typing import Any

from pipelines.core.zones import zone_table
from pipelines.spec import Column, Pipeline
from pipelines.spec.origins import origins_of

OF_COLUMN = ("name", "type", "decimals", "source_name", "time_format", "origin", "words")


def ingest_settings(pipeline: Pipeline) -> dict[str, Any]:
    """What the rows of the pipeline's table depend on beside its source's content."""
    table = pipeline.table
    zones = {pipeline.time_zone, table.source.time_zone or pipeline.time_zone}
    return {
        "table": table.name,
        "source": asdict(table.source),
        "columns": [_column(column) for column in table.columns],
        "composite": {
            "row_id": table.row_id,
            **{e.name: e.column for e in pipeline.entities if not isinstance(e.column, str)},
        },
        "origin_keys": {n: list(o.keys) for n, o in origins_of(pipeline).items() if o.keys},
        "time_zone": pipeline.time_zone,
        "offsets": {zone: zone_table(zone).digest() for zone in sorted(zones)},
    }


def _column(column: Column) -> dict[str, Any]:
    """The settings that are not as by default; words in any order mean the same."""
    default = Column("", "")
    own = {name: getattr(column, name) for name in OF_COLUMN}
    own["words"] = dict(column.words) if column.words else None
    return {n: v for n, v in own.items() if n in ("name", "type") or v != getattr(default, n)}
