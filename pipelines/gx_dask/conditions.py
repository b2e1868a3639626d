"""Evaluating a map condition on one partition, on a worker.

Why: the failing rows are what a suite is run for, and they are too many to send around: a
    partition returns how many there are and the few that the result shows.
Promise: rows and counts are those of the stock condition on the same rows. All row numbers go to
    a file where they are wanted, never through the driver.
Not here: merging (``evidence.py``), conditions that look across rows (``uniqueness.py``,
    ``order.py``).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.gx_dask import kernels
from pipelines.gx_dask.filters import columns_read, considered
from pipelines.gx_dask.row_locations import RowNumbers, key_of, save_failing_rows
from pipelines.gx_dask.rows import Rows
from pipelines.gx_dask.stock import Node, call, provided, small_engine


@dataclass(frozen=True, slots=True)
class EvidenceRequest:
    """What is wanted of the failing rows.

    Attributes:
        rows: How many of the first ones, at most.
        columns: Their columns.
        folder: Where the numbers of all of them are written; empty for nowhere.
    """

    rows: int
    columns: tuple[str, ...]
    folder: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class ConditionPart:
    """What a partition found.

    Attributes:
        bad: Failing rows.
        looked: Rows that were validated.
        evidence: The first failing rows, numbered through the whole table; None if there are
            none.
    """

    bad: int
    looked: int
    evidence: pd.DataFrame | None


def evaluate_condition(node: Node, rows: Rows, need: EvidenceRequest) -> ConditionPart:
    """Validate the rows, by a kernel where one applies.

    Raises:
        Exception: What the stock condition raises on these rows.
    """
    return _evaluated(node, rows, need, fast=True)


def evaluate_stock_condition(node: Node, rows: Rows, need: EvidenceRequest) -> ConditionPart:
    """Validate the rows by the stock condition alone.

    Raises:
        Exception: What the stock condition raises on these rows.
    """
    return _evaluated(node, rows, need, fast=False)


def _evaluated(node: Node, rows: Rows, need: EvidenceRequest, *, fast: bool) -> ConditionPart:
    skips_null = bool(getattr(provided(node.name)[0], "filter_column_isnull", True))
    looked = considered(node.domain, rows, skips_null=skips_null)
    count = int(np.count_nonzero(looked))
    if count == 0:  # stock functions are not sure of their types on no rows
        return part_of(node, np.zeros(0, dtype=np.int64), 0, rows, need)
    bad = kernels.bad_rows(node, rows) if fast else None
    failing = np.flatnonzero(bad & looked) if bad is not None else _stock_rows(node, rows)
    return part_of(node, failing, count, rows, need)


def part_of(
    node: Node, failing: RowNumbers, looked: int, rows: Rows, need: EvidenceRequest
) -> ConditionPart:
    """Keep of the failing rows what is wanted; they count from the partition's first row."""
    if need.folder and len(failing):
        number = rows.partitions[0].number
        save_failing_rows(need.folder, key_of(node), number, failing + rows.offset)
    shown = failing[: need.rows]
    present = [name for name in need.columns if name in rows.layout.schema.names]
    evidence = rows.take(shown, present) if len(shown) else None
    return ConditionPart(len(failing), looked, evidence)


def _stock_rows(node: Node, rows: Rows) -> RowNumbers:
    frame = rows.frame(columns_read(node, rows.layout))
    engine = small_engine(frame, node.domain["batch_id"])
    broken, _, _ = call(node, engine)
    left = engine.get_domain_records(dict(node.domain))
    provider = provided(node.name)[0]
    if "column" in node.domain and getattr(provider, "filter_column_isnull", False):
        left = left[left[node.domain["column"]].notnull()]
    failing: RowNumbers = left.index[np.asarray(broken).astype(bool)].to_numpy() - rows.offset
    return failing
