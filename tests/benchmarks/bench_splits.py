"""A file for all time split by day, beside reading it once and beside a filter for each day.

Run: ``python tests/benchmarks/bench_splits.py [million rows, 2] [days, 60]``. Prints one JSON line a way:
CPU-seconds of the whole process tree, wall time, peak memory, and CPU beside ours. ``ours`` ingests every
day through the stage: the first reads and splits the file, each publishes its own. ``floor`` reads
the file once and writes its bytes once. ``polars`` collects the file and writes a file a day.
``filtered`` reads the file once a day and keeps the day's rows, as a run without a split would.
What each takes for a thousand rows of one day (imports, mostly) is left out.
"""

import json
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.measuring import measured

START_ROWS = 1000
RUN = (sys.executable, __file__, "--run")
FIRST = "2018-04-01"
WAYS = ("ours", "floor", "polars", "filtered")


def days_of(number):
    from pipelines.core.days import days_between, shift

    return days_between(FIRST, shift(FIRST, number - 1))


def make_source(root, rows, days):
    """Card transactions of many days in one file, in no order of time."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from tests.pipelines.shared.tables.made import transactions

    each = [transactions(rows // days, n, day) for n, day in enumerate(days_of(days))]
    table = pa.concat_tables(each)
    order = np.random.default_rng(0).permutation(table.num_rows)
    ids = pa.array(np.arange(table.num_rows))
    table = table.set_column(0, "TRANSACTION_ID", ids).take(pa.array(order))
    root.mkdir(parents=True)
    pq.write_table(table, root / "all.parquet", row_group_size=1 << 19)


def ours(root, days, out):
    from dataclasses import replace

    from pipelines.protocol import perform, stage_named
    from pipelines.spec import Source, load
    from tests.pipelines.shared.tables.made import work_on

    made = load("fraud_detection")
    table = replace(made.table, source=Source(path="all.parquet"))
    work = work_on("ingest", out, root, replace(made, tables=(table,)))
    for day in days_of(days):
        perform(stage_named("ingest"), replace(work.on(day), options={"workers": 2}))


def floor(root, _days, out):
    import pyarrow.parquet as pq

    pq.write_table(
        pq.read_table(root / "all.parquet"), out, compression="zstd", compression_level=1
    )


def polars(root, _days, out):
    import polars as pl

    out.mkdir()
    frame = pl.read_parquet(root / "all.parquet")
    by_day = frame.with_columns(pl.col("TX_DATETIME").dt.date().alias("day"))
    for (day,), rows in by_day.partition_by("day", as_dict=True, maintain_order=True).items():
        rows.write_parquet(out / f"{day}.parquet", compression="zstd", compression_level=1)


def filtered(root, days, out):
    import datetime

    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    out.mkdir()
    for day in days_of(days):
        rows = pq.read_table(root / "all.parquet")
        start = datetime.datetime.fromisoformat(day)
        end = start + datetime.timedelta(days=1)
        at = rows["TX_DATETIME"]
        own = rows.filter(pc.and_(pc.greater_equal(at, start), pc.less(at, end)))
        pq.write_table(own, out / f"{day}.parquet", compression="zstd", compression_level=1)


def cost(way, root, days):
    with tempfile.TemporaryDirectory() as folder:
        return measured([*RUN, way, str(root), str(days), str(Path(folder) / "out")])


def main(million=2.0, days=60):
    with tempfile.TemporaryDirectory() as folder:
        few, many = Path(folder) / "few", Path(folder) / "many"
        make_source(few, START_ROWS, 1)
        make_source(many, int(million * 1e6), days)
        own = None
        for way in WAYS:
            start, used = cost(way, few, 1), cost(way, many, days)
            cpu_s = used.cpu_s - start.cpu_s
            own = own or cpu_s
            facts = {"way": way, "rows": int(million * 1e6), "days": days}
            facts |= {"cpu_s": round(cpu_s, 2), "wall_s": round(used.wall_s, 2)}
            facts |= {"peak_mib": used.peak_bytes >> 20, "cpu_to_ours": round(cpu_s / own, 2)}
            sys.stdout.write(json.dumps(facts) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--run"]:
        way, root, days, out = sys.argv[2:]
        globals()[way](Path(root), int(days), Path(out))
    else:
        main(*(kind(value) for kind, value in zip((float, int), sys.argv[1:], strict=False)))
