"""Column aggregates: a summary of each partition, and how summaries merge.

Why: a mean needs three numbers of a partition, not its rows.
Promise: a rule is used only for types on which it gives what the stock metric gives on the
    whole column: counts, extremes, distinct values and whole-number sums exactly. What
    a rule leaves open (types, order, missing values) is answered by the stock metric on the
    merged, small column.
Not here: count, mean and deviation (``moments.py``), quantiles (``quantiles.py``), counting distinct values beyond memory
    (``uniqueness.py``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.gx_dask.filters import kept_by_condition
from pipelines.gx_dask.kernels import coded_of
from pipelines.gx_dask.moments import Moments, looked_at, merged_moments, moments, values_of
from pipelines.gx_dask.partitions import Layout
from pipelines.gx_dask.rows import Rows
from pipelines.gx_dask.stock import Node, call, small_engine, unfiltered

# More distinct values than this in one column do not belong on the driver.
MOST_DISTINCT = 2_000_000


@dataclass(frozen=True, slots=True)
class MergeRule:
    """How a metric is computed by parts.

    Attributes:
        part: Summary of one partition.
        merge: The metric's value from all summaries, in the order of partitions.
        kinds: Types it is used for, as NumPy's letters; others are gathered.
    """

    part: Callable[[Node, Rows], object]
    merge: Callable[[Node, Sequence[Any], Layout], object]
    kinds: str = "iufbMmO"


def applies(node: Node, kind: str) -> bool:
    """Whether there is a rule for the metric on a column of that type."""
    rule = RULES.get(node.name)
    if rule is None or (kind and kind not in rule.kinds):
        return False
    if node.name == "column_values.between.count":
        return _has_one_bound(node)
    return node.name != "column.value_counts" or node.value.get("sort", "value") == "value"


def summary(node: Node, rows: Rows) -> object:
    """What the metric's rule keeps of one partition."""
    return RULES[node.name].part(node, rows)


def merge(node: Node, parts: Sequence[Any], layout: Layout) -> object:
    """The metric's value from all summaries, in the order of partitions."""
    return RULES[node.name].merge(node, parts, layout)


def _count_rows(node: Node, rows: Rows) -> int:
    kept = kept_by_condition(node.domain, rows)
    return rows.count if kept is None else int(np.count_nonzero(kept))


def _count_values(node: Node, rows: Rows) -> int:
    return int(np.count_nonzero(looked_at(node, rows)))


def _sum_counts(node: Node, parts: Sequence[int], layout: Layout) -> int:
    return sum(parts[1:], start=parts[0])  # of the stock type, which divides by zero its way


def _sum_numpy(node: Node, parts: Sequence[int], layout: Layout) -> np.int64:
    return np.int64(sum(parts))


def _extreme(which: str) -> Callable[[Node, Rows], tuple[Any] | None]:
    def part(node: Node, rows: Rows) -> tuple[Any] | None:
        if rows.series_kind(node.domain["column"]) == "O":
            values = _distinct(node, rows)[0]
        else:
            values = values_of(node, rows)
        return (getattr(values, which)(),) if len(values) else None

    return part


def _merge_extreme(which: Callable[..., Any]) -> Callable[..., Any]:
    def merge(node: Node, parts: Sequence[Any], layout: Layout) -> object:
        found = [part[0] for part in parts if part is not None]
        return which(found) if found else on_column(node, [], layout)

    return merge


def as_column(value: float, node: Node, layout: Layout) -> np.floating:
    """A mean, sum or deviation of the precision that pandas gives it: a float column's own."""
    kind = layout.empty_frame[node.domain["column"]].dtype
    return kind.type(value) if kind.kind == "f" else np.float64(value)


def _merge_mean(node: Node, parts: Sequence[Moments], layout: Layout) -> object:
    whole = merged_moments(parts)
    return as_column(whole.mean, node, layout) if whole.count else on_column(node, [], layout)


def _merge_sum(node: Node, parts: Sequence[Moments], layout: Layout) -> object:
    whole = merged_moments(parts)
    if not whole.count:
        return on_column(node, [], layout)
    if isinstance(whole.total, float):
        return as_column(whole.total, node, layout)
    unsigned = layout.empty_frame[node.domain["column"]].dtype.kind == "u"
    wrapped = np.array([whole.total % 2**64], dtype=np.uint64)  # as NumPy's own sum does
    return wrapped[0] if unsigned else wrapped.view(np.int64)[0]


def _merge_deviation(node: Node, parts: Sequence[Moments], layout: Layout) -> np.floating:
    whole = merged_moments(parts)
    if whole.count <= 1:
        return np.float64(np.nan)
    return np.sqrt(as_column(whole.m2 / (whole.count - 1), node, layout))


def _distinct(node: Node, rows: Rows) -> tuple[pd.Series, NDArray[np.int64], int]:
    """Distinct values, how often each occurs, and how many rows have none."""
    coded = coded_of(node.domain["column"], rows)
    kept = kept_by_condition(node.domain, rows)
    codes = coded.codes if kept is None else coded.codes[kept]
    counts = np.bincount(codes + 1, minlength=len(coded.values) + 1)
    there = coded.values.notna().to_numpy()
    missing = int(counts[0] + counts[1:][~there].sum())
    seen = there & (counts[1:] > 0)
    if np.count_nonzero(seen) > MOST_DISTINCT:
        raise ValueError(too_many(node))
    return coded.values[seen], counts[1:][seen], missing


def too_many(node: Node) -> str:
    """Why nothing is returned for a column with more distinct values than the driver should hold."""
    return (
        f"{node.name}: column {node.domain['column']} has more than {MOST_DISTINCT:,} distinct "
        f"values. Expected fewer, as all of them are part of the answer. Use an expectation "
        f"about uniqueness or the number of distinct values instead."
    )


def _merge_distinct(node: Node, parts: Sequence[Any], layout: Layout) -> object:
    """The stock metric on a column that holds each distinct value once."""
    values = pd.concat([part[0] for part in parts]).drop_duplicates()
    if len(values) > MOST_DISTINCT:
        raise ValueError(too_many(node))
    return on_column(node, values, layout, missing=any(part[2] for part in parts))


def _merged_counts(parts: Sequence[Any], node: Node) -> pd.Series:
    values = pd.concat([pd.Series(part[1], index=pd.Index(part[0])) for part in parts])
    counts = values.groupby(level=0, sort=False, observed=True).sum()
    if len(counts) > MOST_DISTINCT:
        raise ValueError(too_many(node))
    return counts


def _merge_value_counts(node: Node, parts: Sequence[Any], layout: Layout) -> pd.Series:
    counts = _merged_counts(parts, node).astype("int64").sort_index()
    counts.name, counts.index.name = "count", "value"
    return counts


def _merge_most_common(node: Node, parts: Sequence[Any], layout: Layout) -> object:
    counts = _merged_counts(parts, node)
    most = counts.index[counts.to_numpy() == counts.max()] if len(counts) else []
    return on_column(node, most, layout)


def _histogram(node: Node, rows: Rows) -> NDArray[np.int64]:
    return np.histogram(values_of(node, rows), node.value["bins"], density=False)[0]


def _count_between(node: Node, rows: Rows) -> object:
    """The stock metric on the partition, which it counts as it would the whole column."""
    column = node.domain["column"]
    bare = Node(node.name, unfiltered(node.domain), node.value, node.known)
    frame = pd.DataFrame({column: values_of(node, rows)})
    return call(bare, small_engine(frame, node.domain["batch_id"]))


def _has_one_bound(node: Node) -> bool:
    """With both, the stock metric asks whether a whole column is true, and raises."""
    return (node.value.get("min_value") is None) != (node.value.get("max_value") is None)


def _merge_histogram(
    node: Node, parts: Sequence[NDArray[np.int64]], layout: Layout
) -> list[np.int64]:
    return list(np.sum(parts, axis=0))


def on_column(node: Node, values: Any, layout: Layout, *, missing: bool = False) -> object:
    """The stock metric on a column of these values, of the whole column's type."""
    column = node.domain["column"]
    kind = layout.empty_frame[column].dtype
    lacking = [None] if missing else []
    series = pd.Series([*values, *lacking], dtype=kind)
    bare = Node(node.name, unfiltered(node.domain), node.value, node.known)
    frame = pd.DataFrame({column: series})
    return call(bare, small_engine(frame, node.domain["batch_id"]))


RULES = {
    "table.row_count": MergeRule(_count_rows, _sum_counts),
    "column.non_null_count": MergeRule(_count_values, _sum_numpy),
    "column.min": MergeRule(_extreme("min"), _merge_extreme(min), "iufMmO"),
    "column.max": MergeRule(_extreme("max"), _merge_extreme(max), "iufMmO"),
    "column.mean": MergeRule(moments, _merge_mean, "iuf"),
    "column.sum": MergeRule(moments, _merge_sum, "iuf"),
    "column.standard_deviation": MergeRule(moments, _merge_deviation, "iuf"),
    "column.distinct_values": MergeRule(_distinct, _merge_distinct, "iufMO"),
    "column.distinct_values.missing_from_column": MergeRule(
        _distinct, _merge_distinct, "iufMO"
    ),
    "column.distinct_values.missing_from_column.count": MergeRule(
        _distinct, _merge_distinct, "iufMO"
    ),
    "column.distinct_values.not_in_set": MergeRule(_distinct, _merge_distinct, "iufMO"),
    "column.distinct_values.not_in_set.count": MergeRule(_distinct, _merge_distinct, "iufMO"),
    "column.value_counts": MergeRule(_distinct, _merge_value_counts, "iufMO"),
    "column.most_common_value": MergeRule(_distinct, _merge_most_common, "iufMO"),
    "column_values.between.count": MergeRule(_count_between, _sum_counts, "iuf"),
    "column.histogram": MergeRule(_histogram, _merge_histogram, "iuf"),
}
