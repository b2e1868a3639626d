"""Rows through a fitted program: columns in, row-major matrices out.

Why: half a million rows of ten float64 columns and all that becomes of them do not fit a cache, and
    fresh memory for each costs more than the arithmetic.
Promise: a row's result depends on that row alone, so blocks change no bit.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.operators.operator import IDS, Fit
from pipelines.operators.values import Words

if TYPE_CHECKING:
    from pipelines.operators.program import Line

    Fitted = Sequence[tuple[Line, tuple[Fit, ...]]]

# 131 k rows took 0.6 times the CPU of 524 k at once (2 cores, 10 columns to 10).
BLOCK_ROWS = 1 << 17
# Rows of a matrix that are written column by column while they are in the cache.
CACHED_ROWS = 1 << 14


def overflow_allowed() -> Any:
    """What does not fit float64 is unknown, which needs no warning."""
    import numpy as np

    return np.errstate(over="ignore", invalid="ignore", divide="ignore")


def transformed(xp: Any, fitted: "Fitted", columns: Mapping[str, Any]) -> dict[str, Any]:
    """See ``FittedProgram.transform``."""
    n_rows = _length(next(iter(columns.values())))
    numeric = sum(len(line.numeric(line.outputs())) for line, _ in fitted)
    ids = sum(line.gives() == IDS for line, _ in fitted)
    found = {}
    if numeric:
        found["x"] = xp.empty((n_rows, numeric), xp.float32)
    if ids:
        found["ids"] = xp.empty((n_rows, ids), xp.int32)
    with overflow_allowed():
        for first in range(0, n_rows, BLOCK_ROWS):
            rows = slice(first, first + BLOCK_ROWS)
            _fill(xp, fitted, _some(columns, rows), {n: m[rows] for n, m in found.items()})
    return found


def _fill(
    xp: Any, fitted: "Fitted", columns: Mapping[str, Any], into: Mapping[str, Any]
) -> None:
    numeric, ids = list[Any](), list[Any]()
    for line, fits in fitted:
        outputs = line.transform(xp, columns, fits)
        numeric += line.numeric(outputs)
        ids += outputs[:1] if line.gives() == IDS else []
    if numeric:
        _side_by_side(numeric, into["x"])
        # After the rounding: what float32 does not hold is as unknown as what float64 does not.
        finite = xp.isfinite(into["x"])
        if not bool(finite.all()):
            into["x"][~finite] = 0.0
    if ids:
        _side_by_side(ids, into["ids"])


def _side_by_side(columns: list[Any], matrix: Any) -> None:
    for first in range(0, len(matrix), CACHED_ROWS):
        rows = slice(first, first + CACHED_ROWS)
        for nth, values in enumerate(columns):
            matrix[rows, nth] = values[rows]


def _some(columns: Mapping[str, Any], rows: slice) -> dict[str, Any]:
    return {
        name: Words(values.words, values.code[rows])
        if isinstance(values, Words)
        else values[rows]
        for name, values in columns.items()
    }


def _length(values: Any) -> int:
    return len(values.code) if isinstance(values, Words) else len(values)
