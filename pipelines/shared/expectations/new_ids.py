"""An expectation of our own: an id names no row of an earlier day.

Why: a day that repeats another's rows under its own date breaks no other rule.
Promise: exact. The sorted keys of the earlier days show where to look; texts, whose keys are
    hashes, are then compared with those days' own.
Not here: which days those are (``pipelines/stages/validate/repeated_ids.py``).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.gx_dask import gx
from pipelines.shared.tables import IDS
from pipelines.shared.tables.ids import are_in, is_own_key, keys_of, open_keys

gx.load()

from great_expectations.execution_engine import PandasExecutionEngine  # noqa: E402
from great_expectations.expectations.expectation import ColumnMapExpectation  # noqa: E402
from great_expectations.expectations.metrics import (  # noqa: E402
    ColumnMapMetricProvider,
    column_condition_partial,
)

PART = "part-0.parquet"


def are_known(ids: pa.Array, column: str, folders: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each id is one of an ingested day's, shape ``(n,)``.

    Args:
        ids: Ids, none of them null.
        column: Their column.
        folders: Those days'.
    """
    keys, known = keys_of(ids), np.zeros(len(ids), bool)
    for folder in map(Path, folders):
        found = np.flatnonzero(are_in(keys, open_keys(folder / IDS)) & ~known)
        if len(found) and not is_own_key(ids.type):
            found = found[_are_there(ids.take(pa.array(found)), column, folder / PART)]
        known[found] = True
    return known


def _are_there(texts: pa.Array, column: str, part: Path) -> NDArray[np.bool_]:
    """Whether each text is in a day's column, which is read a row group at a time."""
    there = np.zeros(len(texts), bool)
    with pq.ParquetFile(part, page_checksum_verification=True) as file:
        for group in range(file.num_row_groups):
            day = file.read_row_group(group, columns=[column])[column]
            there |= pc.is_in(texts, value_set=day.combine_chunks()).to_numpy(
                zero_copy_only=False
            )
    return there


class ColumnValuesNew(ColumnMapMetricProvider):
    """The metric behind the expectation."""

    condition_metric_name = "column_values.new"
    condition_value_keys = ("folders",)
    # For the Dask engine: a value is validated by itself, so partitions can be.
    row_local = True

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, folders: Sequence[str] = (), **_: object) -> pd.Series:  # noqa: N805
        ids = pa.array(column)
        texts_or_wholes = ids if is_own_key(ids.type) else ids.cast(pa.string())
        is_new = ~are_known(texts_or_wholes, str(column.name), folders or ())
        return pd.Series(is_new, index=column.index)


class ExpectColumnValuesToBeNew(ColumnMapExpectation):
    """Expect ids that no row of the given earlier days has."""

    unique_days: int | None = None
    days: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()

    map_metric = "column_values.new"
    success_keys = ("folders", "mostly")
