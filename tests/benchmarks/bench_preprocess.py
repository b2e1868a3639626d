"""Fit and transform beside the bytes' own cost, DuckDB, Polars and dask.dataframe, on the same rows.

Run: ``python tests/benchmarks/bench_preprocess.py [million rows, 20] [engine ...]``. Prints one JSON
line an engine: rows per CPU-second of its whole process tree, wall time, the largest process's
peak memory, and CPU per row beside ours. ``ours`` is what the stage does: statistics of every
piece, merged, then row-major float32 and int32 arrays. ``ours_parquet`` writes Parquet instead, as
the other engines do. ``floor`` reads twice and writes the arrays' bytes once, and does nothing else.

All fit the same program: log, fill and standardise three numbers, vocabularies of three words and
an id; then encode them, hash another id and bucket hour and weekday: 7 int32 and 3 float32.
Outputs are compared with ours on the first day, but for the hashed id: the others hash as is
cheap for them.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

THREADS = 2
DAYS = 30
WORDS = {"channel": 4, "category": 20, "country": 40}
FLOATS = ("amount_log", "score", "distance")
CODES = ("channel", "category", "country", "terminal", "hour_bucket", "weekday_bucket")
BATCH_ROWS = 1 << 17


def word_lists():
    return {name: [f"{name} {n:02d}" for n in range(k)] for name, k in WORDS.items()}


def make_data(folder, n_rows):
    """Seeded daily files: skewed words and ids, a twentieth of the scores unknown."""
    import pyarrow as pa

    from pipelines.tables.schema import write_table

    words = word_lists()
    for day in range(DAYS):
        rows = n_rows // DAYS
        rng = np.random.default_rng([11, day])
        score = rng.normal(0.0, 3.0, rows)
        columns = {
            "event": np.arange(rows) + day * rows,
            "amount": np.round(rng.lognormal(3, 1, rows), 2),
            "score": pa.array(score, mask=rng.random(rows) < 0.05),
            "distance": rng.gamma(2.0, 8.0, rows),
            "hour": rng.integers(0, 24, rows).astype(float),
            "weekday": np.full(rows, float(day % 7)),
            "customer": rng.integers(0, 200_000, rows),
            "terminal": (rng.power(0.5, rows) * 20_000).astype(np.int64),
            "label": (rng.random(rows) < 0.01).astype(np.int64),
        }
        for name, known in words.items():
            code = (rng.power(0.4, rows) * len(known)).astype(np.int32)
            columns[name] = pa.DictionaryArray.from_arrays(code, known).cast(pa.string())
        part = folder / f"ds={day:02d}"
        part.mkdir()
        write_table(pa.table(columns), part / "part-0.parquet")


def parts(data):
    return sorted(Path(data).glob("*/part-0.parquet"))


def program():
    from pipelines.operators.program import program_of
    from pipelines.spec import Bucketize, Categorical, Fill, Hash, Log, Numeric, Standardise

    features = [
        Numeric("amount") >> Log() >> Standardise(),
        Numeric("score") >> Fill() >> Standardise(),
        Numeric("distance") >> Standardise(),
        *(Categorical(name) for name in (*WORDS, "terminal")),
        Categorical("customer") >> Hash(1 << 17),
        Numeric("hour") >> Bucketize(tuple(range(1, 24))),
        Numeric("weekday") >> Bucketize(tuple(range(1, 7))),
    ]
    ids = dict.fromkeys(("terminal", "customer"), "integer")
    return program_of(features, dict.fromkeys(WORDS, "text") | ids)


def learning(whole):
    """The lines that learn: the stage reads their columns alone for the fit."""
    return whole.only(whole.asked())


def floor(data, out):
    """Read every piece's columns twice, and write labels, keys and matrices once, as ours does."""
    from concurrent.futures import ThreadPoolExecutor

    import pyarrow.parquet as pq

    from pipelines.preprocessing.pieces import pieces_of
    from pipelines.tables.schema import write_table
    from pipelines.tables.values import read_rows, table_rows

    kinds = program().kinds
    learnt = learning(program()).kinds

    def one(piece):
        rows = piece.first, piece.rows
        read_rows(np, Path(piece.path), *rows, learnt)
        read_rows(np, Path(piece.path), *rows, kinds)
        with pq.ParquetFile(piece.path) as file:
            beside = table_rows(file, *rows, ["event", "label"])
        name = f"{piece.day}-{piece.first}"
        write_table(beside.select(["event"]), out / f"{name}-keys.parquet")
        beside["label"].to_numpy().astype(np.float32).tofile(out / f"{name}.y")
        np.zeros((piece.rows, 7), np.int32).tofile(out / f"{name}.ids")
        np.zeros((piece.rows, 3), np.float32).tofile(out / f"{name}.x")

    pieces = [p for part in parts(data) for p in pieces_of(part.parent.name, part)]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, pieces))


def ours(data, out, *, processes=False, write=None):
    from pipelines.compute import ComputeSettings, Machine, open_compute
    from pipelines.operators.state import write_program
    from pipelines.preprocessing.pieces import LearnTask, learn, merged, pieces_of
    from pipelines.preprocessing.shards import ShardTask, make_files, write_piece

    whole = program()
    machine = Machine(cores=THREADS, memory_bytes=THREADS << 30, gpus=0)
    settings = ComputeSettings(in_process_below_rows=0 if processes else 1 << 60)
    days = {p.parent.name: pieces_of(p.parent.name, p) for p in parts(data)}
    pieces = [piece for day in days.values() for piece in day]
    (out / "train").mkdir()
    with open_compute(1, settings, machine) as compute:
        found = compute.map(learn, [LearnTask(p, learning(whole), "numpy") for p in pieces])
        states = merged([each.states for each in found], whole.asked())
        write_program(out, whole.fitted(states))
        shapes = {"x": ((3,), "float32"), "ids": ((7,), "int32"), "y": ((), "float32")}
        for day, own in days.items():
            rows = sum(p.rows for p in own)
            whole = {n: ((rows, *shape), kind) for n, (shape, kind) in shapes.items()}
            if write is None:
                make_files(out / "train", day, whole)
        tasks = [
            ShardTask(
                piece=p,
                day_rows=sum(each.rows for each in days[p.day]),
                out=str(out / "train"),
                program=str(out),
                keys=("event",),
                label="label",
                array_module="numpy",
            )
            for p in pieces
        ]
        compute.map(write or write_piece, tasks)


def ours_processes(data, out):
    ours(data, out, processes=True)


def write_parquet(task):
    """A piece's inputs, label and key as a Parquet file, as the other engines write them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pipelines.preprocessing import shards
    from pipelines.tables.values import read_rows, table_rows

    piece, fitted = task.piece, shards._program(task.program)
    rows = Path(piece.path), piece.first, piece.rows
    found = fitted.transform(np, read_rows(np, *rows, fitted.program.kinds))
    columns = {n: found["x"][:, i] for i, n in enumerate(FLOATS)}
    names = (*WORDS, "terminal", "customer_hash", "hour_bucket", "weekday_bucket")
    columns |= {n: found["ids"][:, i] for i, n in enumerate(names)}
    columns["label"] = shards._label(task.piece, "label")
    with pq.ParquetFile(task.piece.path) as file:
        columns["event"] = table_rows(file, *rows[1:], ["event"])["event"]
    name = f"{piece.day}-{piece.first}.parquet"
    pq.write_table(pa.table(columns), Path(task.out) / name, compression="snappy")


def ours_parquet(data, out):
    ours(data, out, write=write_parquet)


def duckdb_sql(data, out):
    import duckdb

    base = duckdb.connect()
    base.execute(f"SET threads={THREADS}")
    base.execute("SET preserve_insertion_order=false")
    source = f"read_parquet('{data}/*/part-0.parquet')"
    log = "ln(1 + amount)"
    base.execute(
        f"CREATE TABLE fit AS SELECT avg({log}) m1, stddev_pop({log}) d1, avg(score) m2, "
        f"stddev_pop(score) d2, avg(distance) m3, stddev_pop(distance) d3 FROM {source}"
    )
    for name in (*WORDS, "terminal"):
        base.execute(
            f"CREATE TABLE v_{name} AS SELECT {name}, (1 + row_number() OVER "
            f"(ORDER BY n DESC, {name}))::INT AS code FROM "
            f"(SELECT {name}, count(*) n FROM {source} WHERE {name} IS NOT NULL GROUP BY 1)"
        )
    codes = ", ".join(f"coalesce(v_{n}.code, 1) AS {n}" for n in (*WORDS, "terminal"))
    joins = " ".join(f"LEFT JOIN v_{n} ON s.{n} = v_{n}.{n}" for n in (*WORDS, "terminal"))
    base.execute(
        f"COPY (SELECT (({log} - m1) / d1)::FLOAT amount_log, "
        f"((coalesce(score, m2) - m2) / d2)::FLOAT score, ((distance - m3) / d3)::FLOAT distance, "
        f"{codes}, (2 + ((customer * 2654435761) & 4294967295) // 32768)::INT customer_hash, "
        f"(2 + hour)::INT hour_bucket, (2 + weekday)::INT weekday_bucket, label::FLOAT AS label, "
        f"event FROM {source} s {joins}, fit) TO '{out}' "
        f"(FORMAT parquet, COMPRESSION snappy, PER_THREAD_OUTPUT)"
    )


def polars_streaming(data, out):
    import polars as pl

    frame = pl.scan_parquet(f"{data}/*/part-0.parquet", hive_partitioning=False)
    log = (pl.col("amount") + 1).log()
    numbers = {"amount_log": log, "score": pl.col("score"), "distance": pl.col("distance")}
    stats = [e.mean().alias(f"{n}_m") for n, e in numbers.items()]
    stats += [e.std(ddof=0).alias(f"{n}_d") for n, e in numbers.items()]
    counted = [frame.group_by(n).len().drop_nulls() for n in (*WORDS, "terminal")]
    fit, *found = pl.collect_all([frame.select(stats), *counted], engine="streaming")
    columns = [
        ((e.fill_null(fit[f"{n}_m"][0]) - fit[f"{n}_m"][0]) / fit[f"{n}_d"][0])
        .cast(pl.Float32)
        .alias(n)
        for n, e in numbers.items()
    ]
    for name, counts in zip((*WORDS, "terminal"), found, strict=True):
        kept = counts.sort(["len", name], descending=[True, False])[name]
        ids = pl.Series(range(2, len(kept) + 2), dtype=pl.Int32)
        columns.append(pl.col(name).replace_strict(kept, ids, default=1).alias(name))
    columns += [
        (2 + ((pl.col("customer") * 2654435761) % 4294967296) // 32768)
        .cast(pl.Int32)
        .alias("customer_hash"),
        (2 + pl.col("hour")).cast(pl.Int32).alias("hour_bucket"),
        (2 + pl.col("weekday")).cast(pl.Int32).alias("weekday_bucket"),
        pl.col("label").cast(pl.Float32),
        pl.col("event"),
    ]
    frame.select(columns).sink_parquet(
        out / "part.parquet", compression="snappy", engine="streaming"
    )


def dask_dataframe(data, out):
    import dask.dataframe as dd
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=THREADS, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        Client(cluster),
    ):
        frame = dd.read_parquet([str(p) for p in parts(data)])
        frame["amount_log"] = np.log1p(frame["amount"])
        numbers = frame[list(FLOATS)]
        counts = [frame[n].value_counts() for n in (*WORDS, "terminal")]
        import dask

        mean, deviation, *found = dask.compute(numbers.mean(), numbers.std(ddof=0), *counts)
        made = {
            n: ((frame[n].fillna(mean[n]) - mean[n]) / deviation[n]).astype("float32")
            for n in FLOATS
        }
        for name, counted in zip((*WORDS, "terminal"), found, strict=True):
            kept = counted.reset_index().sort_values(["count", name], ascending=[False, True])
            code = dict(zip(kept[name], range(2, len(kept) + 2), strict=True))
            made[name] = frame[name].map(code, meta=(name, "float64")).fillna(1).astype("int32")
        hashed = ((frame["customer"] * 2654435761) % 4294967296) // 32768
        made["customer_hash"] = (2 + hashed).astype("int32")
        for name in ("hour", "weekday"):
            made[f"{name}_bucket"] = (2 + frame[name]).astype("int32")
        made["label"] = frame["label"].astype("float32")
        frame = frame[["event"]].assign(**made)
        frame.to_parquet(str(out), compression="snappy")


ENGINES = {
    f.__name__: f
    for f in (
        floor,
        ours,
        ours_processes,
        ours_parquet,
        duckdb_sql,
        polars_streaming,
        dask_dataframe,
    )
}


def first_day(engine, out, rows):
    """The first day's columns, in the order of events."""
    import pyarrow.dataset as ds

    if engine.startswith("ours") and engine != "ours_parquet":
        x, ids = (np.load(out / "train" / f"ds=00-{n}.npy") for n in ("x", "ids"))
        names = (*WORDS, "terminal", "customer_hash", "hour_bucket", "weekday_bucket")
        return dict(zip(FLOATS, x.T, strict=True)) | dict(zip(names, ids.T, strict=True))
    folder = out / "train" if engine == "ours_parquet" else out
    files = [str(p) for p in folder.rglob("*.parquet") if not p.name.startswith(("fit-", "_"))]
    table = ds.dataset(files).to_table(filter=ds.field("event") < rows)
    table = table.sort_by("event")
    return {n: table[n].to_numpy() for n in (*FLOATS, *CODES)}


def require_equal(found, wanted, engine):
    for name in FLOATS:
        np.testing.assert_allclose(
            found[name], wanted[name], rtol=1e-4, atol=1e-5, err_msg=engine
        )
    for name in CODES:
        np.testing.assert_array_equal(found[name], wanted[name], err_msg=f"{engine} {name}")


def measured(engine, data, out):
    """CPU-seconds of the tree, wall seconds, and the largest process's peak bytes."""
    import psutil

    largest, done = [0], threading.Event()
    environment = os.environ | {"POLARS_MAX_THREADS": str(THREADS), "OMP_NUM_THREADS": "1"}
    argv = [sys.executable, __file__, "--run", engine, str(data), str(out)]
    started, before = time.monotonic(), os.times()
    child = subprocess.Popen(argv, env=environment)

    def watch():
        while not done.wait(0.05):
            try:
                tree = [psutil.Process(child.pid)]
                tree += tree[0].children(recursive=True)
                largest[0] = max(largest[0], *(p.memory_info().rss for p in tree))
            except psutil.Error:
                continue

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    code = child.wait()
    done.set()
    after = os.times()
    if code:
        raise SystemExit(f"{engine} ended with {code}")
    cpu = (
        after.children_user
        + after.children_system
        - before.children_user
        - before.children_system
    )
    return cpu, time.monotonic() - started, largest[0]


def main(millions, engines, repeats=1):
    folder = Path(tempfile.mkdtemp(prefix="bench-preprocess-"))
    rows = int(millions * 1_000_000) // DAYS * DAYS
    try:
        (folder / "data").mkdir()
        make_data(folder / "data", rows)
        base = reference = None
        for engine in engines:
            best = (float("inf"), 0.0, 0)
            for _ in range(repeats):
                out = folder / "out"
                out.mkdir()
                best = min(best, measured(engine, folder / "data", out))
                if engine != "floor":
                    found = first_day(engine, out, rows // DAYS)
                    reference = reference or found
                    require_equal(found, reference, engine)
                shutil.rmtree(out)
            cpu, wall, peak = best
            base = cpu if engine == "ours" else base
            told = {
                "engine": engine,
                "rows": rows,
                "rows_per_cpu_s": round(rows / cpu),
                "cpu_s": round(cpu, 1),
                "wall_s": round(wall, 1),
                "peak_mib_of_a_process": peak >> 20,
            }
            if base:
                told["cpu_beside_ours"] = round(cpu / base, 2)
            print(json.dumps(told), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        ENGINES[sys.argv[2]](Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        wanted = sys.argv[2:] or ["ours", *(e for e in ENGINES if e != "ours")]
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0, wanted)
