"""Fast paths of the common row-local conditions.

Why: the stock functions drop missing values by copying, and validate text row by row in Python;
    most columns of text hold few distinct values, and numbers need no copy.
Promise: a kernel answers with Great Expectations' own function, asked once a distinct value or
    once for the whole column, so results are the stock ones; where a kernel does not apply, or
    its function raises, it returns None and the stock path decides.
Not here: which rows are considered (``filters.py``), the stock path (``conditions.py``).
"""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.gx_dask.errors import EngineError
from pipelines.gx_dask.filters import considered
from pipelines.gx_dask.rows import Coded, Rows
from pipelines.gx_dask.stock import (
    Node,
    call,
    is_stock,
    provided,
    small_engine,
    unfiltered,
)

Mask = NDArray[np.bool_]

# A whole-number column whose values span no more than this is coded by subtraction.
SPAN = 1 << 16


def bad_rows(node: Node, rows: Rows) -> Mask | None:
    """Rows that break the condition, shape ``(n_rows,)``; None where no kernel applies."""
    kernel = KERNELS.get(node.name.removesuffix(".condition"))
    if kernel is None or not is_stock(node.name):
        return None
    try:
        return kernel(node, rows)
    except (EngineError, MemoryError):
        raise
    except Exception:  # the stock path raises it again, or has an answer
        return None


def _null(node: Node, rows: Rows) -> Mask:
    return rows.valid(node.domain["column"])


def _nonnull(node: Node, rows: Rows) -> Mask:
    return ~rows.valid(node.domain["column"])


def _each_distinct(node: Node, rows: Rows) -> Mask:
    """Validate distinct values, and give each row the outcome of its own."""
    column = node.domain["column"]
    return _spread(node, coded_of(column, rows))


def _spread(node: Node, coded: Coded) -> Mask:
    column = node.domain["column"]
    frame = pd.DataFrame({column: coded.values})
    bare = Node(node.name, unfiltered(node.domain), node.value, node.known, _bare(node.maps))
    broken = np.asarray(call(bare, small_engine(frame, node.domain["batch_id"]))[0])
    if broken.dtype != bool:
        raise TypeError(f"{node.name} gave {broken.dtype}")
    outcomes = np.zeros(len(frame) + 1, dtype=bool)
    outcomes[:-1][frame[column].notna().to_numpy()] = broken
    return outcomes[coded.codes]


def _bare(maps: Any) -> dict[str, Node]:
    return {
        name: Node(m.name, unfiltered(m.domain), m.value, m.known, _bare(m.maps))
        for name, m in maps.items()
    }


def coded_of(column: str, rows: Rows) -> Coded:
    """A column by its distinct values, small whole numbers without looking them up."""
    return rows.once("codes", column, lambda: _by_span(column, rows) or rows.coded(column))


def _by_span(column: str, rows: Rows) -> Coded | None:
    if rows.series_kind(column) not in "iu" or not rows.count:
        return None
    values = rows.series(column)
    low, high = int(values.min()), int(values.max())
    if high - low >= SPAN:
        return None
    every = pd.Series(np.arange(low, high + 1), dtype=values.dtype)
    return Coded(every, (values.to_numpy() - low).astype(np.int32))


def _between(node: Node, rows: Rows) -> Mask | None:
    kind = rows.layout.empty_frame[node.domain["column"]].dtype
    plain = kind in (np.dtype(int), np.dtype(float))
    moment = isinstance(kind, pd.DatetimeTZDtype) or kind == "datetime64[ns]"
    if plain or moment:
        return _whole_column(node, rows)
    return _each_distinct(node, rows)


def _in_set(node: Node, rows: Rows) -> Mask | None:
    column = node.domain["column"]
    if rows.series_kind(column) == "f":
        return _whole_column(node, rows)
    if rows.series_kind(column) in "iu" and _by_span(column, rows) is None:
        return _whole_column(node, rows)
    return _each_distinct(node, rows)


def _whole_column(node: Node, rows: Rows) -> Mask | None:
    """Ask the function inside the stock metric, which sees missing values too.

    Rows without a value are left out afterwards, so what it returns for them does not matter.
    """
    if any(rows.series_kind(name) not in "iufM" for name in node.columns()):
        return None
    columns = [rows.series(name) for name in _named(node)]
    maps: dict[str, Any] = {
        name: (_raw(m)(*columns, **m.value, _metrics=m.known), {}, {})
        for name, m in node.maps.items()
    }
    met = _raw(node)(*columns, **node.value, _metrics={**node.known, **maps})
    return ~np.asarray(met, dtype=bool)


def _whole_frame(node: Node, rows: Rows) -> Mask | None:
    if any(rows.series_kind(name) not in "iuf" for name in node.columns()):
        return None
    frame = pd.DataFrame({name: rows.series(name) for name in node.columns()})
    met = _raw(node)(frame[_named(node)], **node.value, _metrics=dict(node.known))
    return ~np.asarray(met, dtype=bool)


def _named(node: Node) -> list[str]:
    """Its columns as the expectation names them, one named twice being there twice."""
    singles = [
        node.domain[key] for key in ("column", "column_A", "column_B") if key in node.domain
    ]
    return singles or list(node.domain["column_list"])


def _raw(node: Node) -> Callable[..., object]:
    provider, function = provided(node.name)
    inner = inspect.unwrap(function)

    def ask(*columns: Any, **arguments: Any) -> object:
        return inner(provider, *columns, **arguments)

    return ask


def _unique_within_record(node: Node, rows: Rows) -> Mask | None:
    """Two equal values in a row; columns of one number type, where no comparison rounds."""
    kinds = {rows.layout.empty_frame[name].dtype for name in node.columns()}
    if len(kinds) != 1 or rows.series_kind(node.columns()[0]) not in "iuf":
        return None
    columns = [rows.series(name).to_numpy() for name in _named(node)]
    repeated = np.zeros(rows.count, dtype=bool)
    for index, left in enumerate(columns):
        for right in columns[index + 1 :]:
            repeated |= left == right
            repeated |= (left != left) & (right != right)  # noqa: PLR0124 both are NaN
    return repeated


def _pair_in_set(node: Node, rows: Rows) -> Mask:
    """Validate distinct pairs."""
    names = [node.domain["column_A"], node.domain["column_B"]]
    left, right = (coded_of(name, rows) for name in names)
    looked = considered(node.domain, rows, skips_null=True)
    width = len(right.values) + 1
    key = (left.codes.astype(np.int64) + 1) * width + right.codes + 1
    distinct, index = np.unique(key[looked], return_inverse=True)
    pairs = {
        name: coded.values.reindex(codes - 1).reset_index(drop=True)
        for name, coded, codes in zip(
            names, (left, right), (distinct // width, distinct % width), strict=True
        )
    }
    bare = Node(node.name, unfiltered(node.domain), node.value, node.known)
    broken = call(bare, small_engine(pd.DataFrame(pairs), node.domain["batch_id"]))[0]
    bad = np.zeros(rows.count, dtype=bool)
    bad[looked] = np.asarray(broken, dtype=bool)[index]
    return bad


Kernel = Callable[[Node, Rows], Mask | None]

KERNELS: dict[str, Kernel] = {
    "column_values.null": _null,
    "column_values.nonnull": _nonnull,
    "column_values.between": _between,
    "column_values.in_set": _in_set,
    "column_values.not_in_set": _in_set,
    "column_values.not_outliers": _whole_column,
    "column_values.z_score.under_threshold": _whole_column,
    "column_pair_values.equal": _whole_column,
    "column_pair_values.a_greater_than_b": _whole_column,
    "column_pair_values.in_set": _pair_in_set,
    "multicolumn_sum.equal": _whole_frame,
    "multicolumn_values.equal": _whole_frame,
    "select_column_values.unique.within_record": _unique_within_record,
}
KERNELS |= dict.fromkeys(
    (
        "column_values.dateutil_parseable",
        "column_values.in_type_list",
        "column_values.json_parseable",
        "column_values.match_json_schema",
        "column_values.match_regex",
        "column_values.match_regex_list",
        "column_values.match_strftime_format",
        "column_values.not_match_regex",
        "column_values.not_match_regex_list",
        "column_values.of_type",
        "column_values.value_length.between",
        "column_values.value_length.equals",
    ),
    _each_distinct,
)
