"""A feature's values as a few ranges or values, which slices are made of.

Promise: cuts follow from the values alone, not from how good the model is on them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.row_groups import MISSING, OTHER, is_missing
from pipelines.spec import Categorical, Chain, Numeric, Pipeline, SliceSearch
from pipelines.spec.checks.evaluation import subgroup_kinds
from pipelines.spec.checks.explaining import sliced_columns

DIGITS = 3


@dataclass(frozen=True, slots=True)
class CutColumn:
    """A feature's values by range.

    Attributes:
        column: Name of the feature.
        names: Of its ranges or values.
        code: Index of each row's, ``(n_rows,)``.
    """

    column: str
    names: tuple[str, ...]
    code: NDArray[np.int64]


def searched_kinds(pipeline: Pipeline, search: SliceSearch) -> dict[str, str]:
    """Kind of each feature that is searched: the declared ones, or all whose values may be shown."""
    kinds, hidden = subgroup_kinds(pipeline), _hidden(pipeline)
    every = tuple(name for name in sliced_columns(pipeline) if name not in hidden)
    return {name: kinds[name] for name in search.columns or every}


def _hidden(pipeline: Pipeline) -> set[str]:
    """Features that are values of sensitive columns: a range or a word of theirs would be on a page."""
    found = set[str]()
    for feature in pipeline.features:
        source = feature.source if isinstance(feature, Chain) else feature
        if isinstance(source, Numeric | Categorical):
            table = pipeline.of_table(source.table or pipeline.examples)
            found |= {*source.names()} if source.column in table.sensitive_columns() else set()
    return found


def cut_columns(columns: Mapping[str, NDArray[Any]], ranges: int) -> list[CutColumn]:
    """Each column cut; one with a single range is left out."""
    found = (_cut(name, values, ranges) for name, values in columns.items())
    return [each for each in found if len(each.names) > 1]


def _cut(name: str, values: NDArray[Any], ranges: int) -> CutColumn:
    missing = is_missing(values)
    known = values[~missing]
    names, code = (
        _of_values(known, ranges)
        if values.dtype.kind == "O" or len(np.unique(known)) <= ranges
        else _of_ranges(known.astype(np.float64), ranges)
    )
    codes = np.full(len(values), len(names), np.int64)
    codes[~missing] = code
    return CutColumn(name, (*names, MISSING) if missing.any() else names, codes)


def _of_values(known: NDArray[Any], most: int) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The most frequent values, and the others together."""
    values, inverse, counts = np.unique(known, return_inverse=True, return_counts=True)
    frequent = np.sort(np.argsort(-counts, kind="stable")[:most])
    of_value = np.full(len(values), len(frequent), np.int64)
    of_value[frequent] = np.arange(len(frequent))
    names = tuple(_text(value) for value in values[frequent])
    return (*names, OTHER) if len(values) > most else names, of_value[inverse]


def _of_ranges(
    known: NDArray[np.float64], ranges: int
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Ranges between quantiles, rounded to what is readable."""
    quantiles = np.quantile(known, np.arange(1, ranges) / ranges)
    cuts = np.unique([float(f"{each:.{DIGITS}g}") for each in quantiles])
    code = np.searchsorted(cuts, known, side="right")
    between = (f"{low:g} to below {high:g}" for low, high in pairwise(cuts))
    return (f"below {cuts[0]:g}", *between, f"{cuts[-1]:g} and above"), code


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, np.number) else str(value)
