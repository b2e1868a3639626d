"""Peak memory of ``featurize`` and of the workers that compute windows, as the history grows.

Run: ``python tests/benchmarks/bench_window_memory.py [rows ...]``; 20 and 100 million by default.
The rows are thirty days of two entities; buckets are chosen so that one holds a million rows over
the look-back, as docs/features.md says. The stage makes the last day in a process of its own, which
starts a worker process a core, or one a GPU where there are any. Prints one JSON line a size: peaks
are the kernel's high-water marks of the largest worker and of the stage's own process, CPU-seconds
those of them all.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from pipelines.core.days import shift
from pipelines.protocol import perform, stage_named
from pipelines.spec import Trailing
from tests.benchmarks.measuring import measured
from tests.pipelines.stages.featurize.validated import (
    DAY_S,
    FIRST,
    day_table,
    publish_validated,
    small_pipeline,
    work_on,
)

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


def publish(root, rows):
    """Thirty validated days, with a history of each entity."""
    pipeline, rng, a_day = pipeline_of(rows), np.random.default_rng(0), rows // DAYS
    for number in range(DAYS):
        day = shift(FIRST, number)
        second = np.sort(rng.integers(0, DAY_S, a_day)).astype("m8[s]")
        columns = {
            "transaction_id": number * a_day + np.arange(a_day),
            "tx_datetime": np.datetime64(day, "us") + second,
            "customer_id": rng.integers(0, max(1, rows // 100), a_day),
            "terminal_id": rng.integers(0, max(1, rows // 1000), a_day),
            "tx_amount": rng.integers(0, 30_000, a_day) / 100,
            "tx_fraud": (rng.random(a_day) < 0.01).astype(np.int64),
        }
        work = work_on(pipeline, root, partition=day)
        publish_validated(work, day, day_table(pipeline, columns))


def featurize(root, rows):
    """Make the last day."""
    options = {"in_process_below_rows": 0}
    work = work_on(pipeline_of(rows), root, partition=shift(FIRST, DAYS - 1), options=options)
    perform(stage_named("featurize"), work, reach=False)


def main(sizes):
    """One run a size."""
    for rows in sizes:
        with tempfile.TemporaryDirectory(prefix="bench-window-memory-") as folder:
            publish(folder, rows)
            used = measured([sys.executable, __file__, "featurize", folder, str(rows)])
        line = {"rows": rows, "buckets": pipeline_of(rows).buckets}
        line |= {"cpu_s": round(used.cpu_s, 1), "wall_s": round(used.wall_s, 1)}
        line |= {"worker_peak_mib": used.started_bytes >> 20}
        print(json.dumps(line | {"stage_peak_mib": used.own_bytes >> 20}), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["featurize"]:
        featurize(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main([int(rows) for rows in sys.argv[1:]] or [20_000_000, 100_000_000])
