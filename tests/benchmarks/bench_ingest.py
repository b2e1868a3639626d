"""Ingest of a day beside the bytes' own cost, Polars and DuckDB, from Parquet and from CSV.

Run: ``python tests/benchmarks/bench_ingest.py [million rows, 5] [engine ...]``. Prints one JSON line a
format and engine: rows per CPU-second of the whole process tree, wall time, peak memory, and CPU beside
ours. ``ours`` is the stage as it runs: look the files' digests up, read, cast, number, write, hash, publish.
``floor`` reads the same bytes once with the same reader on as many threads, and writes the published
bytes once, to the disk; ``floor_checked`` takes a sha256 of what it reads and of what it writes as well. Polars
and DuckDB read, cast, number and write Parquet with the same codec, without a checksum of anything.

What an engine takes for a thousand rows (its imports, mostly) is printed as ``start_cpu_s`` and left out
of rates and ratios. Up to five million rows, the run of three with the least CPU counts. The others'
columns are compared with ours.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.benchmarks.measuring import measured

THREADS, START_ROWS, FILE_ROWS = 2, 1000, 1 << 19
REPEATED_ROWS, REPEATS = 5_000_000, 3
FORMATS = ("parquet", "csv")
RUN = (sys.executable, __file__, "--run")
CODEC = {"compression": "zstd", "compression_level": 1}


def make_source(root, format_, rows):
    """A day of card transactions, in files of half a million rows."""
    from tests.pipelines.shared.tables.made import transactions, write_source

    for number, first in enumerate(range(0, rows, FILE_ROWS)):
        table = transactions(min(FILE_ROWS, rows - first), seed=number)
        write_source(root, table, f"part-{number:03d}.{format_}")


def sources(root, format_):
    return sorted(Path(root).glob(f"*/*.{format_}"))


def ours(root, format_, out):
    from dataclasses import replace

    from pipelines.protocol import perform, stage_named
    from tests.pipelines.shared.tables.made import csv_pipeline, work_on

    pipeline = csv_pipeline() if format_ == "csv" else None
    work = work_on("ingest", out, root, pipeline)
    perform(stage_named("ingest"), replace(work, options={"workers": THREADS}))


def floor(root, format_, out, *, checked=False):
    """Read each file's columns, and write what ours published: it is beside the source."""
    import pyarrow.csv as arrow_csv
    import pyarrow.parquet as pq

    from pipelines.stages.ingest.formats.delimited import BLOCK_BYTES
    from pipelines.stages.ingest.formats.parquet import BLOCK_ROWS, BUFFER_BYTES

    def read(path):
        if checked:
            digest(path)
        if format_ == "csv":
            options = arrow_csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False)
            return sum(batch.num_rows for batch in arrow_csv.open_csv(path, options))
        with pq.ParquetFile(
            path, page_checksum_verification=True, buffer_size=BUFFER_BYTES
        ) as file:
            return sum(batch.num_rows for batch in file.iter_batches(BLOCK_ROWS))

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(read, sources(root, format_)))
    with (Path(root) / "published").open("rb") as source, (out / "part").open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
        target.flush()
        os.fsync(target.fileno())
    if checked:
        digest(out / "part")


def floor_checked(root, format_, out):
    floor(root, format_, out, checked=True)


def digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def polars_streaming(root, format_, out):
    import polars as pl

    files = sources(root, format_)
    scanned = (
        pl.scan_csv(files, try_parse_dates=True) if format_ == "csv" else pl.scan_parquet(files)
    )
    typed = scanned.rename(str.lower).cast({"tx_datetime": pl.Datetime("us")})
    numbered = typed.with_row_index("_row").cast({"_row": pl.Int64})
    numbered.sink_parquet(out / "part.parquet", **CODEC, engine="streaming")


def duckdb_sql(root, format_, out):
    import duckdb

    base = duckdb.connect(config={"threads": THREADS})
    files = [str(path) for path in sources(root, format_)]
    source = f"read_{format_}({files})"
    base.execute(
        f"COPY (SELECT TRANSACTION_ID AS transaction_id, TX_DATETIME::TIMESTAMP AS tx_datetime, "
        f"CUSTOMER_ID AS customer_id, TERMINAL_ID AS terminal_id, TX_AMOUNT AS tx_amount, "
        f"TX_FRAUD AS tx_fraud, row_number() OVER () - 1 AS _row FROM {source}) TO "
        f"'{out}/part.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
    )


ENGINES = {f.__name__: f for f in (ours, floor, floor_checked, polars_streaming, duckdb_sql)}


def require_equal(out, root):
    """The columns that an engine wrote must be those that ours did."""
    import pyarrow.parquet as pq

    columns = ["transaction_id", "tx_datetime", "tx_amount", "_row"]
    found, wanted = (pq.read_table(p, columns=columns) for p in (out / "part.parquet", root))
    assert found.cast(wanted.schema).equals(wanted), out


def used(engine, root, format_):
    """What an engine takes for a source; ours leaves what it published beside it."""
    with tempfile.TemporaryDirectory(dir=root.parent) as folder:
        out = Path(folder)
        found = measured(
            [*RUN, engine, str(root), format_, folder], POLARS_MAX_THREADS=str(THREADS)
        )
        if engine == "ours":
            next(out.rglob("part-0.parquet")).replace(root / "published")
        elif not engine.startswith("floor"):
            require_equal(out, root / "published")
    return found


def compare(folder, format_, rows, engines):
    """One line an engine, ours first."""
    small, whole = folder / "small", folder / "whole"
    make_source(small, format_, START_ROWS)
    make_source(whole, format_, rows)
    base, repeats = None, REPEATS if rows <= REPEATED_ROWS else 1
    for engine in engines:
        start_s = min(used(engine, small, format_) for _ in range(REPEATS)).cpu_s
        found = min(used(engine, whole, format_) for _ in range(repeats))
        cpu_s = found.cpu_s - start_s
        base = base or cpu_s
        line = {"format": format_, "engine": engine, "rows": rows}
        line |= {"rows_per_cpu_s": round(rows / cpu_s), "cpu_s": round(cpu_s, 2)}
        line |= {"start_cpu_s": round(start_s, 2), "wall_s": round(found.wall_s, 1)}
        line |= {
            "peak_mib": found.peak_bytes >> 20,
            "cpu_beside_ours": round(cpu_s / base, 2),
        }
        print(json.dumps(line), flush=True)


def main(millions, engines):
    """Compare on each format."""
    for format_ in FORMATS:
        with tempfile.TemporaryDirectory(prefix="bench-ingest-") as folder:
            compare(Path(folder), format_, int(millions * 1_000_000), ["ours", *engines])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        name, root, format_, out = sys.argv[2:]
        ENGINES[name](root, format_, Path(out))
    else:
        wanted = sys.argv[2:] or [name for name in ENGINES if name != "ours"]
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0, wanted)
