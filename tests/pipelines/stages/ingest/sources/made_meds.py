"""Small MEDS datasets, and a pipeline that reads one."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.core.events import Reporter
from pipelines.core.store import Store
from pipelines.protocol import Work, perform, stage_named
from pipelines.spec import Column, Label, Meds, Pipeline, Table, load
from pipelines.stages.ingest.formats.meds import read_meds
from pipelines.stages.ingest.reading import Read
from pipelines.stages.ingest.sources.locate import SourceFile

TYPES = {
    "subject_id": pa.int64(),
    "time": pa.timestamp("us"),
    "code": pa.string(),
    "numeric_value": pa.float32(),
    "text_value": pa.large_string(),
}
EVENT_COLUMNS = (
    Column("event_id", "integer"),
    Column("repeat", "integer"),
    Column("subject_id", "integer"),
    Column("time", "timestamp"),
    Column("code", "text", nullable=True),
    Column("numeric_value", "number", nullable=True),
    Column("text_value", "text", nullable=True),
)
PEOPLE_COLUMNS = (
    Column("subject_id", "integer"),
    Column("born", "timestamp", source_name="MEDS_BIRTH", nullable=True),
    Column("sex", "text", source_name="GENDER//", nullable=True),
    Column("height", "number", source_name="HEIGHT", nullable=True),
    Column("died", "flag", source_name="MEDS_DEATH"),
)


def at(text):
    return None if text is None else datetime.fromisoformat(text)


def rows(*each, **types):
    """Rows of a dataset, from tuples of subject, time, code, number and text, the last two at will."""
    filled = [(*row, None, None)[:5] for row in each]
    columns = list(zip(*filled, strict=True)) or [()] * 5
    columns[1] = [at(text) for text in columns[1]]
    kinds = TYPES | types
    return pa.table(
        {
            name: pa.array(values, kinds[name])
            for name, values in zip(TYPES, columns, strict=True)
        }
    )


def write(root: Path, **files: pa.Table) -> Path:
    """A dataset of some files, by the names of their shards (``train_0`` is ``data/train/0.parquet``)."""
    for name, table in files.items():
        path = root / "data" / f"{name.replace('_', '/')}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
    return root


def dataset_pipeline(events=EVENT_COLUMNS, people=PEOPLE_COLUMNS, **source) -> Pipeline:
    """The fraud pipeline with events by the year, and static people, of one dataset."""
    fraud = load("fraud_detection")
    flag = Column("tx_fraud", "flag", nullable=True)
    made = fraud.table
    return replace(
        fraud,
        name="records",
        tables=(
            replace(made, columns=(*made.columns[:-1], flag)),
            Table(
                "events",
                events,
                row_id="event_id",
                event_time="time",
                source=Meds(**source),
                grain="year",
            ),
            Table(
                "people", people, row_id="subject_id", event_time=None, source=Meds(**source)
            ),
        ),
        label=Label("tx_fraud", known_after_days=7),
    )


def ingested(source: Path, store: Path, table: str, key: str, pipeline: Pipeline) -> pa.Table:
    """Rows of a table's partition as ingest publishes them."""
    work = Work(
        pipeline=pipeline,
        store=Store(f"file://{store}"),
        report=Reporter("ingest"),
        partition="2020-01-01",
        source=str(source),
        history_from="2020-01-01",
    ).of_table(table, key)
    perform(stage_named("ingest"), work)
    manifest = work.find(work.partition_ref("ingested"))
    return pq.read_table(work.store.open(manifest) / "part-0.parquet")


def read_files(root: Path, table: Table) -> pa.Table:
    """The rows of a table in the files of a dataset, as its reader gives them."""
    read = []
    for path in sorted(root.glob("data/**/*.parquet")):
        of = Read(SourceFile(path.name, str(path)), table, "")
        read += [block for block, _ in read_meds(path, of)]
    return pa.concat_tables(read)
