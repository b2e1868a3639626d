"""Peak memory of a worker that computes windows, as the history grows.

Run: ``python tests/benchmarks/bench_window_memory.py [rows ...]``; 20 and 100 million by default.
The rows are thirty days of two entities; buckets are chosen so that one holds a million rows over
the look-back, as docs/features.md says. The worker is a process of its own that runs a day's
tasks one after another. Prints one JSON line a size: rows read by CPU-second, peak memory.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from pipelines.features.bucket import BucketTask, HistoryFile, run_bucket
from pipelines.features.program import programs_of
from pipelines.memory import peak_memory_bytes
from pipelines.spec import Trailing
from pipelines.tables.history import history_name
from tests.pipelines.features.validated import DAY_S, day_table, small_pipeline
from tests.pipelines.tables.histories import write_histories

DAYS = 30
FEATURES = (
    Trailing(
        "customer", ("count", "mean", "max", "last"), (1, 7, DAYS - 1), column="tx_amount"
    ),
    Trailing("customer", ("distinct",), (1, 7), column="terminal_id"),
    Trailing("terminal", ("count", "rate"), (1, 7, 20), column="tx_fraud", delay_days=7),
)


def pipeline_of(rows):
    return small_pipeline(features=FEATURES, buckets=max(1, rows // 1_000_000))


def write(root, rows):
    """A history of each entity and day."""
    pipeline, rng, a_day = pipeline_of(rows), np.random.default_rng(0), rows // DAYS
    for day in range(DAYS):
        second = np.sort(rng.integers(0, DAY_S, a_day)) + day * DAY_S
        columns = {
            "transaction_id": day * a_day + np.arange(a_day),
            "tx_datetime": (second * 1_000_000).astype("datetime64[us]"),
            "customer_id": rng.integers(0, max(1, rows // 100), a_day),
            "terminal_id": rng.integers(0, max(1, rows // 1000), a_day),
            "tx_amount": rng.integers(0, 30_000, a_day) / 100,
            "tx_fraud": (rng.random(a_day) < 0.01).astype(np.int64),
        }
        (root / str(day)).mkdir()
        write_histories(day_table(pipeline, columns), pipeline, root / str(day))


def worker(root, rows):
    """Run the last day's tasks, and tell what they took."""
    pipeline, started, read = pipeline_of(rows), time.process_time(), 0
    for program in programs_of(pipeline):
        paths = [root / str(day) / history_name(program.entity) for day in range(DAYS)]
        earlier = [
            HistoryFile(str(path), back)
            for path, back in zip(paths[:-1], range(DAYS - 1, 0, -1), strict=True)
            if program.reads(back)
        ]
        for bucket in range(pipeline.buckets):
            task = BucketTask(program, bucket, tuple(earlier), str(paths[-1]), "numpy")
            read += run_bucket(task).rows_read
    told = {"rows": rows, "buckets": pipeline.buckets, "rows_read": read}
    told["rows_read_per_cpu_s"] = round(read / (time.process_time() - started))
    print(json.dumps(told | {"peak_memory_mib": peak_memory_bytes() >> 20}), flush=True)


def main(sizes):
    """One worker a size."""
    for rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), rows)
            command = [sys.executable, __file__, "worker", folder, str(rows)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        worker(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main([int(rows) for rows in sys.argv[1:]] or [20_000_000, 100_000_000])
