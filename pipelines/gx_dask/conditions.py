"""Evaluating a map condition on one partition, on a worker.

Why: the failing rows are what a suite is run for, and they are too many to carry around: a
    partition sends back how many there are and the few that the result shows.
Promise: places and counts are those of the stock condition on the same rows. All places go to
    a file where they are wanted, never through the driver.
Not here: merging (``evidence.py``), conditions that look across rows (``uniqueness.py``,
    ``order.py``).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.gx_dask import kernels
from pipelines.gx_dask.filters import condition_columns, considered
from pipelines.gx_dask.rows import Rows
from pipelines.gx_dask.stock import Node, call, provided, small_engine

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Need:
    """What is wanted of the failing rows.

    Attributes:
        rows: How many of the first ones, at most.
        columns: Their columns.
        folder: Where the places of all of them are written; empty for nowhere.
    """

    rows: int
    columns: tuple[str, ...]
    folder: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What a partition found.

    Attributes:
        bad: Failing rows.
        looked: Rows that were judged.
        evidence: The first failing rows, numbered through the whole table; None if there are
            none.
    """

    bad: int
    looked: int
    evidence: pd.DataFrame | None


def evaluate_condition(node: Node, rows: Rows, need: Need, *, fast: bool = True) -> Part:
    """Judge the partition's rows.

    Raises:
        Exception: What the stock condition raises on these rows.
    """
    skips_null = bool(getattr(provided(node.name)[0], "filter_column_isnull", True))
    looked = considered(node.domain, rows, skips_null=skips_null)
    count = int(np.count_nonzero(looked))
    if count == 0:  # stock functions are not sure of their types on no rows
        return part_of(node, np.zeros(0, dtype=np.int64), 0, rows, need)
    bad = kernels.bad_rows(node, rows) if fast else None
    places = np.flatnonzero(bad & looked) if bad is not None else _stock_places(node, rows)
    return part_of(node, places, count, rows, need)


def part_of(node: Node, places: Places, looked: int, rows: Rows, need: Need) -> Part:
    """Keep of the failing rows what is wanted; places count from the partition's first row."""
    if need.folder and len(places):
        save_places(need.folder, node, rows, places)
    shown = places[: need.rows]
    present = [name for name in need.columns if name in rows.layout.schema.names]
    return Part(len(places), looked, rows.take(shown, present) if len(shown) else None)


def key_of(node: Node) -> str:
    """A short name of a condition, for files."""
    domain = {k: v for k, v in node.domain.items() if k != "batch_id" and v is not None}
    text = repr((node.name, sorted(domain.items()), sorted(node.value.items())))
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def places_file(folder: str, key: str, partition: int) -> Path:
    """Where a partition's failing rows of a condition are."""
    return Path(folder) / f"{key}-{partition}.npy"


def save_places(folder: str, node: Node, rows: Rows, places: Places) -> None:
    """Write row numbers, counted through the whole table; a repeated task writes the same."""
    path = places_file(folder, key_of(node), rows.partitions[0].number)
    aside = path.with_suffix(".part")
    with aside.open("wb") as file:
        np.save(file, places + rows.offset)
    aside.replace(path)


def _stock_places(node: Node, rows: Rows) -> Places:
    names = rows.layout.schema.names
    wanted = [*node.columns(), *condition_columns(node.domain, names)]
    frame = rows.frame([name for name in dict.fromkeys(wanted) if name in names])
    engine = small_engine(frame, node.domain["batch_id"])
    broken, _, _ = call(node, engine)
    left = engine.get_domain_records(dict(node.domain))
    if "column" in node.domain and getattr(
        provided(node.name)[0], "filter_column_isnull", False
    ):
        left = left[left[node.domain["column"]].notnull()]
    return left.index[np.asarray(broken).astype(bool)].to_numpy() - rows.offset
