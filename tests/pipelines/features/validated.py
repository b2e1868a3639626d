"""Validated days as the contract lays them out, published without judging anything."""

import numpy as np
import pyarrow as pa

from pipelines.events import Reporter
from pipelines.stages import ACCEPTED, REFUSED, Work
from pipelines.store import Manifest, Store, describe_files, digest_of
from pipelines.tables import ROW
from pipelines.tables.history import write_histories
from pipelines.tables.schema import table_schema, write_table


def work_on(pipeline, root, history_from, **given):
    """Work on a store below a folder; say ``partition`` or ``as_of``."""
    name = given.get("partition") or given.get("as_of")
    return Work(
        pipeline=pipeline,
        store=Store(str(root)),
        report=Reporter(f"work {name}", sink=lambda event: None),
        history_from=history_from,
        **given,
    )


def day_table(pipeline, columns):
    """A day's good rows: declared columns in declared order, then ``_row``."""
    rows = len(next(iter(columns.values())))
    return pa.table(columns | {ROW: np.arange(rows)}).select(
        table_schema(pipeline.table).names
    ).cast(table_schema(pipeline.table))


def publish_validated(work, day, table):
    """Publish a day as validate does; None for a refused one. The digest follows the rows."""
    ref = work.partition_ref("validated", day)
    verdict = REFUSED if table is None else ACCEPTED
    digest = digest_of([day, verdict, str(table and table.to_pydict())])
    with work.store.lock(ref), work.store.aside(ref, digest) as out:
        if table is not None:
            write_table(table, out / "part-0.parquet")
            write_histories(table, work.pipeline, out)
        outcome = {"rows": table.num_rows if table else 0, "metrics": {}, "verdict": verdict}
        outcome |= {"reason": "" if table else "for a test", "quarantined": {}}
        files = describe_files(out, ())
        manifest = Manifest(
            pipeline=ref.pipeline,
            dataset=ref.dataset,
            key=ref.key,
            stage="validate",
            digest=digest,
            inputs={},
            config={},
            code={},
            content=digest_of({"files": files, "outcome": outcome}),
            files=files,
            outcome=outcome,
        )
        work.store.publish(out, manifest)
    return manifest
