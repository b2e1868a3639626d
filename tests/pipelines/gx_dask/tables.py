"""Tables to be validated: clean, dirty, empty, all null, one row; in files and row groups."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

SCHEMA = pa.schema(
    {
        "id": pa.int64(),
        "k": pa.int64(),
        "g": pa.int32(),
        "f": pa.float64(),
        "h": pa.float64(),
        "s": pa.string(),
        "w": pa.string(),
        "j": pa.string(),
        "b": pa.bool_(),
        "t": pa.timestamp("ns"),
        "u": pa.timestamp("us"),
        "d": pa.date32(),
        "c": pa.dictionary(pa.int32(), pa.string()),
    }
)
START = datetime(2026, 1, 1)  # noqa: DTZ001 the columns have no zone
TEXTS = ['{"a": 1}', "2026-01-02", "a", "[1", "bb", ""]


def clean(rows: int = 60, seed: int = 1) -> pa.Table:
    """No value is missing, ids are unique and rise."""
    at = np.random.default_rng(seed)
    moments = [START + timedelta(seconds=n) for n in range(rows)]
    columns = {
        "id": list(range(rows)),
        "k": at.integers(0, 5, rows).tolist(),
        "g": at.integers(0, 5, rows).tolist(),
        "f": np.round(at.normal(size=rows), 3).tolist(),
        "h": np.round(at.normal(size=rows), 3).tolist(),
        "s": at.choice(["a", "bb", "ccc"], rows).tolist(),
        "w": at.choice(TEXTS, rows).tolist(),
        "j": at.choice(['{"a": 1}', '{"b": 2}'], rows).tolist(),
        "b": at.choice([True, False], rows).tolist(),
        "t": moments,
        "u": moments,
        "d": [date(2026, 1, 1 + n % 3) for n in range(rows)],
        "c": at.choice(["x", "y"], rows).tolist(),
    }
    return pa.table(columns, schema=SCHEMA)


def dirty(rows: int = 60, seed: int = 2) -> pa.Table:
    """Nulls in some files only, NaN, infinities, -0.0, repeated ids across files, odd text."""
    at = np.random.default_rng(seed)
    columns = clean(rows, seed).to_pydict()
    columns["id"][rows // 2] = columns["id"][0]
    for name in ("k", "s", "b", "t", "d", "c", "h"):
        for row in at.choice(rows // 2, rows // 8, replace=False):
            columns[name][row] = None
    odd = [float("nan"), float("inf"), -0.0, 0.0, None, float("nan")]
    columns["f"][: len(odd)] = odd
    columns["f"][rows // 2] = columns["f"][-1]
    columns["s"][-3:] = ["", "ünï", "2026-01-02"]
    return pa.table(columns, schema=SCHEMA)


def only_nulls(rows: int = 12) -> pa.Table:
    """Ids, and nothing else."""
    nothing = {name: [None] * rows for name in SCHEMA.names if name != "id"}
    return pa.table({"id": list(range(rows))} | nothing, schema=SCHEMA)


def made() -> st.SearchStrategy[pa.Table]:
    """Any small table of these columns."""
    whole, number = st.integers(-3, 3), st.sampled_from([0.0, -0.0, 1.5, -2.25, 1e300])
    odd = st.sampled_from([float("nan"), float("inf")])
    moment = st.integers(0, 40).map(lambda n: START + timedelta(seconds=n))
    values = {
        "id": st.integers(0, 50),
        "k": st.none() | whole,
        "g": whole,
        "f": st.none() | number | odd,
        "h": st.none() | number,
        "s": st.none() | st.sampled_from(["a", "bb", "ccc", "", "ünï"]),
        "w": st.none() | st.sampled_from(TEXTS),
        "j": st.none() | st.sampled_from(['{"a": 1}', "{}"]),
        "b": st.none() | st.booleans(),
        "t": st.none() | moment,
        "u": moment,
        "d": st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 3)),
        "c": st.none() | st.sampled_from(["x", "y"]),
    }
    rows = st.lists(st.fixed_dictionaries(values), min_size=0, max_size=40)
    return rows.map(lambda each: pa.Table.from_pylist(each, schema=SCHEMA))


TABLES = {
    "clean": clean,
    "dirty": dirty,
    "empty": SCHEMA.empty_table,
    "all null": only_nulls,
    "one row": lambda: clean(1),
}


def write(table: pa.Table, folder: Path, files: int = 3, group_rows: int = 10) -> list[str]:
    """The table in so many files, one of them without a row, in row groups of a few rows."""
    folder.mkdir(parents=True, exist_ok=True)
    cuts = np.linspace(0, table.num_rows, files + 1).astype(int)
    parts = [table.slice(a, b - a) for a, b in pairwise(cuts)]
    parts.insert(1, table.slice(0, 0))
    paths = [str(folder / f"part-{n}.parquet") for n in range(len(parts))]
    for part, path in zip(parts, paths, strict=True):
        pq.write_table(part, path, row_group_size=group_rows)
    return paths


def whole_frame(paths: Sequence[str]) -> pd.DataFrame:
    """The same rows as one frame, as pandas reads them."""
    return pd.read_parquet(list(paths))
