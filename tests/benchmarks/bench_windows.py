"""Our trailing windows beside pandas' and Polars', on the same rows, one thread each.

Run: ``python tests/benchmarks/bench_windows.py [rows]``. Prints one JSON line an engine: rows per
CPU-second, and the ratio to ours. Every row asks for count and sum over three spans, in the
entity order it came in; each engine's sort is part of its time. All three must agree exactly.
"""

import json
import os
import sys
import time

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import numpy as np

from pipelines.features.program import DAY_S, EntityProgram, Source, Window
from pipelines.features.windows import trailing

SPANS_DAYS = (1, 7, 30)
SPAN_DAYS, ROWS_PER_ENTITY = 38, 100


def rows_of(n_rows, seed=0):
    """Distinct times within an entity: pandas and Polars see only some of a row's ties."""
    rng = np.random.default_rng(seed)
    entity = rng.integers(0, max(1, n_rows // ROWS_PER_ENTITY), n_rows)
    time_s = np.sort(rng.choice(SPAN_DAYS * DAY_S * 4, n_rows, replace=n_rows > 10**7)) // 4
    pairs = np.unique(np.stack([entity, time_s]), axis=1)
    entity, time_s = pairs[:, rng.permutation(pairs.shape[1])]
    order = np.argsort(time_s, kind="stable")
    return entity[order], time_s[order], rng.integers(1, 50_000, len(order))


def ours(entity, time_s, cents):
    names = tuple(f"{a}{d}" for d in SPANS_DAYS for a in ("count", "sum"))
    spans = tuple(d * DAY_S for d in SPANS_DAYS)
    window = Window(names, ("count", "sum"), spans, 0, Source("cents", 1), None)
    program = EntityProgram("entity", (window,))
    return trailing(np, program, {"cents": cents}, entity, time_s, len(entity))


def pandas_rolling(entity, time_s, cents):
    import pandas as pd

    frame = pd.DataFrame(
        {"entity": entity, "time": time_s.astype("datetime64[s]"), "cents": cents.astype(float)}
    )
    frame["row"] = np.arange(len(frame))
    frame = frame.sort_values(["entity", "time"], kind="stable").set_index("time")
    out = np.empty((len(frame), 2 * len(SPANS_DAYS)))
    for nth, days in enumerate(SPANS_DAYS):
        rolling = frame.groupby("entity")["cents"].rolling(f"{days}D")
        out[frame["row"], 2 * nth] = rolling.count().to_numpy()
        out[frame["row"], 2 * nth + 1] = rolling.sum().to_numpy()
    return out


def polars_rolling(entity, time_s, cents):
    import polars as pl

    frame = pl.DataFrame({"entity": entity, "time": time_s, "cents": cents})
    frame = frame.with_row_index("row").sort("entity", "time")
    out = np.empty((len(frame), 2 * len(SPANS_DAYS)))
    row = frame["row"].to_numpy()
    for nth, days in enumerate(SPANS_DAYS):
        rolling = frame.rolling("time", period=f"{days * DAY_S}i", group_by="entity")
        found = rolling.agg(count=pl.len(), sum=pl.col("cents").sum())
        out[row, 2 * nth], out[row, 2 * nth + 1] = found["count"], found["sum"]
    return out


def cpu_seconds(function, rows, repeats):
    best = float("inf")
    for _ in range(repeats):
        started = time.process_time()
        found = function(*rows)
        best = min(best, time.process_time() - started)
    return best, found


def main(n_rows):
    """Measure every engine on the same rows, ours first."""
    rows = rows_of(n_rows)
    n_rows, reference, base = len(rows[0]), None, None
    for name, function, repeats in (
        ("ours", ours, 5),
        ("polars", polars_rolling, 3),
        ("pandas", pandas_rolling, 1),
    ):
        seconds, found = cpu_seconds(function, rows, repeats)
        reference = found if reference is None else reference
        # pandas sums floats in a running total: equal but for its rounding.
        np.testing.assert_allclose(found, reference, rtol=1e-9)
        base = base or seconds
        print(
            json.dumps(
                {
                    "engine": name,
                    "rows": n_rows,
                    "rows_per_cpu_s": round(n_rows / seconds),
                    "ours_is_times_faster": round(seconds / base, 2),
                }
            )
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
