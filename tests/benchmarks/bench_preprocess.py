"""Fit and transform beside the bytes' own cost, DuckDB, Polars and dask.dataframe, on the same rows.

Run: ``python tests/benchmarks/bench_preprocess.py [million rows, 20] [engine ...] [--cores N]
[--gpus N]``. Prints one JSON line an engine: rows per CPU-second of its whole process tree, wall
time, the largest process's peak memory, and CPU per row beside ours; of ours also the seconds and
rows a second from when its workers were up. With ``--gpus`` ours runs on a worker a GPU and on one
a core, beside the bytes' cost on disk (``floor``) and in the GPU's memory (``memory_floor``). ``ours`` is what the stage does: statistics of every
row range, merged, then row-major float32 and int32 arrays. ``ours_parquet`` writes Parquet instead, as
the other engines do. ``floor`` reads twice and writes the arrays' bytes once, and does nothing else.

All fit the same program: log, fill and standardise three numbers, vocabularies of three words and
an id; then encode them, hash another id and bucket hour and weekday: 7 int32 and 3 float32.
Outputs are compared with ours on the first day, but for the hashed id: the others hash as is
cheap for them.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.benchmarks.measuring import measured
from tests.benchmarks.preprocess_data import CORES, DAYS, FLOATS, GPUS, IDS, make_data
from tests.benchmarks.preprocess_others import dask_dataframe, duckdb_sql, polars_streaming
from tests.benchmarks.preprocess_ours import (
    WORK_S,
    floor,
    memory_floor,
    missing_for,
    ours,
    ours_gpus,
    ours_parquet,
    ours_processes,
)

CODES = tuple(name for name in IDS if name != "customer_hash")
RUN = (sys.executable, __file__, "--run")

ENGINES = {
    f.__name__: f
    for f in (
        ours,
        floor,
        ours_processes,
        ours_parquet,
        duckdb_sql,
        polars_streaming,
        dask_dataframe,
        memory_floor,
        ours_gpus,
    )
}
WRITE_NOTHING = ("floor", "memory_floor")
BY_DEFAULT = tuple(name for name in ENGINES if name not in ("memory_floor", "ours_gpus"))
WITH_GPUS = ("floor", "memory_floor", "ours_processes", "ours_gpus")


def first_day(engine, out, rows):
    """The first day's columns, in the order of events."""
    import pyarrow.dataset as ds

    if engine.startswith("ours") and engine != "ours_parquet":
        x, ids = (np.load(out / "train" / f"ds=00-{n}.npy") for n in ("x", "ids"))
        return dict(zip(FLOATS, x.T, strict=True)) | dict(zip(IDS, ids.T, strict=True))
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


def environment(cores, gpus):
    """The resources that each engine's process may use."""
    limits = {CORES: str(cores), GPUS: str(gpus)}
    return limits | {"POLARS_MAX_THREADS": str(cores), "OMP_NUM_THREADS": "1"}


def main(millions, engines, cores=2, gpus=0):
    folder = Path(tempfile.mkdtemp(prefix="bench-preprocess-"))
    rows = int(millions * 1_000_000) // DAYS * DAYS
    try:
        (folder / "data").mkdir()
        make_data(folder / "data", rows)
        base = reference = None
        for engine in engines:
            out = folder / "out"
            out.mkdir()
            argv = [*RUN, engine, str(folder / "data"), str(out)]
            used = measured(argv, **environment(cores, gpus))
            if engine not in WRITE_NOTHING:
                found = first_day(engine, out, rows // DAYS)
                reference = reference or found
                require_equal(found, reference, engine)
            base = used.cpu_s if engine == "ours" else base
            print(json.dumps(line_of(engine, rows, used, base, out / WORK_S)), flush=True)
            shutil.rmtree(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def line_of(engine, rows, used, base, work_s):
    """One engine's line."""
    line = {
        "engine": engine,
        "rows": rows,
        "rows_per_cpu_s": round(rows / used.cpu_s),
        "cpu_s": round(used.cpu_s, 1),
        "wall_s": round(used.wall_s, 1),
        "peak_mib_of_a_process": used.peak_bytes >> 20,
    }
    if work_s.exists():
        seconds = float(work_s.read_text())
        line |= {"work_s": round(seconds, 2), "rows_per_s": round(rows / seconds)}
    return line | ({"cpu_beside_ours": round(used.cpu_s / base, 2)} if base else {})


def arguments(argv):
    """What to measure, refused at once where it cannot be."""
    parser = argparse.ArgumentParser(prog="bench_preprocess.py")
    parser.add_argument("millions", nargs="?", type=float, default=20.0, help="million rows")
    parser.add_argument("engines", nargs="*", metavar="engine", help=", ".join(ENGINES))
    parser.add_argument("--cores", type=int, default=2, help="threads, or workers on cores")
    parser.add_argument("--gpus", type=int, default=0, help="workers on GPUs, beside the cores")
    asked = parser.parse_args(argv)
    unknown = [name for name in asked.engines if name not in ENGINES]
    if unknown:
        parser.error(f"no engine is called {unknown[0]!r}. Known: {', '.join(ENGINES)}.")
    if "ours_gpus" in asked.engines and not asked.gpus:
        parser.error("ours_gpus needs --gpus N.")
    if missing := missing_for(asked.gpus):
        parser.error(missing)
    engines = asked.engines or (WITH_GPUS if asked.gpus else BY_DEFAULT)
    return asked.millions, engines, asked.cores, asked.gpus


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        ENGINES[sys.argv[2]](Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        main(*arguments(sys.argv[1:]))
