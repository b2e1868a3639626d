"""Days of card transactions made for a test, and the work that a stage does on them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from pipelines.core.events import Reporter
from pipelines.core.store import Store
from pipelines.protocol import Result, Work, perform, stage_named
from pipelines.shared.tables import ROW
from pipelines.shared.tables.schema import table_schema
from pipelines.spec import Pipeline, Source, load

DAY = "2018-04-01"
HANDBOOK = Path(__file__).parents[5] / "shared" / "data" / "handbook"


def transactions(rows: int = 200, seed: int = 0, day: str = DAY) -> pa.Table:
    """Good rows as a source delivers them: upper-case names, order of time."""
    rng = np.random.default_rng(seed)
    second = np.sort(rng.integers(0, 86_400, rows)).astype("timedelta64[s]")
    return pa.table(
        {
            "TRANSACTION_ID": np.arange(rows),
            "TX_DATETIME": pa.array(np.datetime64(day, "us") + second),
            "CUSTOMER_ID": rng.integers(0, rows // 3 + 1, rows),
            "TERMINAL_ID": rng.integers(0, rows // 5 + 1, rows),
            "TX_AMOUNT": rng.integers(0, 50_000, rows) / 100,
            "TX_FRAUD": (rng.random(rows) < 0.05).astype(np.int64),
        }
    )


def canonical(rows: int = 200, seed: int = 0) -> pa.Table:
    """The same rows as ingest writes them."""
    table = transactions(rows, seed)
    named = table.rename_columns([name.lower() for name in table.column_names])
    numbered = named.append_column(ROW, pa.array(np.arange(rows)))
    return numbered.cast(table_schema(load("fraud_detection").table))


def with_column(table: pa.Table, name: str, values: object) -> pa.Table:
    """The table with one column replaced."""
    return table.set_column(table.column_names.index(name), name, values)


def write_source(root: Path, table: pa.Table, name: str = "part-0.parquet") -> Path:
    """Write a day's file below the source root, by the end of its name."""
    path = root / f"ds={DAY}" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith(".csv"):
        arrow_csv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    return path


def csv_pipeline() -> Pipeline:
    """Card fraud with a CSV source, plain or gzipped."""
    pipeline = load("fraud_detection")
    source = Source(path="ds={day}/*.csv*", format="csv")
    return replace(pipeline, tables=(replace(pipeline.table, source=source),))


def work_on(
    stage: str, store: Path, source: Path | str | None, pipeline: Pipeline | None = None
) -> Work:
    """A stage's work on the day."""
    return Work(
        pipeline=pipeline or load("fraud_detection"),
        store=Store(str(store)),
        report=Reporter(f"{stage} ds={DAY}"),
        partition=DAY,
        source=None if source is None else str(source),
        history_from=DAY,
    )


def done(
    stage: str, store: Path, source: Path | str | None = None, pipeline: Pipeline | None = None
) -> Result:
    """The result of a stage for the day."""
    return perform(stage_named(stage), work_on(stage, store, source, pipeline))


def published(store: Path, dataset: str) -> Path:
    """Folder of the day's published version."""
    work = work_on("", store, None)
    manifest = work.find(work.partition_ref(dataset))
    assert manifest is not None
    return work.store.open(manifest)
