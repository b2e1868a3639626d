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
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.benchmarks.measuring import measured
from tests.benchmarks.preprocess_data import DAYS, FLOATS, IDS, THREADS, make_data
from tests.benchmarks.preprocess_others import dask_dataframe, duckdb_sql, polars_streaming
from tests.benchmarks.preprocess_ours import floor, ours, ours_parquet, ours_processes

CODES = tuple(name for name in IDS if name != "customer_hash")
RUN = (sys.executable, __file__, "--run")
ENVIRONMENT = {"POLARS_MAX_THREADS": str(THREADS), "OMP_NUM_THREADS": "1"}

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


def main(millions, engines, repeats=1):
    folder = Path(tempfile.mkdtemp(prefix="bench-preprocess-"))
    rows = int(millions * 1_000_000) // DAYS * DAYS
    try:
        (folder / "data").mkdir()
        make_data(folder / "data", rows)
        base = reference = None
        for engine in engines:
            tries = []
            for _ in range(repeats):
                out = folder / "out"
                out.mkdir()
                argv = [*RUN, engine, str(folder / "data"), str(out)]
                tries.append(measured(argv, **ENVIRONMENT))
                if engine != "floor":
                    found = first_day(engine, out, rows // DAYS)
                    reference = reference or found
                    require_equal(found, reference, engine)
                shutil.rmtree(out)
            best = min(tries)
            base = best.cpu_s if engine == "ours" else base
            told = {
                "engine": engine,
                "rows": rows,
                "rows_per_cpu_s": round(rows / best.cpu_s),
                "cpu_s": round(best.cpu_s, 1),
                "wall_s": round(best.wall_s, 1),
                "peak_mib_of_a_process": best.peak_bytes >> 20,
            }
            if base:
                told["cpu_beside_ours"] = round(best.cpu_s / base, 2)
            print(json.dumps(told), flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        ENGINES[sys.argv[2]](Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        wanted = sys.argv[2:] or ["ours", *(e for e in ENGINES if e != "ours")]
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0, wanted)
