"""Turning one day's features into arrays that a training loop maps into memory.

Why: a step of training must cost no parsing, so rows lie as it reads them: standardised,
    float32, row after row.
Promise: a day is a task of its own; the same features and fit give the same bytes.
Not here: which days (``stage.py``), what they are scaled by (``moments.py``).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.tables.schema import write_table

FEATURES_PART = "part-0.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """A fitted scaler: ``(value - mean) / deviation``, each shape ``(n_features,)``."""

    features: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardTask:
    """What the task of one day is told.

    Attributes:
        day: Day whose features are turned.
        source: Folder of its published features.
        out: Folder of the part (``train``, ``gap`` or ``test``) it belongs to.
        scaling: Scaler; None to leave the features out (gap days).
        keys: Columns that name a row, written beside the arrays.
        label: Label column.
    """

    day: str
    source: str
    out: str
    scaling: Scaling | None
    keys: tuple[str, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Shard:
    """One day's arrays, as ``index.json`` lists them."""

    day: str
    part: str
    rows: int
    positives: int
    has_x: bool

    def entry(self) -> dict[str, str | int]:
        """The line of the index: paths are relative to the training set."""
        files = {"y": "y.npy", "keys": "keys.parquet"} | ({"x": "x.npy"} if self.has_x else {})
        paths = {name: f"{self.part}/{self.day}-{file}" for name, file in files.items()}
        return {"day": self.day, "rows": self.rows, "positives": self.positives, **paths}


def write_shard(task: ShardTask) -> Shard:
    """Read one day's features and write its arrays."""
    features = task.scaling.features if task.scaling else ()
    columns = list(dict.fromkeys([*task.keys, task.label, *features]))
    part = Path(task.source) / FEATURES_PART
    table = pq.read_table(part, columns=columns, use_threads=False)
    out = Path(task.out)
    label = table[task.label].cast(pa.float64()).to_numpy().astype(np.float32)
    np.save(out / f"{task.day}-y.npy", label, allow_pickle=False)
    write_table(table.select(list(task.keys)), out / f"{task.day}-keys.parquet")
    if task.scaling is not None:
        matrix = standardise(table, task.scaling)
        np.save(out / f"{task.day}-x.npy", matrix, allow_pickle=False)
    positives = int(np.count_nonzero(label == 1))
    return Shard(task.day, out.name, table.num_rows, positives, task.scaling is not None)


def standardise(table: pa.Table, scaling: Scaling) -> NDArray[np.float32]:
    """Standardised features, float32, shape ``(n_rows, n_features)``, row after row.

    A value that is no number becomes 0.0, the mean of its column.
    """
    matrix = np.empty((table.num_rows, len(scaling.features)), dtype=np.float32)
    fitted = zip(scaling.features, scaling.mean, scaling.deviation, strict=True)
    for nth, (name, mean, deviation) in enumerate(fitted):
        values = (table[name].to_numpy() - mean) / deviation
        matrix[:, nth] = np.where(np.isfinite(values), values, 0.0)
    return matrix
