"""Peak memory of ``preprocess`` and of each of its workers, as the rows grow.

Run: ``python tests/benchmarks/bench_preprocess_memory.py [rows ...]``; 20 and 100 million by default.
Features of thirty days are published, with the program of ``bench_preprocess.py``; then the stage runs on
them in a process of its own, which starts a worker process a core, as it does above its in-process
limit. Prints one JSON line a size: peaks are the kernel's high-water marks of the largest worker and
of the stage's own process, CPU-seconds those of them all. 100 million rows take 9 GB of disk.
"""

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from pipelines.core.days import shift
from pipelines.core.events import Reporter
from pipelines.core.store import Store
from pipelines.protocol import Plan, StageOutcome, Work, perform, publish_work, stage_named
from pipelines.spec import Column, Entity, Label, Split, Table, load, require_valid
from tests.benchmarks.measuring import measured
from tests.benchmarks.preprocess_data import DAYS, WORDS, day_table, features

FIRST = "2026-01-01"
NUMBERS = ("amount", "score", "distance", "hour", "weekday")
TYPES = {"event": "integer", "at": "timestamp"} | dict.fromkeys(NUMBERS, "number")
TYPES |= {"customer": "integer", "terminal": "integer", "label": "flag"}
TYPES |= dict.fromkeys(WORDS, "text")
KNOWN_AFTER_DAYS = 1


def pipeline():
    columns = tuple(
        Column(name, kind, nullable=name == "score") for name, kind in TYPES.items()
    )
    return require_valid(
        replace(
            load("fraud_detection"),
            tables=(Table("transactions", columns, row_id="event", event_time="at"),),
            entities=(Entity("customer", "customer"), Entity("terminal", "terminal")),
            label=Label("label", known_after_days=KNOWN_AFTER_DAYS),
            features=features(),
            split=Split(train_days=DAYS - 8, gap_days=1, test_days=7),
        )
    )


def work_on(root, **given):
    report = Reporter("benchmark", sink=lambda event: None)
    return Work(
        pipeline=pipeline(), store=Store(str(root)), report=report, history_from=FIRST, **given
    )


def publish_features(root, number, rows):
    """A day's features as ``featurize`` leaves them."""
    import pyarrow as pa

    from pipelines.shared.tables.schema import write_table

    work = work_on(root, partition=shift(FIRST, number))
    table = day_table(number, rows)
    at = pa.array([0] * rows, pa.timestamp("us"))

    def make(out):
        write_table(table.append_column("at", at), out / "part-0.parquet")
        facts = {"rows": rows, "positives": int(table["label"].to_numpy().sum())}
        (out / "statistics.json").write_text(json.dumps(facts))
        return StageOutcome(rows=rows)

    ref, nothing = work.partition_ref("features"), Plan(inputs={}, config={}, code={})
    with work.store.lock(ref):
        publish_work(work, "featurize", ref, nothing, make)


def preprocess(root):
    work = work_on(root, as_of=shift(FIRST, DAYS + KNOWN_AFTER_DAYS))
    options = {"in_process_below_rows": 0}
    perform(stage_named("preprocess"), replace(work, options=options))


def main(sizes):
    """One run a size."""
    for rows in sizes:
        with tempfile.TemporaryDirectory(prefix="bench-preprocess-memory-") as folder:
            for number in range(DAYS):
                publish_features(folder, number, rows // DAYS)
            used = measured([sys.executable, __file__, "preprocess", folder])
        line = {"rows": rows, "cpu_s": round(used.cpu_s, 1)}
        line |= {"worker_peak_mib": used.started_bytes >> 20}
        print(json.dumps(line | {"stage_peak_mib": used.own_bytes >> 20}), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["preprocess"]:
        preprocess(Path(sys.argv[2]))
    else:
        main([int(rows) for rows in sys.argv[1:]] or [20_000_000, 100_000_000])
