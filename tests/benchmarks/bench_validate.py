"""Twenty expectations on a table: our engine with 1 and 2 workers, stock pandas engine, pandera.

Run: ``python tests/benchmarks/bench_validate.py [rows] [engine ...]``. Prints a JSON line an
engine: CPU-seconds (all its processes, reading included), seconds, the most memory that its
largest process held, and the CPU relative to ours with one worker. Imports and the start of a
cluster are reported apart, as ``start_cpu_s``. Ours and stock must agree on every result.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

FILES = 20
COUNTRIES = ["DE", "FR", "IT", "ES", "PL", "NL", "AT", "CH", "BE", "CZ"]
ENGINES = ("ours 1 worker", "ours 2 workers", "ours 2 threads", "stock", "pandera")
LOW, HIGH = "2026-01-01T00:00:00", "2026-12-31T00:00:00"
MERCHANT = r"^M[0-9]{5}$"


def write_table(folder, rows):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng, each = np.random.default_rng(0), rows // FILES
    start = np.datetime64("2026-01-01T00:00:00", "ns").astype(np.int64)
    merchants = np.array([f"M{n:05d}" for n in range(50_000)] + ["?"])
    for file in range(FILES):
        amount = np.round(rng.gamma(2.0, 30.0, each), 2)
        columns = {
            # Shuffled within a file, so that no engine finds them sorted.
            "id": rng.permutation(each) + file * each,
            "time": pa.array(start + rng.integers(0, 360 * 86400, each) * 10**9).cast(
                pa.timestamp("ns")
            ),
            "customer": rng.integers(0, 100_000, each),
            "terminal": rng.integers(0, 10_000, each),
            "amount": pa.array(amount, mask=rng.random(each) < 0.001),
            "fee": np.round(amount * 0.01, 4),
            "country": rng.choice(COUNTRIES, each),
            "currency": rng.choice(["EUR", "USD", "CHF"], each),
            "merchant": merchants[rng.integers(0, len(merchants), each)],
            "status": rng.choice(["ok", "open", "void"], each),
        }
        pq.write_table(pa.table(columns), folder / f"part-{file:02d}.parquet")


def suite_of():
    from pipelines.gx_dask import gx

    great = gx.load()
    import great_expectations.expectations as gxe

    quartiles = {"quantiles": [0.25, 0.5, 0.75], "value_ranges": [[0, 100]] * 3}
    expectations = [
        gxe.ExpectTableRowCountToBeBetween(min_value=1),
        gxe.ExpectColumnValuesToNotBeNull(column="id"),
        gxe.ExpectColumnValuesToBeUnique(column="id"),
        gxe.ExpectColumnValuesToNotBeNull(column="time"),
        gxe.ExpectColumnValuesToBeBetween(column="time", min_value=LOW, max_value=HIGH),
        gxe.ExpectColumnValuesToNotBeNull(column="customer"),
        gxe.ExpectColumnValuesToBeBetween(column="customer", min_value=0, max_value=99_999),
        gxe.ExpectColumnValuesToBeBetween(column="terminal", min_value=0, max_value=9_998),
        gxe.ExpectColumnValuesToNotBeNull(column="amount", mostly=0.99),
        gxe.ExpectColumnValuesToBeBetween(column="amount", min_value=0, max_value=500),
        gxe.ExpectColumnMeanToBeBetween(column="amount", min_value=1, max_value=100),
        gxe.ExpectColumnStdevToBeBetween(column="amount", min_value=1, max_value=100),
        gxe.ExpectColumnQuantileValuesToBeBetween(column="amount", quantile_ranges=quartiles),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="amount", column_B="fee", ignore_row_if="either_value_is_missing"
        ),
        gxe.ExpectColumnMaxToBeBetween(column="fee", max_value=10),
        gxe.ExpectColumnValuesToBeInSet(column="country", value_set=COUNTRIES),
        gxe.ExpectColumnValueLengthsToEqual(column="country", value=2),
        gxe.ExpectColumnValuesToBeInSet(column="currency", value_set=["EUR", "USD"]),
        gxe.ExpectColumnValuesToMatchRegex(column="merchant", regex=MERCHANT),
        gxe.ExpectColumnValuesToNotBeInSet(column="status", value_set=["void"], mostly=0.5),
    ]
    return great.ExpectationSuite(name="benchmark", expectations=expectations)


class Watch:
    """CPU-seconds and largest resident memory of this process and its children."""

    def __init__(self):
        import psutil

        self.me, self.peaks, self.stop = psutil.Process(), {}, threading.Event()
        threading.Thread(target=self._sample, daemon=True).start()

    def processes(self):
        return [self.me, *self.me.children(recursive=True)]

    def cpu_s(self):
        return sum(sum(p.cpu_times()[:2]) for p in self.processes())

    def _sample(self):
        import psutil

        while not self.stop.wait(0.05):
            for process in self.processes():
                try:
                    rss = process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
                self.peaks[process.pid] = max(self.peaks.get(process.pid, 0), rss)

    def summary(self, start_cpu_s, cpu_s, wall_s, results, read_cpu_s=0.0):
        children = [peak for pid, peak in self.peaks.items() if pid != self.me.pid]
        return {
            "start_cpu_s": round(start_cpu_s, 2),
            "cpu_s": round(cpu_s, 2),
            "of_it_reading_s": round(read_cpu_s, 2),
            "wall_s": round(wall_s, 2),
            "peak_mb": round(max(self.peaks.values()) / 1e6),
            "worker_peak_mb": round(max(children, default=0) / 1e6),
            "results": results,
        }


def plain(result):
    return {
        r.expectation_config.type + str(r.expectation_config.kwargs.get("column")): [
            bool(r.success),
            str(
                r.result.get(
                    "unexpected_count", r.to_json_dict()["result"].get("observed_value")
                )
            ),
        ]
        for r in result.results
    }


def ours(folder, workers, in_process):
    from pipelines.gx_dask.validation import validate_files
    from pipelines.shared.compute import ComputeSettings, open_compute

    watch, suite = Watch(), suite_of()
    settings = ComputeSettings(
        workers=workers, in_process_below_rows=10**12 if in_process else 0
    )
    with open_compute(0, settings) as compute:
        compute.map(warm, range(workers * 4))
        start = watch.cpu_s()
        began = time.perf_counter()
        validated = validate_files([folder], suite, runner=compute)
        wall, spent = time.perf_counter() - began, watch.cpu_s() - start
        assert not validated.gathered, validated.gathered
    return watch.summary(start, spent, wall, plain(validated.result))


def warm(_):
    """Have a worker import what it needs."""
    from pipelines.gx_dask import scan

    time.sleep(0.2)
    return scan.__name__


def stock(folder):
    import pandas as pd

    from pipelines.gx_dask.validation import new_context

    watch, suite = Watch(), suite_of()
    asset = new_context().data_sources.add_pandas("stock").add_dataframe_asset("frame")
    whole = asset.add_batch_definition_whole_dataframe("whole")
    start, began = watch.cpu_s(), time.perf_counter()
    frame = pd.read_parquet(folder)
    read = watch.cpu_s() - start
    result = whole.get_batch({"dataframe": frame}).validate(suite)
    wall, spent = time.perf_counter() - began, watch.cpu_s() - start
    return watch.summary(start, spent, wall, plain(result), read)


def pandera(folder):
    import pandera.polars as pa
    import polars as pl

    watch = Watch()
    ranged, inside, text = pa.Check.in_range, pa.Check.isin, pa.Check.str_matches
    low, high = (
        np.datetime64(end, "ns").astype("datetime64[us]").item() for end in (LOW, HIGH)
    )

    def overall(check):
        return pa.Check(lambda data: data.lazyframe.select(check(pl.col(data.key))))

    amount = [
        ranged(0, 500),
        overall(lambda c: c.mean().is_between(1, 100)),
        overall(lambda c: c.std().is_between(1, 100)),
        *[overall(lambda c, q=q: c.quantile(q).is_between(0, 100)) for q in (0.25, 0.5, 0.75)],
        overall(lambda c: c.is_not_null().mean() >= 0.99),
    ]
    schema = pa.DataFrameSchema(
        {
            "id": pa.Column(pl.Int64, unique=True, nullable=False),
            "time": pa.Column(pl.Datetime("ns"), ranged(low, high), nullable=False),
            "customer": pa.Column(pl.Int64, ranged(0, 99_999), nullable=False),
            "terminal": pa.Column(pl.Int64, ranged(0, 9_998)),
            "amount": pa.Column(pl.Float64, amount, nullable=True),
            "fee": pa.Column(pl.Float64, overall(lambda c: c.max() <= 10)),
            "country": pa.Column(pl.String, [inside(COUNTRIES), pa.Check.str_length(2, 2)]),
            "currency": pa.Column(pl.String, inside(["EUR", "USD"])),
            "merchant": pa.Column(pl.String, text(MERCHANT)),
            "status": pa.Column(pl.String, overall(lambda c: (c != "void").mean() >= 0.5)),
        },
        checks=pa.Check(
            lambda data: data.lazyframe.select(
                (pl.col("amount") > pl.col("fee")).fill_null(True)
            )
        ),
    )
    start, began = watch.cpu_s(), time.perf_counter()
    frame = pl.read_parquet(folder)
    read = watch.cpu_s() - start
    try:
        schema.validate(frame, lazy=True)
        failed = 0
    except pa.errors.SchemaErrors as errors:
        failed = len(errors.schema_errors)
    wall, spent = time.perf_counter() - began, watch.cpu_s() - start
    return watch.summary(start, spent, wall, {"failed checks": failed}, read)


CHILDREN = {
    "ours 1 worker": lambda folder: ours(folder, 1, in_process=False),
    "ours 2 workers": lambda folder: ours(folder, 2, in_process=False),
    "ours 2 threads": lambda folder: ours(folder, 2, in_process=True),
    "stock": stock,
    "pandera": pandera,
}


def measured(engine, folder):
    """Run one engine in a process of its own."""
    argv = [sys.executable, __file__, "--child", engine, str(folder)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(rows, engines):
    """Measure each engine on the same files."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        write_table(Path(folder), rows)
        for engine in engines:
            found[engine] = measured(engine, folder)
            base = next(iter(found.values()))
            line = {k: v for k, v in found[engine].items() if k != "results"}
            ratio = round(found[engine]["cpu_s"] / base["cpu_s"], 2)
            print(
                json.dumps({"engine": engine, "rows": rows, **line, "cpu_ratio": ratio}),
                flush=True,
            )
    same = [found[e]["results"] for e in found if e != "pandera"]
    for other in same[1:]:
        for key, value in other.items():
            assert value == same[0][key] or close(value, same[0][key]), (
                key,
                value,
                same[0][key],
            )


def close(left, right):
    """The same but for the last digits of floats."""
    numbers = [np.array(eval(x[1], {"nan": np.nan}), dtype=object) for x in (left, right)]
    if isinstance(numbers[0].item() if numbers[0].ndim == 0 else None, dict):
        numbers = [n.item()["values"] for n in numbers]
    return left[0] == right[0] and np.allclose(
        np.asarray(numbers[0], float), np.asarray(numbers[1], float), rtol=1e-12, atol=0
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(CHILDREN[sys.argv[2]](sys.argv[3])))
    else:
        main(
            int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000, sys.argv[2:] or list(ENGINES)
        )
