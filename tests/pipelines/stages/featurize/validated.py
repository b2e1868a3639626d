"""A small pipeline and its validated days, published as the contract lays them out."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from pipelines.core.days import days_between, parse_day, shift
from pipelines.core.events import Reporter
from pipelines.core.store import Manifest, Store, describe_files, digest_of
from pipelines.protocol import ACCEPTED, REFUSED, Work
from pipelines.shared.tables import ROW
from pipelines.shared.tables.schema import table_schema, write_table
from pipelines.spec import (
    Entity,
    Label,
    Night,
    Numeric,
    Split,
    Trailing,
    Weekend,
    load,
    require_valid,
)
from pipelines.stages.ingest.values.composites import with_composites
from tests.pipelines.shared.tables.histories import write_histories

FIRST = "2026-01-01"
DAY_S = 86_400


def small_pipeline(**given):
    """Card fraud with windows of one and two days and labels known after one: 3 days back."""
    changed = {
        "entities": (Entity("customer", "customer_id"), Entity("terminal", "terminal_id")),
        "features": (
            Numeric("tx_amount"),
            Weekend("tx_datetime"),
            Night("tx_datetime"),
            Trailing("customer", ("count", "mean", "sum"), (1, 2), column="tx_amount"),
            Trailing("terminal", ("count", "rate"), (1, 2), column="tx_fraud", delay_days=1),
            Trailing(
                "terminal",
                ("mean",),
                (1,),
                column="tx_amount",
                delay_days=1,
                where=("tx_fraud", 0),
            ),
        ),
        "label": Label("tx_fraud", known_after_days=1),
        "split": Split(train_days=3, gap_days=1, test_days=2),
        "buckets": 3,
    }
    return require_valid(replace(load("fraud_detection"), **changed | given))


def work_on(pipeline, root, history_from=FIRST, **given):
    """Work on a store below a folder; say ``partition`` or ``as_of``."""
    name = given.get("partition") or given.get("as_of")
    return Work(
        pipeline=pipeline,
        store=Store(str(root)),
        report=Reporter(f"work {name}", sink=lambda event: None),
        history_from=history_from,
        **given,
    )


def rows_of(pipeline, day, n_rows=60, seed=0, **changed):
    """A day of few customers at few seconds, so that ties and repeats are common."""
    rng = np.random.default_rng([seed, parse_day(day).toordinal()])
    start_s = (parse_day(day) - parse_day("1970-01-01")).days * DAY_S
    second = np.sort(rng.integers(0, 48, n_rows)) * 1800
    columns = {
        "transaction_id": parse_day(day).toordinal() * 1000 + np.arange(n_rows),
        "tx_datetime": ((start_s + second) * 1_000_000).astype("datetime64[us]"),
        "customer_id": rng.integers(0, 9, n_rows),
        "terminal_id": rng.integers(0, 5, n_rows),
        "tx_amount": rng.integers(0, 30_000, n_rows) / 100,
        "tx_fraud": (rng.random(n_rows) < 0.2).astype(np.int64),
    }
    return day_table(pipeline, columns | changed)


def day_table(pipeline, columns):
    """A day's good rows: declared columns in declared order, composites, then ``_row``."""
    schema = table_schema(pipeline.stored)
    rows = with_composites(pa.table(columns), pipeline.composites())
    return (
        rows.append_column(ROW, pa.array(np.arange(rows.num_rows)))
        .select(schema.names)
        .cast(schema)
    )


def publish_validated(work, day, table):
    """Publish a day as validate does; None for a refused one."""
    ref = work.partition_ref("validated", day)
    with work.store.lock(ref), work.store.staging(ref, digest_of(day)) as out:
        if table is not None:
            write_table(table, out / "part-0.parquet")
            write_histories(table, work.pipeline, out)
        files = describe_files(out, ())
        outcome = {
            "rows": table.num_rows if table is not None else 0,
            "metrics": {},
            "verdict": REFUSED if table is None else ACCEPTED,
            "reason": "for a test" if table is None else "",
            "quarantined": {},
        }
        content = digest_of({"files": files, "outcome": outcome})
        named = {"pipeline": ref.pipeline, "dataset": ref.dataset, "key": ref.key}
        made = {"stage": "validate", "digest": content, "content": content}
        empty = {"inputs": {}, "config": {}, "code": {}}
        manifest = Manifest(**named, **made, **empty, files=files, outcome=outcome)
        work.store.publish(out, manifest)


def publish_days(pipeline, root, n_days, **given):
    """Validated days from ``FIRST`` on; hands back their names."""
    days = days_between(FIRST, shift(FIRST, n_days - 1))
    for day in days:
        publish_validated(
            work_on(pipeline, root, partition=day), day, rows_of(pipeline, day, **given)
        )
    return days
