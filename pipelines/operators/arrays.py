"""Rows through a fitted program: columns in, row-major matrices out.

Why: half a million rows of ten float64 columns and all that becomes of them do not fit a cache, and
    fresh memory for each costs more than the arithmetic.
Promise: a row's result depends on that row alone, so blocks change no bit.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.operators.blocks import Block, closed, opened
from pipelines.operators.operator import IDS, SEQUENCE, Fit
from pipelines.operators.values import Words

if TYPE_CHECKING:
    from pipelines.operators.program import Line

    Fitted = Sequence[tuple[Line, tuple[Fit, ...]]]

# 131 k rows took 0.6 times the CPU of 524 k at once (2 cores, 10 columns to 10).
BLOCK_ROWS = 1 << 16
# Rows of a matrix that are written column by column while they are in the cache.
CACHED_ROWS = 1 << 14


def overflow_allowed() -> Any:
    """What does not fit float64 is unknown, which needs no warning."""
    import numpy as np

    return np.errstate(over="ignore", invalid="ignore", divide="ignore")


def transformed(
    xp: Any, fitted: "Fitted", blocks: Sequence[Block], columns: Mapping[str, Any]
) -> dict[str, Any]:
    """See ``FittedProgram.transform``."""
    n_rows = _length(next(iter(columns.values())))
    rows_alone = [line for line, _ in fitted if line.kind != SEQUENCE]
    numeric = sum(len(line.numeric(line.outputs())) for line in rows_alone)
    ids = sum(line.gives() == IDS for line, _ in fitted)
    found = {}
    if numeric:
        found["x"] = xp.empty((n_rows, numeric), xp.float32)
    if ids:
        found["ids"] = xp.empty((n_rows, ids), xp.int32)
    for block in blocks:
        events, length = block.reads()
        shape = (n_rows, block.steps, len(block.features))
        found |= {events: xp.empty(shape, xp.float32), length: xp.empty(n_rows, xp.int32)}
    with overflow_allowed():
        for rows in in_blocks(n_rows):
            into = {name: matrix[rows] for name, matrix in found.items()}
            some = opened(xp, blocks, some_rows(columns, rows))
            _fill(xp, [each for each in fitted if each[0].kind != SEQUENCE], some, into)
            for block in blocks:
                _fill_block(xp, fitted, block, some, into)
    return found


def _fill_block(
    xp: Any,
    fitted: "Fitted",
    block: Block,
    columns: Mapping[str, Any],
    into: Mapping[str, Any],
) -> None:
    outputs = [
        line.transform(xp, columns, fits)[0]
        for line, fits in fitted
        if line.inputs[0] in block.columns()
    ]
    events, length = block.reads()
    closed(xp, block, columns[length], outputs, into[events])
    into[length][:] = columns[length]


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


def in_blocks(n_rows: int) -> Iterator[slice]:
    """Where each block of so many rows lies."""
    return (slice(first, first + BLOCK_ROWS) for first in range(0, n_rows, BLOCK_ROWS))


def some_rows(columns: Mapping[str, Any], rows: slice) -> dict[str, Any]:
    """Neighbouring rows of columns, not copied."""
    return {
        name: Words(values.words, values.code[rows])
        if isinstance(values, Words)
        else values[rows]
        for name, values in columns.items()
    }


def _length(values: Any) -> int:
    return len(values.code) if isinstance(values, Words) else len(values)
