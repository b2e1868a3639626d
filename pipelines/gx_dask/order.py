"""Increasing and decreasing columns: a row is compared with the value before it.

Why: the value before a partition's first row is in another partition, perhaps not in the one
    just before, as that may hold no value.
Promise: the first pass finds each partition's last value; the second gives each partition the
    value before it, and asks the stock condition.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipelines.gx_dask.conditions import ConditionPart, EvidenceRequest, part_of
from pipelines.gx_dask.filters import considered
from pipelines.gx_dask.rows import Rows
from pipelines.gx_dask.stock import Node, call, small_engine, unfiltered

METRICS = ("column_values.increasing.condition", "column_values.decreasing.condition")


def last_value(node: Node, rows: Rows) -> pd.Series:
    """The last value that is considered, as a column of one row or none."""
    looked = np.flatnonzero(considered(node.domain, rows, skips_null=True))
    return rows.series(node.domain["column"]).iloc[looked[-1:]]


def values_before(lasts: Sequence[pd.Series]) -> list[pd.Series]:
    """For each partition, the last value of those before it."""
    before, found = lasts[0].iloc[:0], []
    for last in lasts:
        found.append(before)
        before = last if len(last) else before
    return found


def evaluate_order(
    node: Node, rows: Rows, need: EvidenceRequest, before: pd.Series
) -> ConditionPart:
    """Validate a partition, given the value before its first row."""
    column = node.domain["column"]
    looked = np.flatnonzero(considered(node.domain, rows, skips_null=True))
    values = rows.series(column).iloc[looked]
    frame = pd.DataFrame({column: pd.concat([before, values], ignore_index=True)})
    bare = Node(node.name, unfiltered(node.domain), node.value, node.known)
    broken = np.zeros(len(frame), dtype=bool)
    if len(values):
        broken[:] = np.asarray(call(bare, small_engine(frame, node.domain["batch_id"]))[0])
    return part_of(node, looked[broken[len(before) :]], len(looked), rows, need)
