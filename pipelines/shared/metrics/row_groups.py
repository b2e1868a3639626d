"""Rows divided by the values of a column, and which groups are too small to be shown.

Promise: in a small group single people could be recognised, so it has no numbers; counts beside it are rounded, or
    the whole less the others would give its own away.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.operators.values import NULL_WHOLE
from pipelines.spec import Subgroup

LEAST_ENTITIES, LEAST_EVENTS = 10, 5
ROUNDED_TO = 10
MOST_VALUES = 12
MISSING, OTHER, RARE = "missing", "other values", "a rare value"


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows of a subgroup.

    Attributes:
        column: Column that divides rows.
        name: Name of the group.
        rows: Which test rows are in it, ``(n_rows,)``.
        is_value: Whether the name is a value of the data.
    """

    column: str
    name: str
    rows: NDArray[np.bool_]
    is_value: bool = False


def groups_of(subgroup: Subgroup, values: NDArray[Any]) -> Iterator[RowGroup]:
    """The groups of a column's values, those that have rows; rows without a value are one of their own."""
    missing = is_missing(values)
    for name, rows in _named(subgroup, values, ~missing):
        if rows.any():
            yield RowGroup(subgroup.column, name, rows, is_value=not subgroup.cuts)
    if missing.any():
        yield RowGroup(subgroup.column, MISSING, missing)


def _named(
    subgroup: Subgroup, values: NDArray[Any], there: NDArray[np.bool_]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    if not subgroup.cuts:
        yield from _by_value(values, there)
        return
    cuts, number = subgroup.cuts, np.where(there, values.astype(np.float64), np.nan)
    yield f"below {cuts[0]:g}", number < cuts[0]
    for low, high in pairwise(cuts):
        yield f"{low:g} to below {high:g}", (number >= low) & (number < high)
    yield f"{cuts[-1]:g} and above", number >= cuts[-1]


def _by_value(
    values: NDArray[Any], there: NDArray[np.bool_]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """A group for each of the most frequent values, one for the rest."""
    texts = values.astype(str)
    found, counts = np.unique(texts[there], return_counts=True)
    frequent = sorted(found[np.lexsort((found, -counts))][:MOST_VALUES])
    for value in frequent:
        yield str(value), there & (texts == value)
    yield OTHER, there & ~np.isin(texts, frequent)


def is_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which values of a raw column are unknown."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    return np.asarray(values == (NULL_WHOLE if values.dtype.kind == "i" else ""))


def is_small(entities: int, events: int | None) -> bool:
    """Whether rows are of too few entities, or have too few events; None where labels are not of an event."""
    return entities < LEAST_ENTITIES or (events is not None and events < LEAST_EVENTS)
