"""Our trailing windows beside Polars', DuckDB's and pandas', on the same rows, one thread each.

Run: ``python tests/benchmarks/bench_windows.py [rows]``. Prints one JSON line an engine and set of
aggregates: rows per CPU-second, and the ratio to ours. Every row asks over three spans, in the
entity order it came in; each engine's sort is part of its time. All must agree, which is checked:
exactly, but for pandas, whose running sums of floats are rounded.
"""

import json
import os
import sys
import time

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import numpy as np

from pipelines.stages.featurize.entity_program import (
    DAY_S,
    EntityProgram,
    HistoryColumn,
    TrailingWindow,
)
from pipelines.stages.featurize.windows import trailing

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


SETS = {"sums": ("count", "sum"), "latest": ("min", "max", "last", "distinct")}


def ours(entity, time_s, cents, aggregates):
    names = tuple(f"{a}{d}" for d in SPANS_DAYS for a in aggregates)
    spans = tuple(d * DAY_S for d in SPANS_DAYS)
    window = TrailingWindow(names, aggregates, spans, 0, HistoryColumn("cents", 1), None)
    program = EntityProgram("entity", (window,))
    return trailing(np, program, {"cents": cents}, entity, time_s, len(entity))


def pandas_rolling(entity, time_s, cents, aggregates):
    import pandas as pd

    frame = pd.DataFrame(
        {"entity": entity, "time": time_s.astype("datetime64[s]"), "cents": cents.astype(float)}
    )
    frame["row"] = np.arange(len(frame))
    frame = frame.sort_values(["entity", "time"], kind="stable").set_index("time")
    out, columns = np.empty((len(frame), len(aggregates) * len(SPANS_DAYS))), iter(range(99))
    for days in SPANS_DAYS:
        rolling = frame.groupby("entity")["cents"].rolling(f"{days}D")
        for aggregate in aggregates:
            out[frame["row"], next(columns)] = getattr(rolling, aggregate)().to_numpy()
    return out


def polars_rolling(entity, time_s, cents, aggregates):
    import polars as pl

    cents_of = pl.col("cents")
    made = {"count": pl.len(), "distinct": cents_of.n_unique()}
    made |= {name: getattr(cents_of, name)() for name in ("sum", "min", "max", "last")}
    frame = pl.DataFrame({"entity": entity, "time": time_s, "cents": cents})
    frame = frame.with_row_index("row").sort("entity", "time")
    out, columns = np.empty((len(frame), len(aggregates) * len(SPANS_DAYS))), iter(range(99))
    row = frame["row"].to_numpy()
    for days in SPANS_DAYS:
        rolling = frame.rolling("time", period=f"{days * DAY_S}i", group_by="entity")
        found = rolling.agg(**{name: made[name] for name in aggregates})
        for aggregate in aggregates:
            out[row, next(columns)] = found[aggregate].to_numpy()
    return out


def duckdb_windows(entity, time_s, cents, aggregates):
    import duckdb
    import pyarrow as pa

    rows = pa.table(
        {"row": np.arange(len(entity)), "entity": entity, "time": time_s, "v": cents}
    )
    made = {"count": "count(*)", "distinct": "count(DISTINCT v)", "last": "last_value(v)"}
    made |= {name: f"{name}(v)" for name in ("sum", "min", "max")}
    asked = [
        f"{made[name]} OVER w{days} AS {name}{days}"
        for days in SPANS_DAYS
        for name in aggregates
    ]
    spans = [
        f"w{days} AS (PARTITION BY entity ORDER BY time "
        f"RANGE BETWEEN {days * DAY_S - 1} PRECEDING AND CURRENT ROW)"
        for days in SPANS_DAYS
    ]
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("rows", rows)
        query = f"SELECT row, {', '.join(asked)} FROM rows WINDOW {', '.join(spans)}"
        found = connection.sql(query).to_arrow_table()
    row, *columns = (column.to_numpy() for column in found.columns)
    out = np.empty((len(entity), len(columns)))
    for nth, column in enumerate(columns):
        out[row, nth] = column
    return out


def cpu_seconds(function, rows, aggregates, repeats):
    best = float("inf")
    for _ in range(repeats):
        started = time.process_time()
        found = function(*rows, aggregates)
        best = min(best, time.process_time() - started)
    return best, found


def main(n_rows):
    """Measure every engine on the same rows, ours first."""
    rows = rows_of(n_rows)
    for kind, aggregates in SETS.items():
        reference, base = None, None
        engines = [
            ("ours", ours, 5),
            ("polars", polars_rolling, 3),
            ("duckdb", duckdb_windows, 2),
        ]
        # pandas has no rolling number of different values.
        engines += [("pandas", pandas_rolling, 2)] if kind == "sums" else []
        for name, function, repeats in engines:
            seconds, found = cpu_seconds(function, rows, aggregates, repeats)
            reference = found if reference is None else reference
            np.testing.assert_allclose(found, reference, rtol=1e-9 if name == "pandas" else 0)
            base = base or seconds
            line = {"aggregates": kind, "engine": name, "rows": len(rows[0])}
            line |= {"rows_per_cpu_s": round(len(rows[0]) / seconds)}
            print(
                json.dumps(line | {"ours_is_times_faster": round(seconds / base, 2)}),
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
