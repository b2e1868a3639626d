"""Rows, feature program and cores of the benchmarks of preprocessing."""

import os
from pathlib import Path

import numpy as np

# What a run may use, passed to the process of each engine.
CORES, GPUS = "BENCH_CORES", "BENCH_GPUS"
THREADS = int(os.environ.get(CORES, "2"))
DAYS = 30
WORDS = {"channel": 4, "category": 20, "country": 40}
FLOATS = ("amount_log", "score", "distance")
CODED = (*WORDS, "terminal")
IDS = (*CODED, "customer_hash", "hour_bucket", "weekday_bucket")


def word_lists():
    return {name: [f"{name} {n:02d}" for n in range(k)] for name, k in WORDS.items()}


def day_table(day, rows):
    """A day's rows, seeded: skewed words and ids, a twentieth of the scores unknown."""
    import pyarrow as pa

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
    for name, known in word_lists().items():
        code = (rng.power(0.4, rows) * len(known)).astype(np.int32)
        columns[name] = pa.DictionaryArray.from_arrays(code, known).cast(pa.string())
    return pa.table(columns)


def make_data(folder, n_rows):
    """Daily files of as many rows each."""
    from pipelines.shared.tables.schema import write_table

    for day in range(DAYS):
        part = folder / f"ds={day:02d}"
        part.mkdir()
        write_table(day_table(day, n_rows // DAYS), part / "part-0.parquet")


def parts(data):
    return sorted(Path(data).glob("*/part-0.parquet"))


def features():
    from pipelines.spec import Bucketize, Categorical, Fill, Hash, Log, Numeric, Standardise

    return (
        Numeric("amount") >> Log() >> Standardise(),
        Numeric("score") >> Fill() >> Standardise(),
        Numeric("distance") >> Standardise(),
        *(Categorical(name) for name in CODED),
        Categorical("customer") >> Hash(1 << 17),
        Numeric("hour") >> Bucketize(tuple(range(1, 24))),
        Numeric("weekday") >> Bucketize(tuple(range(1, 7))),
    )


def program():
    from pipelines.operators.program import program_of

    ids = dict.fromkeys(("terminal", "customer"), "integer")
    return program_of(features(), dict.fromkeys(WORDS, "text") | ids)
