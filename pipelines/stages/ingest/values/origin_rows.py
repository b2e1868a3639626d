"""The origins that a static table has for the rows of another.

Why: "days since enrolment" needs the enrolment, which is in a table of its own.
Promise: of the static table its key columns and the origins are in memory, nothing else; which version
    of it was read is part of what names the work.
Not here: adding them (``relative_times.py``).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipelines.core.store import Manifest
from pipelines.protocol import Plan, Work
from pipelines.shared.tables.static_tables import input_name, validated_static_tables
from pipelines.spec.origins import Origin, origins_of

if TYPE_CHECKING:
    from pipelines.stages.ingest.values.relative_times import OriginRows, RelativeTimes

PART = "part-0.parquet"


def static_origins(work: Work) -> dict[str, Manifest]:
    """The validated static tables that have origins of the work's table, by input.

    Raises:
        InputMissingError: One was not taken in yet; says how.
        PartitionRefusedError: One was refused.
    """
    tables = sorted({o.table for o in origins_of(work.pipeline).values() if o.table})
    return validated_static_tables(work, tables, "its times count from there")


def relative_times_of(work: Work, plan: Plan) -> "RelativeTimes | None":
    """The relative times of the work's table, with the static rows that were planned; None without any."""
    pipeline, origins = work.pipeline, origins_of(work.pipeline)
    if not origins:
        return None
    from pipelines.stages.ingest.values.relative_times import RelativeTimes

    static = {
        table: _opened(work, plan, [o for o in origins.values() if o.table == table])
        for table in {origin.table for origin in origins.values() if origin.table}
    }
    zone = pipeline.table.source.time_zone or pipeline.time_zone
    return RelativeTimes(origins, zone, static, pipeline.sensitive_columns())


def _opened(work: Work, plan: Plan, origins: Sequence[Origin]) -> "OriginRows":
    import pyarrow.parquet as pq

    from pipelines.stages.ingest.values.relative_times import OriginRows

    manifest = plan.made_from[input_name(origins[0].table)]
    names = dict.fromkeys([*origins[0].keys, *(origin.column for origin in origins)])
    path = work.store.open(manifest) / PART
    return OriginRows(pq.read_table(path, columns=list(names), use_threads=False))
