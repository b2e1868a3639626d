"""What scoring a day costs beside reading its features and writing scores alone.

Run: ``python tests/benchmarks/bench_score.py [rows [hidden ...]]``. A day of features of card fraud is published, and a
network of dense layers for each width (64, and the 500 of the declaration). Each is scored as the stage does it; the
floor reads the same columns and writes the same table with a constant score. Prints rows/s, CPU-seconds, their ratio
to the floor, peak memory, and the CPU-seconds of the matrix products alone.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from pipelines.core.store import Store
from pipelines.protocol import perform, stage_named
from pipelines.shared.scoring.dense import CHUNK_ROWS, open_scorer
from pipelines.shared.tables.schema import GROUP_ROWS
from pipelines.shared.tables.values import column_values, table_rows
from pipelines.stages.score.score_rows import ranges_of
from pipelines.stages.score.scored_table import constant, write_options
from tests.benchmarks.measuring import measured
from tests.pipelines.made_models import FRAUD, publish, work_on
from tests.pipelines.stages.score.scored_days import (
    DAY,
    EARLY,
    NAMES,
    WITHOUT_ALERTS,
    features,
    publish_dense,
    register,
)

SCORE, FLOOR, MAKE = "score", "floor", "make"
KEYS = (FRAUD.table.row_id, FRAUD.table.event_time, "customer_id", "terminal_id")


def make(root, rows, widths):
    """Publish a day of so many rows, a network of each width, and the registry."""
    _, work = work_on("featurize", root)
    validated = publish(
        root,
        "validate",
        work.on(DAY),
        lambda out: (out / "part-0.parquet").write_text(""),
        outcome={"verdict": "accepted"},
    )

    def write(out):
        schema = features(DAY, 1).schema
        with pq.ParquetWriter(
            out / "part-0.parquet", schema, **write_options(schema)
        ) as writer:
            for first in range(0, rows, GROUP_ROWS):
                count = min(GROUP_ROWS, rows - first)
                writer.write_table(features(DAY, count, first // GROUP_ROWS + 1), GROUP_ROWS)

    inputs = {f"validated/ds={DAY}": validated.content}
    publish(root, "featurize", work.on(DAY), write, outcome={"rows": rows}, inputs=inputs)
    models = [
        publish_dense(root, as_of=EARLY, seed=n, units=units, decision=WITHOUT_ALERTS)
        for n, units in enumerate(widths)
    ]
    register(root, *models)


def score(root, version):
    """The stage's own work."""
    _, work = work_on("score", root, options={"version": str(version)})
    perform(stage_named("score"), work.on(DAY))


def floor(root):
    """Read the same columns as the stage, and write its table with a constant score."""
    _, work = work_on("featurize", root)
    store = Store(str(root))
    path = store.open(store.find(work.on(DAY).partition_ref("features"))) / "part-0.parquet"
    out = Path(tempfile.mkdtemp(dir=root))
    for number, (first, rows) in enumerate(ranges_of(path)):
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = table_rows(file, first, rows, [*KEYS, *NAMES])
        for name in NAMES:
            column_values(np, table[name], "number")
        score = pa.array(np.full(rows, 0.5, np.float32))
        columns = {name: table[name] for name in KEYS} | {
            "score": score,
            "probability": score,
            "decision": pa.array(np.zeros(rows, bool)),
            "model_version": pa.array(np.ones(rows, np.int32)),
            "model_digest": constant("a" * 64, rows),
            "features_digest": constant("b" * 64, rows),
        }
        whole = pa.table(columns).replace_schema_metadata(None)
        pq.write_table(
            whole,
            out / f"part-{number:05d}.parquet",
            row_group_size=GROUP_ROWS,
            **write_options(whole.schema),
        )


def products(root, version, rows):
    """CPU-seconds of a network's matrix products alone, in chunks of the same size."""
    _, work = work_on("train", root, as_of=EARLY)
    ref = work.model_ref("models")
    key = ref.key.partition("/")[0]
    store = Store(str(root))
    model = store.find(type(ref)(ref.pipeline, ref.dataset, f"{key}/seed={version - 1}"))
    layers = open_scorer(store.open(model)).layers
    values = [np.ones((CHUNK_ROWS, layer.kernel.shape[0])) for layer in layers]
    # More threads wait for one another by spinning, on the same clock.
    with threadpool_limits(1):
        began = time.process_time()
        for _ in range(-(-rows // CHUNK_ROWS)):
            for x, layer in zip(values, layers, strict=True):
                x @ layer.kernel
        return time.process_time() - began


def main(rows, widths):
    """Measure each network and the floor, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, __file__]
        numbers = [str(rows), *map(str, widths)]
        measured([*argv, MAKE, folder, *numbers])
        bottom = measured([*argv, FLOOR, folder])
        idle = measured([*argv, FLOOR, "", "imports"])
        _print("floor", rows, bottom, bottom, idle)
        for version, units in enumerate(widths, start=1):
            used = measured([*argv, SCORE, folder, str(version)])
            line = {"products_cpu_s": round(products(Path(folder), version, rows), 2)}
            _print(f"{units} hidden", rows, used, bottom, idle, **line)


def _print(name, rows, used, bottom, idle, **more):
    """A line of figures, without what starting Python and its imports cost."""
    own, least = used.cpu_s - idle.cpu_s, bottom.cpu_s - idle.cpu_s
    line = {
        "work": name,
        "rows": rows,
        "cpu_s": round(own, 2),
        "of_the_floor": round(own / least, 2),
        "rows_per_cpu_s": round(rows / own),
        "rows_per_s": round(rows / max(used.wall_s - idle.wall_s, 1e-9)),
        "peak_mib": used.peak_bytes >> 20,
    }
    print(json.dumps(line | more), flush=True)


if __name__ == "__main__":
    what, *given = sys.argv[1:] or ["2000000"]
    if what == MAKE:
        make(Path(given[0]), int(given[1]), [int(each) for each in given[2:]])
    elif what == SCORE:
        score(Path(given[0]), int(given[1]))
    elif what == FLOOR:
        floor(Path(given[0])) if given[0] else None
    else:
        main(int(what), [int(each) for each in given] or [64, 500])
