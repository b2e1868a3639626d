"""An ingested partition written again without an entity's rows.

Promise: the bytes are those of a delivery without these rows; ingest finds the version as its own, so that the
    source need not be read again.
"""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.core.store import Manifest, Ref
from pipelines.core.store.erased_keys import ErasedKeys
from pipelines.drivers.erasure.holdings import Sought
from pipelines.protocol import Plan, StageOutcome, Work, publish_work
from pipelines.shared.tables.erased_rows import ErasedRows
from pipelines.shared.tables.schema import write_table
from pipelines.stages.ingest.day import PART, REJECTS, REJECTS_SCHEMA, DayWriter
from pipelines.stages.ingest.delivery import REFUSAL
from pipelines.stages.ingest.values.composites import joined

ERASED = "rows_erased"


def rewritten(work: Work, ref: Ref, wanted: Sought) -> None:
    """Publish an ingested partition without the erased entities, unless it is."""
    with work.store.lock(ref):
        old = work.store.find(ref)
        if old is None:
            return
        more = ErasedKeys.of(work.store, ref.pipeline).inputs(f"{ref.dataset}/{ref.key}")
        plan = Plan(inputs={**old.inputs, **more}, config=old.config, code=old.code)
        if plan.digest() == old.digest:
            return
        folder = work.store.open(old)
        publish_work(
            work, old.stage, ref, plan, lambda out: _written(work, wanted, old, folder, out)
        )


def _written(
    work: Work, wanted: Sought, old: Manifest, folder: Path, out: Path
) -> StageOutcome:
    if (folder / REFUSAL).exists():
        shutil.copyfile(folder / REFUSAL, out / REFUSAL)
    if (folder / REJECTS).exists():
        lines = pq.read_table(folder / REJECTS)
        named = pc.match_substring_regex(lines["text"], wanted.as_word())
        write_table(lines.filter(pc.invert(named)).cast(REJECTS_SCHEMA), out / REJECTS)
    facts, own = dict(old.outcome), ("rows", "metrics", "verdict", "reason", "quarantined")
    erased = _rows_written(work, folder / PART, out) if (folder / PART).exists() else 0
    metrics = dict(facts["metrics"])
    metrics[ERASED] = metrics.get(ERASED, 0.0) + erased
    return StageOutcome(
        rows=facts["rows"] - erased,
        metrics=metrics,
        verdict=facts["verdict"],
        reason=facts["reason"],
        quarantined=facts["quarantined"],
        details={name: value for name, value in facts.items() if name not in own},
    )


def _rows_written(work: Work, path: Path, out: Path) -> int:
    """Write the rows of entities that were not erased; returns how many others there were."""
    declared = list(work.pipeline.table.column_names())
    erased = ErasedRows.of(work.store, work.pipeline, joined)
    writer = DayWriter(work.pipeline, work.day, out)
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        for batch in file.iter_batches(columns=declared):
            writer.add(erased.without(pa.Table.from_batches([batch])))
    writer.close()
    return erased.rows
