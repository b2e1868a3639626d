"""Which columns and rows of a partition a metric looks at.

Why: row conditions and the treatment of missing values choose rows before a metric does; a
    kernel that looks at whole columns has to leave the same rows out.
Promise: row conditions are evaluated by the stock engine, once a condition and partition; the
    rest follows Great Expectations' rules for one, two and many columns.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.gx_dask.partitions import Layout
from pipelines.gx_dask.rows import Rows
from pipelines.gx_dask.stock import Node, call, domain_columns, small_engine

DROPPED_IF_ANY = ("either_value_is_missing", "any_value_is_missing")
DROPPED_IF_ALL = ("both_values_are_missing", "all_values_are_missing")


def condition_columns(domain: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Columns that a row condition reads.

    A column is referred to by its name, whatever the syntax, so a name that is nowhere in the
    condition's text is not read. A name with a backtick is written in another way there.
    """
    condition = domain.get("row_condition")
    if not condition:
        return []
    text = condition if isinstance(condition, str) else repr(condition)
    if any("`" in name for name in names):
        return list(names)
    return [name for name in names if name in text]


def columns_read(node: Node, layout: Layout) -> list[str]:
    """Columns a metric reads, those of its row condition too, without those there are not."""
    names = layout.schema.names
    wanted = [*node.columns(), *condition_columns(node.domain, names)]
    return [name for name in dict.fromkeys(wanted) if name in names]


def stock_value(node: Node, rows: Rows) -> object:
    """The stock metric on the columns that it reads; all columns where it names none.

    Raises:
        Exception: What the stock metric raises on these rows.
    """
    frame = rows.frame(columns_read(node, rows.layout) or rows.layout.schema.names)
    return call(node, small_engine(frame, node.domain["batch_id"]))


def kept_by_condition(domain: Mapping[str, Any], rows: Rows) -> NDArray[np.bool_] | None:
    """Rows that the row condition leaves, shape ``(n_rows,)``; None for all of them.

    Raises:
        Exception: What the stock engine raises for a condition it cannot evaluate.
    """
    condition = domain.get("row_condition")
    if not condition:
        return None
    text = repr((condition, domain.get("condition_parser")))
    return rows.once("kept", text, lambda: _kept(domain, rows))


def _kept(domain: Mapping[str, Any], rows: Rows) -> NDArray[np.bool_]:
    frame = rows.frame(condition_columns(domain, rows.layout.schema.names))
    keys = ("batch_id", "row_condition", "condition_parser")
    engine = small_engine(frame, domain["batch_id"])
    left = engine.get_domain_records({key: domain[key] for key in keys if key in domain})
    kept = np.zeros(rows.count, dtype=bool)
    kept[left.index.to_numpy() - rows.offset] = True
    return kept


def considered(domain: Mapping[str, Any], rows: Rows, *, skips_null: bool) -> NDArray[np.bool_]:
    """Rows that a map metric validates, shape ``(n_rows,)``.

    Args:
        domain: The metric's domain; its ``ignore_row_if`` must be one of the known ones.
        rows: The partition.
        skips_null: Whether a metric on one column passes over missing values.
    """
    kept = kept_by_condition(domain, rows)
    looked = np.ones(rows.count, dtype=bool) if kept is None else kept.copy()
    ignore = domain.get("ignore_row_if")
    if "column" in domain:
        return looked & rows.valid(domain["column"]) if skips_null else looked
    valid = [rows.valid(name) for name in domain_columns(domain)]
    if ignore in DROPPED_IF_ANY:
        looked &= np.logical_and.reduce(valid)
    elif ignore in DROPPED_IF_ALL:
        looked &= np.logical_or.reduce(valid)
    return looked
